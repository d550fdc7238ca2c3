"""Sets of ipset(8), read from ``ipset save``, and the test whether a packet is in one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.questions import destination, is_icmp, protocol_number, source
from homelab.diagnosis.netfilter.rules import Test
from homelab.diagnosis.netfilter.values import (
    PROTOCOLS,
    address_range,
    masked_address,
    number,
    number_range,
)
from homelab.diagnosis.netfilter.words import split
from homelab.diagnosis.packet import Packet

Holds: TypeAlias = Callable[[Packet, Context, str], bool | None]
"""Whether one part of an entry holds for the ``src`` or ``dst`` end of a packet."""

_DEEPEST = 8


@dataclass(frozen=True)
class Entry:
    """One ``add`` line: its parts are compiled when first asked."""

    text: str
    exception: bool
    parts: tuple[Holds, ...] = ()


@dataclass
class IpSet:
    """One set: ``kinds`` are the dimensions of its type (ip, net, port, iface, mac, mark, set)."""

    kinds: tuple[str, ...]
    lines: list[tuple[str, bool]] = field(default_factory=list)

    @cached_property
    def plain(self) -> dict[tuple[int, int], dict[int, bool]] | None:
        """Entries of a set of addresses by version and mask, so that a look-up is quick."""
        if self.kinds not in {("ip",), ("net",)}:
            return None
        index: dict[tuple[int, int], dict[int, bool]] = {}
        for text, exception in self.lines:
            parsed = masked_address(text)
            if parsed is None:
                return None
            version, value, mask = parsed
            index.setdefault((version, mask), {})[value] = exception
        return dict(sorted(index.items(), key=lambda item: -item[0][1]))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(
            Entry(text, exception, _parts(self.kinds, text)) for text, exception in self.lines
        )


@dataclass(frozen=True, slots=True)
class Sets:
    """All ipsets of one namespace; a set that is not here cannot be judged."""

    sets: Mapping[str, IpSet] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, changed: Collection[str] = ()) -> "Sets":
        """What ``ipset save`` printed, but for the sets that rules change: these are not judged."""
        sets: dict[str, IpSet] = {}
        for line in text.split("\n"):
            words = [each.text for each in split(line) or ()]
            if len(words) >= 3 and words[0] == "create":
                sets[words[1]] = IpSet(tuple(words[2].partition(":")[2].split(",")))
            elif len(words) >= 3 and words[0] == "add" and words[1] in sets:
                sets[words[1]].lines.append((words[2], "nomatch" in words[3:]))
        return cls({name: each for name, each in sets.items() if name not in changed})

    def test(self, name: str, ends: str) -> Test:
        wanted = tuple(ends.split(","))
        return lambda packet, context: self._holds(name, wanted, packet, context, 0)

    def _holds(
        self, name: str, ends: Sequence[str], packet: Packet, context: Context, depth: int
    ) -> bool | None:
        found = self.sets.get(name)
        if found is None or depth > _DEEPEST:
            return None
        if found.kinds == ("set",):
            members = [
                self._holds(each, ends, packet, context, depth + 1) for each, _ in found.lines
            ]
            return True if True in members else None if None in members else False
        if len(ends) < len(found.kinds):
            return None
        if found.plain is not None:
            return _in_plain(found.plain, packet, ends[0])
        return _in_entries(found.entries, packet, context, ends)


def _in_plain(
    index: Mapping[tuple[int, int], Mapping[int, bool]], packet: Packet, end: str
) -> bool:
    """The narrowest entry that covers the address decides (``nomatch`` makes an exception)."""
    given = source(packet) if end == "src" else destination(packet)
    value = int(given)
    for (version, mask), values in index.items():
        if version == given.version and value & mask in values:
            return not values[value & mask]
    return False


def _in_entries(
    entries: Sequence[Entry], packet: Packet, context: Context, ends: Sequence[str]
) -> bool | None:
    answer: bool | None = False
    for entry in entries:
        parts = [holds(packet, context, end) for holds, end in zip(entry.parts, ends, strict=False)]
        if False in parts:
            continue
        if None in parts or entry.exception:
            answer = None
        elif answer is False:
            answer = True
    return answer


def _parts(kinds: Sequence[str], text: str) -> tuple[Holds, ...]:
    texts = text.split(",")
    if len(texts) != len(kinds):
        return (_unknown,)
    return tuple(
        _PARTS.get(kind, _no_such_part)(each) for kind, each in zip(kinds, texts, strict=True)
    )


def _unknown(_packet: Packet, _context: Context, _end: str) -> bool | None:
    return None


def _no_such_part(_text: str) -> Holds:
    return _unknown


def _address(text: str) -> Holds:
    masked = masked_address(text)
    between = address_range(text) if masked is None else None

    def holds(packet: Packet, _: Context, end: str) -> bool | None:
        given = source(packet) if end == "src" else destination(packet)
        if masked is not None:
            version, value, mask = masked
            return given.version == version and int(given) & mask == value
        if between is None:
            return None
        return given.version == between[0] and between[1] <= int(given) <= between[2]

    return holds


def _port(text: str) -> Holds:
    name, colon, ports_text = text.rpartition(":")
    wanted = number(name, PROTOCOLS) if colon else None
    ports = number_range(ports_text, "-")

    def holds(packet: Packet, _: Context, end: str) -> bool | None:
        if colon and wanted is None:
            return None
        if protocol_number(packet) != wanted if colon else is_icmp(packet):
            return False  # ip_set_get_ip_port in net/netfilter/ipset/ip_set_getport.c
        if ports is None or is_icmp(packet):
            return None
        given = packet.sport if end == "src" else packet.dport
        return ports[0] <= given <= ports[1]

    return holds


def _interface(text: str) -> Holds:
    def holds(_: Packet, context: Context, end: str) -> bool | None:
        if text.startswith("physdev:"):
            port = context.physin if end == "src" else context.physout
            return port == text.removeprefix("physdev:")
        return (context.iif if end == "src" else context.oif) == text

    return holds


def _mark(text: str) -> Holds:
    wanted = number(text)
    return lambda packet, *_: None if wanted is None else packet.mark == wanted


def _mac(text: str) -> Holds:
    def holds(packet: Packet, _: Context, end: str) -> bool | None:
        if end != "src" or packet.mac_source is None:
            return None
        return packet.mac_source.lower() == text.lower()

    return holds


_PARTS: Mapping[str, Callable[[str], Holds]] = {
    "ip": _address,
    "net": _address,
    "port": _port,
    "iface": _interface,
    "mark": _mark,
    "mac": _mac,
}
