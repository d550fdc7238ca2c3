"""One place as its tools describe it: the sections of ``collect`` as a Namespace."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from homelab.model.kernel import Namespace, Neighbour, PolicyRule, Route, Ruleset
from homelab.system.collect import Section, Sections, collect
from homelab.system.doors import Door
from homelab.system.parse_links import parse_fdb, parse_links, parse_vlans, with_vlans
from homelab.system.parse_routes import neighbour, route, rule
from homelab.system.parse_sockets import parse_sockets
from homelab.system.parse_sysctls import are_read_only, parse_sysctls
from homelab.system.rows import Row, UnparsableError, arrays

T = TypeVar("T")

FAMILIES = {"ipv4": 4, "ipv6": 6}
RULESETS = (
    "nft",
    "nft-json",
    "iptables-nft",
    "ip6tables-nft",
    "iptables-legacy",
    "ip6tables-legacy",
    "ipset",
)
"""Firewall tools, in the order of their rulesets in a Namespace."""

_IN_BATCH = ("routes", "rules", "neighbours", "neighbours")
_NOTHING = Section("", 1, "not collected")


PATIENCE = 10.0
"""How many seconds the tools of one place may take."""


def read_namespace(door: Door, timeout: float = PATIENCE) -> Namespace:
    """What is behind a door; ``UnreadableError`` when it cannot be entered."""
    seen = parse(collect(door, timeout))
    return replace(seen, read_only_sysctls=True) if _is_read_only(door) else seen


def _is_read_only(door: Door) -> bool:
    if not door.pid or not door.place.startswith("guest:"):
        return False
    try:
        return are_read_only(Path(f"/proc/{door.pid}/mountinfo").read_text(errors="replace"))
    except OSError:
        return False


def parse(sections: Sections) -> Namespace:
    """Pure. A source that failed, crashed or cannot be understood is named in ``unread``."""
    reading = _Reading(sections)
    links, addresses = reading.take("links", parse_links)
    vlans = reading.take_if_collected("vlans", parse_vlans)
    families = [reading.family(name, version) for name, version in FAMILIES.items()]
    return Namespace(
        links=with_vlans(links, vlans),
        addresses=addresses,
        routes=tuple(each for family in families for each in family.routes),
        rules=tuple(each for family in families for each in family.rules),
        neighbours=tuple(each for family in families for each in family.neighbours),
        fdb=reading.take_if_collected("fdb", parse_fdb),
        listeners=reading.take("sockets", parse_sockets),
        sysctls=reading.sysctls(),
        rulesets=tuple(reading.rulesets()),
        unread=reading.unread,
    )


@dataclass(frozen=True, slots=True)
class _Family:
    routes: tuple[Route, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """Sections on their way to values; ``unread`` fills up with what could not be taken."""

    sections: Sections
    unread: dict[str, str] = field(default_factory=dict)

    def section(self, name: str) -> Section:
        return self.sections.get(name, _NOTHING)

    def take(self, name: str, parser: Callable[[str], T]) -> T:
        section = self.section(name)
        if section.trouble:
            self.unread[name] = section.trouble
            return parser("")
        try:
            return parser(section.text)
        except UnparsableError as error:
            self.unread[name] = str(error)
            return parser("")

    def take_if_collected(self, name: str, parser: Callable[[str], T]) -> T:
        return self.take(name, parser) if name in self.sections else parser("")

    def family(self, name: str, version: int) -> _Family:
        """Routes, rules and neighbours from one batch, which ends at its first failing command."""
        section = self.section(name)
        try:
            found = arrays(section.text)
            family = _family(found, version)
        except UnparsableError as error:
            self._miss(_IN_BATCH, f"{name}: {error}")
            return _Family()
        self._miss(_IN_BATCH[len(found) :], f"{name}: {section.trouble or 'no answer'}")
        return family

    def _miss(self, sources: tuple[str, ...], reason: str) -> None:
        self.unread.update(dict.fromkeys(sources, reason))

    def sysctls(self) -> dict[str, str]:
        """Status is no guide: grep(1) ends with 2 as soon as one of the files does not exist."""
        section = self.section("sysctls")
        if not section.text:
            self.unread["sysctls"] = section.trouble or "nothing in /proc/sys/net"
        return parse_sysctls(section.text)

    def rulesets(self) -> Iterator[Ruleset]:
        for tool in RULESETS:
            section = self.section(tool)
            if tool in self.sections and section.trouble:
                self.unread[tool] = section.trouble
            elif tool in self.sections and section.text.strip():
                yield Ruleset(tool, section.text)


def _family(found: list[list[Row]], version: int) -> _Family:
    routes, rules, neighbours, proxies = (*found, *([],) * len(_IN_BATCH))[: len(_IN_BATCH)]
    return _Family(
        routes=tuple(route(each, version) for each in routes),
        rules=tuple(rule(each, version) for each in rules),
        neighbours=(
            # The kernel keeps what it makes of the addresses of groups there too.
            *(each for each in map(neighbour, neighbours) if not each.address.is_multicast),
            *(neighbour(each, proxy=True) for each in proxies),
        ),
    )
