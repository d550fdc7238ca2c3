"""The control group that holds every process of the lab, so that none is missed and no other is hit."""

import os
import time
from pathlib import Path

from reallab.commands import LabError
from reallab.state import TITLE

_LEAF = "lab"
_PATIENCE = 20.0

# Puts itself into the group whose file is $0, and becomes the command.
ENTER = 'echo $$ >"$0" && exec "$@"'


def create() -> None:
    (_group() / _LEAF).mkdir(parents=True, exist_ok=True)


def entering(command: list[str]) -> list[str]:
    """The command, run in the lab's group."""
    return ["sh", "-c", ENTER, str(_group() / _LEAF / "cgroup.procs"), *command]


def join() -> None:
    """Put this very process into the lab's group, unless it is there."""
    if f"/{TITLE}/" not in Path("/proc/self/cgroup").read_text():
        (_group() / _LEAF / "cgroup.procs").write_text(str(os.getpid()))


def kill() -> None:
    """Kill all that is in the group and wait for its end, then remove the group."""
    group = _group()
    if not group.exists():
        return
    killer = group / "cgroup.kill"
    if not killer.exists():
        raise LabError(
            f"{killer}: this kernel cannot kill a control group; Linux 5.14 or newer can"
        )
    killer.write_text("1")
    _wait_until_empty(group)
    for path, _, _ in os.walk(group, topdown=False):
        Path(path).rmdir()


def processes() -> list[int]:
    group = _group()
    found = sorted(group.rglob("cgroup.procs"))
    return [int(line) for path in found for line in path.read_text().split()]


def _wait_until_empty(group: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while "populated 1" in (group / "cgroup.events").read_text():
        if time.monotonic() > end:
            left = " ".join(map(str, processes()))
            raise LabError(
                f"processes {left}: killed {_PATIENCE:.0f} s ago and still there; try again later"
            )
        time.sleep(0.01)


def _group() -> Path:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(path) / TITLE
    raise LabError(
        "machine: no cgroup2 file system is mounted; mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    )
