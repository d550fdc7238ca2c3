"""Routes in files of homelab's own: which file is read by whom, and what stands in one."""

import re
from collections.abc import Sequence
from hashlib import blake2s
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath

from homelab.model.persistence import KeptRoute
from homelab.model.snapshot import PROTOCOL
from homelab.system.templates import render

READERS = {
    "networkd": re.compile(r"/etc/systemd/network/[A-Za-z0-9_.:@-]+\.network\.d/50-homelab\.conf"),
    "networkmanager": re.compile(r"/etc/NetworkManager/dispatcher\.d/50-homelab"),
    "ifupdown": re.compile(r"/etc/network/if-up\.d/homelab"),
    "unit": re.compile(
        r"/etc/systemd/system/(lxd|snap\.lxd\.daemon|incus)\.service\.d/50-homelab\.conf"
    ),
}
TEMPLATES = {
    "networkd": "routes-networkd.conf.j2",
    "networkmanager": "routes-networkmanager.sh.j2",
    "ifupdown": "routes-ifupdown.sh.j2",
    "unit": "routes-unit.conf.j2",
}
DEFAULT = "/etc/systemd/system/lxd.service.d/50-homelab.conf"

PROGRAMS = ("networkmanager", "ifupdown")
"""Whose files are run: they have to be executable."""

_MARK = "# homelab: "
_ROUTE = re.compile(rf"{_MARK}route (\S+) via (\S+) dev (\S+)")
# Neither slash nor white space (dev_valid_name in net/core/dev.c), and nothing that a shell or a unit reads
# as more than a word.
_LINK = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.:@-]{1,15}")


def keeper_of(file: str) -> str | None:
    """Who reads this file; None for one that homelab never writes."""
    return next((keeper for keeper, path in READERS.items() if path.fullmatch(file)), None)


def is_ours(text: str) -> bool:
    """Whether it bears our mark."""
    return any(line.startswith(_MARK) for line in text.splitlines())


def parse_routes(file: str, text: str) -> tuple[KeptRoute, ...]:
    """The routes that the marks of a file name; a mark that is none of ours means nothing."""
    keeper = keeper_of(file)
    body, _, said = text.rstrip("\n").rpartition("\n")
    whole = said == f"{_MARK}sum {_sum(body)}"
    found = (_route(file, keeper or "", line, is_whole=whole) for line in text.splitlines())
    return tuple(each for each in found if keeper and each)


def _route(file: str, keeper: str, line: str, *, is_whole: bool) -> KeptRoute | None:
    said = _ROUTE.fullmatch(line)
    if said is None or not is_link(said[3]):
        return None
    try:
        destination, via = ip_network(said[1]), ip_address(said[2])
    except ValueError:
        return None
    return KeptRoute(destination, via, said[3], keeper, file, is_whole)


def is_link(name: str) -> bool:
    return _LINK.fullmatch(name) is not None


def routes_text(keeper: str, routes: Sequence[KeptRoute]) -> str:
    """The whole file: as its template says, then what homelab knows it by."""
    rows = [
        {"to": str(each.destination), "via": str(each.via), "dev": each.link}
        | {"family": f"-{each.destination.version}"}
        for each in sorted(routes, key=lambda each: (each.destination.version, each.destination))
    ]
    marks = [f"{_MARK}route {row['to']} via {row['via']} dev {row['dev']}" for row in rows]
    unit = PurePosixPath(routes[0].file or DEFAULT).parent.name.removesuffix(".d")
    values = {"routes": rows, "protocol": PROTOCOL, "unit": unit}
    body = "\n".join([render(TEMPLATES[keeper], values).rstrip("\n"), *marks])
    return f"{body}\n{_MARK}sum {_sum(body)}\n"


def _sum(body: str) -> str:
    return blake2s(body.encode(errors="replace"), digest_size=8).hexdigest()
