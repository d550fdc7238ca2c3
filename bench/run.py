"""Time what users wait for, side by side in one run: `make bench`, with the lab up and applied.

Each command is a whole process, started RUNS times; the figures are minimum and median. Beside each
stands what a person would do instead, and the ratio of the medians.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LAB = str(ROOT / "tests/lab/lab")
HOMELAB = str(ROOT / ".venv/bin/homelab")
RECORDED = str(ROOT / "tests/recorded/applied.json")
RUNS = 7
BY_HAND = """
for guest in web db app; do
    lxc config show $guest
    lxc exec $guest -- docker network inspect $(lxc exec $guest -- docker network ls -q)
    lxc exec $guest -- iptables-save
done
ip route; sysctl net.ipv4.ip_forward
"""


class Case(NamedTuple):
    name: str
    command: list[str]
    instead_name: str
    instead: list[str]


CASES = [
    Case("homelab --help", [HOMELAB, "--help"], "an empty Python", [sys.executable, "-c", ""]),
    Case(
        "homelab diagnose --snapshot (the lab)",
        [HOMELAB, "diagnose", "--snapshot", RECORDED],
        "an empty Python",
        [sys.executable, "-c", ""],
    ),
    Case(
        "homelab diagnose, live (3 guests), probes included",
        [LAB, "host", "--", "homelab", "-i", "inventory", "diagnose"],
        "the same without probes",
        [LAB, "host", "--", "homelab", "-i", "inventory", "diagnose", "--no-probe"],
    ),
    Case(
        "homelab apply, nothing to change (3 guests)",
        [LAB, "host", "--", "homelab", "-i", "inventory", "apply"],
        "the same facts by lxc exec, in a shell loop",
        [LAB, "host", "--", "sh", "-c", BY_HAND],
    ),
]


def measure(command: list[str]) -> list[float]:
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - begin)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return times


def main() -> None:
    for case in CASES:
        ours, theirs = measure(case.command), measure(case.instead)
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(
            f"{case.name}: min {min(ours) * 1000:.0f} ms, median {statistics.median(ours) * 1000:.0f} ms"
        )
        print(
            f"    {case.instead_name}: median {statistics.median(theirs) * 1000:.0f} ms "
            f"({ratio:.2f} times ours)"
        )


if __name__ == "__main__":
    main()
