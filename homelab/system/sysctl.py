"""Sysctls of a place: set in its network namespace, and kept over reboots in a file of homelab's own."""

import re
from collections.abc import Mapping
from pathlib import Path

from homelab.errors import OperationError
from homelab.model.operation import ForgetSysctl, KeepSysctl, SetSysctl
from homelab.model.place import HOST
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.files import remove, write_whole
from homelab.system.parse_sysctls import KEPT_FILE, parse_kept
from homelab.system.templates import render

KEPT = Path(KEPT_FILE)

# A name of an interface may hold dots, but neither slash nor white space (dev_valid_name in
# net/core/dev.c); it stands between a fixed beginning and one last word.
_OF_LINK = re.compile(r"(net)\.(ipv4|ipv6)\.(conf|neigh)\.([^\s/]{1,15})\.([a-z0-9_]+)")
_OTHER = re.compile(r"net(\.[a-z0-9_-]+)+")
_VALUE = re.compile(r"[A-Za-z0-9_.,:/+-]+( [A-Za-z0-9_.,:/+-]+)*")
_ROOT = Path("/proc/sys")


def set_sysctl(door: Door, operation: SetSysctl) -> None:
    """Write the value in the place, and read it again; ``OperationError`` when it did not hold."""
    parts, value = check(operation)
    if door.ssh is not None:
        door.run(["sysctl", "-w", f"{'/'.join(parts)}={value}"])
        return
    found = inside(door, lambda: _write(door, operation.key, _ROOT.joinpath(*parts), value))
    if found != value:
        raise OperationError(
            f"{door.place}: {operation.key} is {found} after {value} was written; "
            "something else on this machine sets it"
        )


def check(operation: SetSysctl | KeepSysctl | ForgetSysctl) -> tuple[tuple[str, ...], str]:
    """The parts of the key's path, and the value; ``OperationError`` for what is no net sysctl."""
    parts = key_parts(operation.key)
    if parts is None:
        raise OperationError(f"{operation.place}: {operation.key!r} is no sysctl below net")
    written = [operation.value]
    written += [] if isinstance(operation, SetSysctl) else [operation.was]
    for value in written:
        if not _VALUE.fullmatch(value):
            raise OperationError(
                f"{operation.place}: {operation.key}: {value!r} is no value for it"
            )
    return parts, operation.value


def key_parts(key: str) -> tuple[str, ...] | None:
    """``net.ipv4.conf.eth0.20.rp_filter`` → net, ipv4, conf, eth0.20, rp_filter; None: no such key."""
    of_link = _OF_LINK.fullmatch(key)
    if of_link:
        return None if of_link[4] in (".", "..") else of_link.groups()
    return tuple(key.split(".")) if _OTHER.fullmatch(key) else None


def _write(door: Door, key: str, file: Path, value: str) -> str:
    """The value that the kernel shows after the write.

    /proc/sys/net shows the namespace of the thread that opens it (net_ctl_header_lookup in
    net/sysctl_net.c).
    """
    try:
        file.write_text(f"{value}\n")
        return " ".join(file.read_text().split())
    except OSError as error:
        raise OperationError(f"{door.place}: {key}: {error.strerror}; see {file}") from error


def keep_sysctl(operation: KeepSysctl | ForgetSysctl, file: Path = KEPT) -> None:
    """Put the sysctl into homelab's own file, or take it out; an empty file goes."""
    parts = check_host(operation)
    key = ".".join(each.replace(".", "/") for each in parts)
    try:
        kept = _kept(file)
        _store(file, _without(kept, key) | _addition(operation, key))
    except OSError as error:
        raise OperationError(f"{HOST}: {file}: {error.strerror}; run as root") from error


def check_host(operation: KeepSysctl | ForgetSysctl) -> tuple[str, ...]:
    """The parts of the key's path; ``OperationError`` when it is no sysctl of the host's own."""
    parts, _ = check(operation)
    if operation.place != HOST:
        raise OperationError(
            f"{operation.place}: {operation.key}: only the host's own sysctls are kept; "
            "a guest keeps its own in its /etc/sysctl.d"
        )
    return parts


def _kept(file: Path) -> dict[str, tuple[str, str]]:
    if not file.exists():
        return {}
    return parse_kept(file.read_text(errors="replace").splitlines())


def _without(kept: Mapping[str, tuple[str, str]], key: str) -> dict[str, tuple[str, str]]:
    """sysctl.d(5) takes dots and slashes for one another as the first of them in a key says."""
    dotted = key.replace("/", ".")
    return {each: value for each, value in kept.items() if each.replace("/", ".") != dotted}


def _addition(operation: KeepSysctl | ForgetSysctl, key: str) -> dict[str, tuple[str, str]]:
    if isinstance(operation, ForgetSysctl):
        return {}
    return {key: (operation.value, operation.was)}


def _store(file: Path, kept: Mapping[str, tuple[str, str]]) -> None:
    if not kept:
        remove(file)
        return
    settings = [(key, value, was) for key, (value, was) in sorted(kept.items())]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, render("sysctl.conf.j2", {"settings": settings}), 0o644)
