"""How the work grows with the lab: `make bench`, or `python -m bench.scale`. Needs no lab and no root.

Each command is a whole process on one core, started RUNS times; the figures are the least processor time, which is what
it takes with the core to itself, and the peak of resident memory. Growth is shown as a ratio.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from bench.synthetic import HEALTHY, Fault, lab
from homelab.diagnosis.box import Box
from homelab.diagnosis.netfilter import Context, Firewall
from homelab.diagnosis.packet import Packet
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.place import HOST

ROOT = Path(__file__).parents[1]
RUNS = 2
HOMELAB = [sys.executable, "-m", "homelab"]
BROKEN = {
    "the host does not forward, one cause": Fault(host=True),
    "the host has no route to any of them": Fault(routes=True),
    "each dropped by a rule of its own": Fault(networks=True),
}
RULES = 5_000
LINES = 10_000


class Figure(NamedTuple):
    seconds: float
    megabytes: float
    output: int


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = diagnosed(folder, 100, HEALTHY, "healthy")
        for networks in (1_000, 4_000):
            grown = diagnosed(folder, networks, HEALTHY, "healthy")
            print(
                f"    {networks // 100} times the networks: {grown.seconds / base.seconds:.1f} times the "
                f"time, {grown.megabytes / base.megabytes:.1f} times the memory"
            )
        for name, fault in BROKEN.items():
            diagnosed(folder, 1_000, fault, name)
        batch(folder)
    ruleset()


def diagnosed(folder: str, networks: int, fault: Fault, name: str) -> Figure:
    file = written(folder, networks, fault)
    found = best([*HOMELAB, "diagnose", "--snapshot", str(file)], folder)
    print(
        f"diagnose {networks} networks, {networks * 4} containers, {name}: {found.seconds:.2f} s, "
        f"{found.megabytes:.0f} MiB, {found.output} lines"
    )
    file.unlink()
    return found


def written(folder: str, networks: int, fault: Fault) -> Path:
    """The snapshot in a file, written by a process of its own, whose memory is free again then."""
    file = Path(folder) / "lab.json"
    child = os.fork()
    if child == 0:
        with file.open("w", encoding="utf-8") as stream:
            json.dump(lab(networks, fault), stream)
        os._exit(0)
    os.waitpid(child, 0)
    return file


def best(command: list[str], folder: str) -> Figure:
    found = [once(command, folder) for _ in range(RUNS)]
    return min(found)


def once(command: list[str], folder: str) -> Figure:
    """One run on one core, away from any inventory that may lie about."""
    output = Path(folder) / "output"
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.execve(command[0], command, {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: exit {os.waitstatus_to_exitcode(status)}")
    lines = output.read_bytes().count(b"\n")
    return Figure(seconds, usage.ru_maxrss / 1024, lines)


def batch(folder: str) -> None:
    recorded = str(ROOT / "tests/recorded/applied.json")
    file = Path(folder) / "batch"
    targets = ("10.90.1.10:80", "10.90.7.10", "front", "10.90.3.10:80")
    lines = (json.dumps({"from": "lan", "to": targets[at % 4]}) for at in range(LINES))
    file.write_text("\n".join(lines), encoding="utf-8")
    found = best([*HOMELAB, "trace", "--batch", str(file), "--snapshot", recorded], folder)
    each = found.seconds / LINES * 1000
    print(f"trace --batch, {LINES} lines: {found.seconds:.2f} s, {each:.2f} ms a line")


def ruleset() -> None:
    """A host's own rules: many for single addresses, some by port and state, a chain that is jumped to."""
    lines = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
    lines += [":many - [0:0]", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"]
    lines += ["-A FORWARD -i eth0 -j many"]
    for at in range(RULES - 3):
        match = f"-s 10.{at // 250 % 250}.{at % 250}.0/24 -p tcp -m tcp --dport {1024 + at}"
        lines.append(f"-A many {match} -m comment --comment number-{at} -j ACCEPT")
    lines += ["-A many -d 10.90.1.10/32 -j ACCEPT", "COMMIT", ""]
    here = Namespace(rulesets=(Ruleset("iptables-nft", "\n".join(lines)),))
    packet = Packet(
        ip_address("192.0.2.1"),
        ip_address("10.90.1.10"),
        "tcp",
        40000,
        80,
        flags=frozenset({"SYN"}),
    )
    context = Context(Box(HOST, here), iif="eth0", oif="br0")
    parsed = least(lambda: Firewall.compile(here, HOST))
    firewall = Firewall.compile(here, HOST)
    first = (
        least(lambda: Firewall.compile(here, HOST).traverse("forward", packet, context)) - parsed
    )
    through = least(lambda: firewall.traverse("forward", packet, context))
    print(
        f"{RULES} rules: parsed in {parsed * 1000:.0f} ms, the first packet through all of them "
        f"{first * 1000:.1f} ms, each further one {through * 1000:.2f} ms"
    )


def least(work: Callable[[], object]) -> float:
    times = []
    for _ in range(7):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


if __name__ == "__main__":
    main()
