"""homelab beside Ansible, pyinfra and the least program that does the work, on the real lab: `make bench`, lab up, as root.

The networks of a case are made, looked at again, one more is made, and all are removed, by each tool in turn; the lab is as
bare before each. Figures are wall time and the peak of memory of the largest process, from one run of each.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LAB = [str(ROOT / "tests/lab/lab"), "host", "--"]
VENV = ROOT / ".bench"
WORK = VENV / "work"
PEERS = ROOT / "bench/peers"
PAGE = ROOT / "docs/bench.md"
GUESTS = {"web": "10.77.0.11", "db": "10.77.0.12", "app": "10.77.0.13"}
HOST_ON_LAN = "10.0.0.2"
PHASES = ("cold", "no change", "one change", "destroy")
CASES = {
    "10 networks in one guest": (10, ("web",)),
    "50 networks in three guests": (50, tuple(GUESTS)),
}
HEAD = """# homelab beside what people use today

Measured by `bench/against.py` on {day}, on the lab of `tests/lab/lab up`, {cores} cores of a {load}; one run of each.
Versions: {versions}.

The work: Docker networks, an accept for each where Docker drops what is routed, a route to each on the host and on the router.
Ansible has `community.docker.docker_network` and guarded shell commands, pyinfra facts and shell commands; both reach the
daemons by the same sockets as homelab. The floor is `bench/peers/floor.py`: exactly the needed calls, nothing else. homelab alone also
reads the whole lab, turns on forwarding in the guests, foresees, journals, probes and reads again. Memory is that of the largest process.
Compare within a table, not between days: other work on the machine takes its share of all four.
"""


class Figure(NamedTuple):
    seconds: float
    megabytes: float


def said(*command: str) -> str:
    done = subprocess.run([*LAB, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def networks(count: int, guests: tuple[str, ...]) -> list[dict[str, Any]]:
    pids = {
        each: json.loads(said("lxc", "query", f"/1.0/instances/{each}/state"))["pid"]
        for each in guests
    }
    rows = [row(number, guests[number % len(guests)], pids) for number in range(count)]
    return sorted(rows, key=lambda each: guests.index(each["guest"]))


def row(number: int, guest: str, pids: dict[str, int]) -> dict[str, Any]:
    options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    if guest == "app":
        options["com.docker.network.bridge.gateway_mode_ipv4"] = "nat-unprotected"
    return {
        "guest": guest,
        "pid": pids[guest],
        "name": f"n{number}",
        "subnet": f"10.90.{100 + number}.0/24",
        "gateway": f"10.90.{100 + number}.1",
        "options": options,
        "accept": guest != "app",
        "via": GUESTS[guest],
        "host": HOST_ON_LAN,
    }


def inventory(rows: list[dict[str, Any]]) -> str:
    """As homelab takes it: JSON is YAML."""
    guests: dict[str, Any] = {}
    for each in rows:
        nic = {"network": "lxdbr0", "address": each["via"]}
        guest = guests.setdefault(each["guest"], {"host": "nuc", "nic": nic, "networks": {}})
        guest["networks"][each["name"]] = {
            "subnet": each["subnet"],
            "ingress": "open",
            "egress": "routed",
        }
    host = {"connection": "local", "uplink": "eth0", "router": "edge"}
    routers = {"edge": {"connection": "netns://router"}}
    return json.dumps({"hosts": {"nuc": host}, "routers": routers, "guests": guests}, indent=1)


def written(rows: list[dict[str, Any]], name: str) -> Path:
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab.yaml").write_text(inventory(rows))
    (WORK / f"{name}.json").write_text(json.dumps({"networks": rows}))
    return folder


def homelab(name: str, state: str) -> list[str]:
    command = ["destroy", "--yes"] if state == "absent" else ["apply", "--yes"]
    return [str(ROOT / ".venv/bin/homelab"), "-i", str(WORK / name), *command]


def floor(name: str, state: str) -> list[str]:
    return [sys.executable, str(PEERS / "floor.py"), str(WORK / f"{name}.json"), state]


def ansible(name: str, state: str) -> list[str]:
    variables = ["-e", f"@{WORK / name}.json", "-e", f"state={state}"]
    python = ["-e", f"ansible_python_interpreter={VENV}/bin/python"]
    book = str(PEERS / "playbook.yml")
    own = [f"ANSIBLE_HOME={WORK}/ansible", f"ANSIBLE_REMOTE_TEMP={WORK}/ansible/tmp"]
    program = ["env", *own, str(VENV / "bin/ansible-playbook"), "-i", "localhost,"]
    return [*program, *python, *variables, book]


def pyinfra(name: str, state: str) -> list[str]:
    program = [str(VENV / "bin/pyinfra"), "-y", "@local", str(PEERS / "deploy.py")]
    return ["env", f"SPEC={WORK / name}.json", f"STATE={state}", *program]


TOOLS = {"homelab": homelab, "floor": floor, "pyinfra": pyinfra, "Ansible": ansible}


def measured(command: list[str]) -> Figure:
    log = WORK / "last.log"
    code, seconds, megabytes = json.loads(
        said("python3", str(PEERS / "measured.py"), str(log), *command)
    )
    if code != 0:
        raise SystemExit(f"{' '.join(command)}: exit {code}\n{log.read_text()[-3000:]}")
    return Figure(seconds, megabytes)


def phases(case: str) -> Iterator[tuple[str, dict[str, Figure]]]:
    count, guests = CASES[case]
    rows = networks(count + 1, guests)
    last = f"n{count}"
    written([each for each in rows if each["name"] != last], "all")
    written(rows, "more")
    for tool, command in TOOLS.items():
        steps = (("all", "present"), ("all", "present"), ("more", "present"), ("more", "absent"))
        figures = {}
        for phase, step in zip(PHASES, steps, strict=True):
            figures[phase] = measured(command(*step))
            print(f"{case}: {tool}, {phase}: {figures[phase].seconds:.2f} s", flush=True)
        yield tool, figures


def table(case: str, found: dict[str, dict[str, Figure]]) -> str:
    lines = [f"## {case}", "", f"| | {' | '.join(PHASES)} | memory |", "|---|" + "---:|" * 5]
    for tool, figures in found.items():
        times = (f"{figures[each].seconds:.2f} s" for each in PHASES)
        peak = max(each.megabytes for each in figures.values())
        lines.append(f"| {tool} | {' | '.join(times)} | {peak:.0f} MiB |")
    ours = found["homelab"]
    for tool, figures in found.items():
        if tool != "homelab":
            ratios = (f"{figures[each].seconds / ours[each].seconds:.2f}" for each in PHASES)
            lines.append(f"| {tool} ÷ homelab | {' | '.join(ratios)} | |")
    return "\n".join(lines)


def versions() -> str:
    listed = subprocess.run(
        [str(VENV / "bin/pip"), "list", "--format=json"], capture_output=True, text=True, check=True
    ).stdout
    known = {each["name"].lower(): each["version"] for each in json.loads(listed)}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    names = ("ansible", "ansible-core", "pyinfra")
    return ", ".join((f"homelab {commit}", *(f"{each} {known[each]}" for each in names)))


def main(*chosen: str) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    said(*homelab("all", "absent")[:1], "destroy", "--yes")
    day = time.strftime("%Y-%m-%d")
    load = f"machine whose load was {os.getloadavg()[0]:.1f} when it began"
    parts = [HEAD.format(day=day, cores=os.cpu_count(), load=load, versions=versions())]
    for case in chosen or CASES:
        parts.append(table(case, dict(phases(case))))
        print(parts[-1], flush=True)
        PAGE.write_text("\n".join((*parts, "")))


if __name__ == "__main__":
    main(*sys.argv[1:])
