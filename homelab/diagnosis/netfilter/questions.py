"""What rules can ask of a packet, each question a function that makes a test."""

from collections.abc import Callable
from typing import TypeAlias

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.rules import Test
from homelab.diagnosis.netfilter.values import PROTOCOLS
from homelab.diagnosis.packet import Connection, Packet
from homelab.model.place import Address

AddressOf: TypeAlias = Callable[[Packet], Address | None]
NumberOf: TypeAlias = Callable[[Packet], int | None]

STATUSES = frozenset({"none", "expected", "seen_reply", "assured", "confirmed"})


def always(_packet: Packet, _context: Context) -> bool | None:
    return True


def never(_packet: Packet, _context: Context) -> bool | None:
    return False


def undetermined(_packet: Packet, _context: Context) -> bool | None:
    return None


def negation(test: Test) -> Test:
    def negated(packet: Packet, context: Context) -> bool | None:
        answer = test(packet, context)
        return None if answer is None else not answer

    return negated


def every(tests: tuple[Test, ...]) -> Test:
    """All of them hold: False as soon as one is False, whatever is undetermined before it."""

    def conjunction(packet: Packet, context: Context) -> bool | None:
        answers = [test(packet, context) for test in tests]
        if False in answers:
            return False
        return None if None in answers else True

    return conjunction


def either(first: Test, second: Test) -> Test:
    return negation(every((negation(first), negation(second))))


def source(packet: Packet) -> Address:
    return packet.source


def destination(packet: Packet) -> Address:
    return packet.destination


def source_port(packet: Packet) -> int | None:
    return None if is_icmp(packet) else packet.sport


def destination_port(packet: Packet) -> int | None:
    return None if is_icmp(packet) else packet.dport


def mark(packet: Packet) -> int:
    return packet.mark


def connection_mark(packet: Packet) -> int | None:
    return None if packet.connection is None else packet.connection.mark


def ttl(packet: Packet) -> int:
    return packet.ttl


def length(packet: Packet) -> int:
    return packet.length


def tos(packet: Packet) -> int:
    return packet.tos


def dscp(packet: Packet) -> int:
    return packet.tos >> 2


def is_icmp(packet: Packet) -> bool:
    return packet.protocol.startswith("icmp")


def protocol_number(packet: Packet) -> int | None:
    return PROTOCOLS.get(packet.protocol)


def protocol(wanted: int) -> Test:
    return lambda packet, _: PROTOCOLS.get(packet.protocol) == wanted


def in_mask(get: AddressOf, version: int, value: int, mask: int) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        given = get(packet)
        return given is not None and given.version == version and int(given) & mask == value

    return test


def in_address_range(get: AddressOf, version: int, first: int, last: int) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        given = get(packet)
        return given is not None and given.version == version and first <= int(given) <= last

    return test


def in_ranges(get: NumberOf, ranges: tuple[tuple[int, int], ...]) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        given = get(packet)
        return given is not None and any(low <= given <= high for low, high in ranges)

    return test


def mss_in_ranges(ranges: tuple[tuple[int, int], ...]) -> Test:
    """A segment without the option is in no range (tcpmss_mt in net/netfilter/xt_tcpmss.c)."""

    def test(packet: Packet, _: Context) -> bool | None:
        if packet.mss is None:
            return None if "SYN" in packet.flags else False
        return any(low <= packet.mss <= high for low, high in ranges)

    return test


def in_bits(get: NumberOf, value: int, mask: int) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        given = get(packet)
        return given is not None and given & mask == value

    return test


def interface(side: str, wanted: str) -> Test:
    """An interface by name; a trailing ``+`` stands for anything. No interface has the name ""."""
    # nulldevname in net/ipv4/netfilter/ip_tables.c: where a hook has no device, its name is empty.
    if wanted.endswith("+"):
        prefix = wanted[:-1]
        return lambda _, context: (getattr(context, side) or "").startswith(prefix)
    return lambda _, context: (getattr(context, side) or "") == wanted


def has_port(side: str) -> Test:
    return lambda _, context: getattr(context, side) is not None


def bridged(_packet: Packet, context: Context) -> bool | None:
    return context.bridged


def icmp(kind: int, codes: tuple[int, int]) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        return packet.icmp_type == kind and codes[0] <= (packet.icmp_code or 0) <= codes[1]

    return test


def tcp_flags(mask: frozenset[str], wanted: frozenset[str]) -> Test:
    return lambda packet, _: packet.flags & mask == wanted


def states(words: frozenset[str]) -> Test:
    """The state conntrack gave; SNAT and DNAT are states to xt_conntrack when the connection is translated."""
    ends = words & {"snat", "dnat"}

    def test(packet: Packet, _: Context) -> bool | None:
        entry = packet.connection
        if packet.known_state in words or entry is None or not ends:
            return packet.known_state in words
        moved = ("snat" in ends and entry.is_snat) or ("dnat" in ends and entry.is_dnat)
        return None if entry.vague and not moved else moved

    return test


def status(words: frozenset[str]) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        entry = packet.connection
        # Never assured: that takes more packets than the two that a trace follows. NONE is no bit, and
        # conntrack_mt in net/netfilter/xt_conntrack.c looks for one.
        holds = entry and {"confirmed": entry.confirmed, "seen_reply": entry.replied}
        return any((holds or {}).get(word, False) for word in words)

    return test


def is_tracked(packet: Packet, _context: Context) -> bool | None:
    return packet.connection is not None


def tracked_protocol(wanted: int) -> Test:
    def test(packet: Packet, _: Context) -> bool:
        entry = packet.connection
        return entry is not None and PROTOCOLS.get(entry.original.protocol) == wanted

    return test


def direction(*, reply: bool) -> Test:
    return lambda packet, _: packet.connection is not None and packet.reply is reply


def _side(entry: Connection, way: str, end: str) -> tuple[Address, int]:
    one = entry.original if way == "orig" else entry.reply
    return (one.source, one.sport) if end == "src" else (one.destination, one.dport)


def tracked_address(way: str, end: str) -> AddressOf:
    return lambda packet: _side(packet.connection, way, end)[0] if packet.connection else None


def tracked_port(way: str, end: str) -> NumberOf:
    return lambda packet: _side(packet.connection, way, end)[1] if packet.connection else None


def mac_source(wanted: str) -> Test:
    def test(packet: Packet, _: Context) -> bool | None:
        return None if packet.mac_source is None else packet.mac_source.lower() == wanted

    return test
