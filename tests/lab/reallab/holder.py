"""The process that keeps the lab's mount namespace, and the way into it."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from reallab import cgroup, runtime, state
from reallab.commands import LabError, run
from reallab.processes import start_time

PLACES = ("client", "router", "host")
_RECORD = "holder"
_MOUNT_POINTS = ("/run/netns", "/run/lxc", "/var/lib/homelab", "/etc/sysctl.d")
_PATIENCE = 10.0


def find() -> int | None:
    """The holder's process id; None when the lab has none, also after a crash of the machine."""
    record = state.folder() / _RECORD
    if not record.exists():
        return None
    pid, _, started = record.read_text().partition(" ")
    return int(pid) if start_time(int(pid)) == started else None


def start() -> int:
    """Start it in a lab folder of its own, with the namespace ``host``; see holder.sh."""
    folder = state.create(_MOUNT_POINTS)
    cgroup.create()
    log = folder / "holder.log"
    script = ["sh", str(state.LAB / "holder.sh"), str(folder), str(state.INSIDE)]
    unshare = ["unshare", "--mount", "--net", "--propagation", "slave", "--"]
    with log.open("w") as output:
        process = subprocess.Popen(
            cgroup.entering([*unshare, *script]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    _wait(process, folder / "held", log)
    (folder / _RECORD).write_text(f"{process.pid} {start_time(process.pid)}")
    return process.pid


def argv(holder: int, place: str, command: Sequence[str], *, directory: str = "/") -> list[str]:
    """The command that runs ``command`` in a place of the lab; it forks nowhere."""
    enter = ["nsenter", f"--target={holder}", "--mount", f"--wdns={directory}"]
    if place == "host":
        # The holder itself lives there, and its sysfs shows the links of there.
        return [*enter, "--net", "--", *command]
    return [*enter, "--", "ip", "netns", "exec", place, *command]


def namespaces(holder: int) -> set[str]:
    """The names of the network namespaces that the lab has."""
    return {path.name for path in Path(f"/proc/{holder}/root/run/netns").iterdir()}


def environment() -> dict[str, str]:
    """What a command in the lab finds in its environment."""
    return {**os.environ, **runtime.current().environment}


def run_in(holder: int, place: str, command: Sequence[str], *, stdin: str = "") -> str:
    return run(argv(holder, place, command), stdin=stdin, env=environment())


def _wait(process: subprocess.Popen[bytes], mark: Path, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not mark.exists():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            said = log.read_text().strip() or f"not ready after {_PATIENCE:.0f} s"
            raise LabError(
                f"lab's mount namespace: {said}; it takes a machine or VM of its own, "
                "a container needs the privileges of one"
            )
        time.sleep(0.005)
