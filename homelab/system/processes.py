"""The processes of this machine: which of them is the init of a guest or of a container."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from homelab.system.unix import in_our_netns

_PROC = Path("/proc")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# liblxc names the process that watches over a guest (lxc_monitor in lxccontainer.c).
_MONITOR = b"[lxc monitor]"
_CGROUP = re.compile(r"^\d+:[^:]*:(?:/[^\n]*)?/lxc\.monitor[./](?P<name>[^/\n]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Process:
    """``inner`` are its ids in the pid namespaces below ours, the outermost first (NSpid)."""

    pid: int
    parent: int = 0
    inner: tuple[int, ...] = ()


Processes = Mapping[int, Process]


def parse_status(text: str) -> Process:
    """From ``/proc/PID/status``."""
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    outer, *inner = (int(each) for each in fields.get("NSpid", fields.get("Pid", "0")).split())
    return Process(outer, int(fields.get("PPid", "0")), tuple(inner))


def host_pid(processes: Processes, init: int, inner: int) -> int | None:
    """The process that is ``inner`` in the pid namespace whose first process is ``init`` here."""
    found = (each for each in processes.values() if each.inner[:1] == (inner,))
    return next((each.pid for each in found if _descends(processes, each.pid, init)), None)


def _descends(processes: Processes, pid: int, ancestor: int) -> bool:
    for _ in processes:
        if pid == ancestor:
            return True
        if pid not in processes:
            return False
        pid = processes[pid].parent
    return False


def sweep() -> dict[int, Process]:
    """All processes that can be seen now."""
    return {each.pid: each for each in _processes()}


def _processes() -> Iterator[Process]:
    for pid in _pids():
        try:
            yield parse_status((_PROC / pid / "status").read_text(errors="replace"))
        except OSError:
            continue


def _pids() -> Iterator[str]:
    return (each.name for each in _PROC.iterdir() if each.name.isdecimal())


def lxc_guests(processes: Processes) -> dict[str, int]:
    """Name → pid of the init of each LXC guest of ours, as liblxc's own monitors tell it.

    Only a monitor that runs as root or as ourselves counts: any user may name a process like that.
    One in another network namespace watches over guests of another lab.
    """
    inits = {each.parent: each.pid for each in processes.values() if each.inner[:1] == (1,)}
    names = {init: _guest_of_monitor(monitor) for monitor, init in inits.items()}
    return {name: init for init, name in names.items() if name}


def _guest_of_monitor(pid: int) -> str | None:
    here = _PROC / str(pid)
    try:
        name = monitored((here / "cmdline").read_bytes(), _cgroups(here))
        owner = here.stat().st_uid
    except OSError:
        return None
    is_ours = owner in (0, os.getuid()) and in_our_netns(pid)
    return name if name and is_ours and _NAME.fullmatch(name) else None


def _cgroups(here: Path) -> str:
    """Nothing on a kernel without them."""
    try:
        return (here / "cgroup").read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def monitored(command: bytes, cgroups: str) -> str | None:
    """Pure. The guest over which a process watches, by its title, its words, or its cgroup.

    A monitor in the foreground, as Proxmox starts it, keeps the words of lxc-start(1). One that a library
    started is known by its cgroup, which is lxc.monitor.NAME, or lxc.monitor/NAME on Proxmox
    (lxc.cgroup.dir.monitor in lxc.container.conf(5)).
    """
    if command.startswith(_MONITOR):
        return command.rstrip(b"\0").rpartition(b" ")[2].decode(errors="replace")
    words = command.decode(errors="replace").split("\0")
    if words[0].rpartition("/")[2] == "lxc-start":
        return _named(words[1:])
    found = _CGROUP.search(cgroups)
    return found["name"] if found else None


def _named(words: list[str]) -> str | None:
    """The value of -n or --name, which lxc-start(1) takes as getopt_long(3) does; else the last word."""
    for option, value in zip(words, [*words[1:], ""], strict=True):
        if option in ("-n", "--name"):
            return value
        if option.startswith("--name="):
            return option.removeprefix("--name=")
        if option.startswith("-n") and not option.startswith("--"):
            return option[2:]
    return next((each for each in reversed(words) if each and not each.startswith("-")), None)
