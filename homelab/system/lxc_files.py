"""Guests of plain LXC and of Proxmox, which have no API that we ask: their files, and who runs."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from homelab.model.lxc import Instance, Runtime
from homelab.system.parse_lxc import parse_pct, parse_plain
from homelab.system.reasons import reason
from homelab.system.unix import read_below

PLAIN = "var/lib/lxc"
PROXMOX = "etc/pve/lxc"
_LIMIT = 64 * 1024
_MOST = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# pct.conf(5): VMIDs begin with 100.
_VMID = re.compile(r"[1-9]\d{2,8}")


@dataclass(frozen=True, slots=True)
class Found:
    """``unread`` names the files that are there and could not be read, with the reason."""

    runtime: Runtime | None
    unread: Mapping[str, str]


def read_files(running: Mapping[str, int], kind: str = "auto", root: str = "/") -> Found:
    """The guests that files tell of, and those that run; ``kind`` is lxc, proxmox or auto.

    No runtime where there is neither file nor guest. Where both are, Proxmox writes those of plain LXC
    itself, at each start of a guest.
    """
    unread: dict[str, str] = {}
    files = list(_pct_files(root, unread)) if kind != "lxc" else []
    name, parse = ("proxmox", parse_pct) if files or kind == "proxmox" else ("lxc", parse_plain)
    if name == "lxc":
        files = list(_plain_files(root, unread))
    found = dict(_instances(files, parse, running, root, unread))
    for guest, pid in running.items():
        found.setdefault(guest, Instance(guest, "Running", pid))
    instances = tuple(found[each] for each in sorted(found))
    return Found(Runtime(name, "", instances) if instances or files else None, unread)


def _pct_files(root: str, unread: dict[str, str]) -> Iterator[tuple[str, str]]:
    for each in _entries(root, PROXMOX, unread):
        name = each.removesuffix(".conf")
        if name != each and _VMID.fullmatch(name):
            yield name, f"{PROXMOX}/{each}"


def _plain_files(root: str, unread: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in _entries(root, PLAIN, unread):
        if _NAME.fullmatch(name):
            yield name, f"{PLAIN}/{name}/config"


def _entries(root: str, folder: str, unread: dict[str, str]) -> list[str]:
    try:
        return sorted(each.name for each in Path(root, folder).iterdir())[:_MOST]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        unread[f"/{folder}"] = reason(error)
        return []


def _instances(
    files: list[tuple[str, str]],
    parse: Callable[[str, str, int], Instance],
    running: Mapping[str, int],
    root: str,
    unread: dict[str, str],
) -> Iterator[tuple[str, Instance]]:
    for name, path in files:
        try:
            content = read_below(root, path, _LIMIT)
        except OSError as error:
            unread[f"/{path}"] = reason(error)
            content = b"" if name in running else None
        if content is not None:
            yield name, parse(name, content.decode(errors="replace"), running.get(name, 0))
