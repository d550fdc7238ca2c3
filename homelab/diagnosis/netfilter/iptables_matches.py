"""The matches of iptables rules: one builder per option, each giving a test of the packet."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from homelab.diagnosis.netfilter import questions, route_questions
from homelab.diagnosis.netfilter.iptables_modules import WHOLE, connection
from homelab.diagnosis.netfilter.rules import Test
from homelab.diagnosis.netfilter.sets import Sets
from homelab.diagnosis.netfilter.values import (
    ICMP_TYPES,
    ICMPV6_TYPES,
    PROTOCOLS,
    STATES,
    address_range,
    masked,
    masked_address,
    number,
    number_range,
)
from homelab.diagnosis.netfilter.words import Group, Option

Build: TypeAlias = Callable[[tuple[str, ...]], Test | None]

_SILENT = frozenset(
    {"tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmp6", "ipv6-icmp", "icmpv6", "comment"}
)
"""Modules that match by themselves: without an option they ask for nothing."""


def test(group: Group, sets: Sets) -> Test | None:
    """The test of one match with its options; None when it asks for nothing."""
    if group.module == "comment" or (group.module in _SILENT and not group.options):
        return None
    whole = WHOLE.get(group.module)
    if whole:
        return whole(group.options)
    parts = tuple(_option(group.module, each, sets) for each in group.options)
    if group.module == "conntrack":
        return connection(group.options, parts)
    if group.module == "connmark":
        return questions.every((questions.is_tracked, *parts))
    return parts[0] if len(parts) == 1 else questions.every(parts or (questions.undetermined,))


def _option(module: str, option: Option, sets: Sets) -> Test:
    """The test of one option; undetermined when the model does not know it."""
    built = _build(module, option, sets)
    if built is None:
        return questions.undetermined
    return questions.negation(built) if option.negated else built


def _build(module: str, option: Option, sets: Sets) -> Test | None:
    if (module, option.name) == ("set", "match-set") and len(option.values) == 2:
        return sets.test(option.values[0], option.values[1])
    builder = _BUILDERS.get((module, option.name))
    return builder(option.values) if builder else None


def _one(build: Callable[[str], Test | None]) -> Build:
    """A builder of an option that takes one word."""
    return lambda values: build(values[0]) if len(values) == 1 else None


def _flag(test: Test) -> Build:
    return lambda values: None if values else test


def _masked_address(get: questions.AddressOf) -> Build:
    def build(text: str) -> Test | None:
        parsed = masked_address(text)
        return None if parsed is None else questions.in_mask(get, *parsed)

    return _one(build)


def _address_range(get: questions.AddressOf) -> Build:
    def build(text: str) -> Test | None:
        parsed = address_range(text)
        return None if parsed is None else questions.in_address_range(get, *parsed)

    return _one(build)


def _numbers(get: questions.NumberOf, separator: str = ":") -> Build:
    """A builder of an option that takes numbers or ranges of them, separated by commas."""

    def build(text: str) -> Test | None:
        parsed = [number_range(each, separator) for each in text.split(",")]
        ranges = tuple(each for each in parsed if each is not None)
        return questions.in_ranges(get, ranges) if len(ranges) == len(parsed) else None

    return _one(build)


def _mss(text: str) -> Test | None:
    span = number_range(text, ":")
    return questions.mss_in_ranges((span,)) if span else None


def _either_port(values: tuple[str, ...]) -> Test | None:
    source = _numbers(questions.source_port)(values)
    destination = _numbers(questions.destination_port)(values)
    return questions.either(source, destination) if source and destination else None


def _compared(get: questions.NumberOf, low_shift: int, high_shift: int) -> Build:
    """``--ttl-lt`` and its like: a bound below or above which the number must lie."""

    def build(text: str) -> Test | None:
        bound = number(text)
        if bound is None:
            return None
        low = bound + low_shift if low_shift else 0
        high = bound + high_shift if high_shift else 1 << 32
        return questions.in_ranges(get, ((low, high),))

    return _one(build)


def _protocol(text: str) -> Test | None:
    value = number(text, PROTOCOLS)
    if text == "all" or value == 0:
        return questions.always
    return None if value is None else questions.protocol(value)


def _tracked_protocol(text: str) -> Test | None:
    """Of the connection: an ICMP error belongs to the one that it is about."""
    value = number(text, PROTOCOLS)
    return None if value is None else questions.tracked_protocol(value)


def _masked_number(get: questions.NumberOf) -> Build:
    def build(text: str) -> Test | None:
        parsed = masked(text)
        return None if parsed is None else questions.in_bits(get, parsed[0], parsed[1])

    return _one(build)


def _icmp(names: Mapping[str, int]) -> Callable[[str], Test | None]:
    def build(text: str) -> Test | None:
        if text in {"any", "255"}:
            return questions.always
        type_text, slash, code_text = text.partition("/")
        kind = number(type_text, names)
        codes = number_range(code_text) if slash else (0, 255)
        return None if kind is None or codes is None else questions.icmp(kind, codes)

    return build


def _tcp_flags(values: tuple[str, ...]) -> Test | None:
    if len(values) != 2:
        return None
    mask, wanted = (_flag_names(each) for each in values)
    return questions.tcp_flags(mask, wanted)


def _flag_names(text: str) -> frozenset[str]:
    every = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"}
    given = {each for each in text.upper().split(",") if each != "NONE"}
    return frozenset(every if "ALL" in given else given)


def _states(text: str) -> Test | None:
    words = frozenset(each.lower() for each in text.split(","))
    return questions.states(words) if words <= {*STATES, "snat", "dnat"} else None


def _status(text: str) -> Test | None:
    words = frozenset(each.lower() for each in text.split(","))
    return questions.status(words) if words <= questions.STATUSES else None


def _direction(text: str) -> Test | None:
    if text.lower() not in {"original", "reply"}:
        return None
    return questions.direction(reply=text.lower() == "reply")


def _mac(text: str) -> Test:
    return questions.mac_source(text.lower())


def _packet_type(text: str) -> Test | None:
    known = {"unicast": "host", "host": "host", "broadcast": "broadcast", "multicast": "multicast"}
    word = known.get(text.lower())
    return None if word is None else route_questions.packet_type(frozenset({word}))


_ICMP = _one(_icmp(ICMP_TYPES))
_ICMPV6 = _one(_icmp(ICMPV6_TYPES))

_BUILDERS: Mapping[tuple[str, str], Build] = {
    ("", "source"): _masked_address(questions.source),
    ("", "destination"): _masked_address(questions.destination),
    ("", "in-interface"): _one(lambda text: questions.interface("iif", text)),
    ("", "out-interface"): _one(lambda text: questions.interface("oif", text)),
    ("", "protocol"): _one(_protocol),
    ("", "fragment"): _flag(questions.never),
    **{
        (module, option): _numbers(get)
        for module in ("tcp", "udp", "udplite", "sctp", "dccp")
        for option, get in (
            ("sport", questions.source_port),
            ("source-port", questions.source_port),
            ("dport", questions.destination_port),
            ("destination-port", questions.destination_port),
        )
    },
    ("tcp", "tcp-flags"): _tcp_flags,
    ("tcp", "syn"): _flag(
        questions.tcp_flags(frozenset({"FIN", "SYN", "RST", "ACK"}), frozenset({"SYN"}))
    ),
    **{(module, "icmp-type"): _ICMP for module in ("icmp", "")},
    **{(module, "icmpv6-type"): _ICMPV6 for module in ("icmp6", "ipv6-icmp", "icmpv6", "")},
    ("multiport", "sports"): _numbers(questions.source_port),
    ("multiport", "source-ports"): _numbers(questions.source_port),
    ("multiport", "dports"): _numbers(questions.destination_port),
    ("multiport", "destination-ports"): _numbers(questions.destination_port),
    ("multiport", "ports"): _either_port,
    ("conntrack", "ctstate"): _one(_states),
    ("state", "state"): _one(_states),
    ("conntrack", "ctstatus"): _one(_status),
    ("conntrack", "ctdir"): _one(_direction),
    ("conntrack", "ctproto"): _one(_tracked_protocol),
    **{
        ("conntrack", f"ct{way}{end}"): _masked_address(questions.tracked_address(way, end))
        for way in ("orig", "repl")
        for end in ("src", "dst")
    },
    **{
        ("conntrack", f"ct{way}{end}port"): _numbers(questions.tracked_port(way, end))
        for way in ("orig", "repl")
        for end in ("src", "dst")
    },
    ("mark", "mark"): _masked_number(questions.mark),
    ("connmark", "mark"): _masked_number(questions.connection_mark),
    ("mac", "mac-source"): _one(_mac),
    ("iprange", "src-range"): _address_range(questions.source),
    ("iprange", "dst-range"): _address_range(questions.destination),
    ("physdev", "physdev-in"): _one(lambda text: questions.interface("physin", text)),
    ("physdev", "physdev-out"): _one(lambda text: questions.interface("physout", text)),
    ("physdev", "physdev-is-in"): _flag(questions.has_port("physin")),
    ("physdev", "physdev-is-out"): _flag(questions.has_port("physout")),
    ("physdev", "physdev-is-bridged"): _flag(questions.bridged),
    ("pkttype", "pkt-type"): _one(_packet_type),
    ("ttl", "ttl-eq"): _numbers(questions.ttl),
    ("ttl", "ttl-lt"): _compared(questions.ttl, 0, -1),
    ("ttl", "ttl-gt"): _compared(questions.ttl, 1, 0),
    ("hl", "hl-eq"): _numbers(questions.ttl),
    ("hl", "hl-lt"): _compared(questions.ttl, 0, -1),
    ("hl", "hl-gt"): _compared(questions.ttl, 1, 0),
    ("length", "length"): _numbers(questions.length),
    ("tcpmss", "mss"): _one(_mss),
    ("dscp", "dscp"): _numbers(questions.dscp),
    ("tos", "tos"): _masked_number(questions.tos),
}
