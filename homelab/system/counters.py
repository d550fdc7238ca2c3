"""The counters of places, read without changing anything: of links, of the kernel, of firewall rules."""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from homelab.errors import OperationError
from homelab.model.place import Place
from homelab.model.proof import KERNEL, LINK, Counter, Counts, Wanted
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.parse_counters import (
    parse_dev,
    parse_lines,
    parse_nft,
    parse_pairs,
    parse_saved,
)

Parse = Callable[[str], Iterable[tuple[str, int]]]

TABLES = ("raw", "mangle", "nat", "filter", "security")
TOOLS = ("iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy")

# /proc/net is that of the process; a thread that has entered another namespace has its own.
_FILES: dict[str, tuple[str, Parse]] = {
    "dev": (LINK, parse_dev),
    "snmp": (KERNEL, parse_pairs),
    "netstat": (KERNEL, parse_pairs),
    "snmp6": (KERNEL, parse_lines),
}
_WORKERS = 8
_PATIENCE = 2.0


def read_counters(door: Callable[[Place], Door], wanted: Collection[Wanted]) -> Counts:
    """What the counters show now; what cannot be read is left out."""
    with ThreadPoolExecutor(_WORKERS, "counting") as pool:
        found = pool.map(lambda each: list(_read(door, each)), wanted)
        return {counter: value for rows in found for counter, value in rows}


def _read(door: Callable[[Place], Door], wanted: Wanted) -> Iterator[tuple[Counter, int]]:
    try:
        here = door(wanted.at)
        if wanted.source:
            yield from _rules(here, wanted)
        elif here.ssh is None:
            yield from inside(here, lambda: list(_files(wanted)))
    except (OperationError, OSError):
        return


def _files(wanted: Wanted) -> Iterator[tuple[Counter, int]]:
    for name, (source, parse) in _FILES.items():
        try:
            text = Path(f"/proc/thread-self/net/{name}").read_text(errors="replace")
        except OSError:
            continue
        yield from ((Counter(wanted.at, source, key), value) for key, value in parse(text))


def _rules(door: Door, wanted: Wanted) -> Iterator[tuple[Counter, int]]:
    tool, table = wanted.source, wanted.table
    rows: Iterable[tuple[str, int]] = ()
    if tool in TOOLS and table in TABLES:
        rows = parse_saved(table, door.run([f"{tool}-save", "-c", "-t", table], timeout=_PATIENCE))
    elif tool == "nft":
        rows = parse_nft(door.run(["nft", "-j", "list", "ruleset"], timeout=_PATIENCE))
    yield from ((Counter(wanted.at, tool, name), value) for name, value in rows)
