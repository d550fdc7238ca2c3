"""Expressions of nft: what a rule reads, put together from fields, masks, concatenations and maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.nft_fields import UNKNOWN, Field, Get, Links, meta, payload
from homelab.diagnosis.netfilter.nft_kinds import MISSING, NUMBER, Json, Missing, Value
from homelab.diagnosis.netfilter.nft_sets import Lookup, lookup, pairs
from homelab.diagnosis.netfilter.nft_tracked import connection, fib
from homelab.diagnosis.packet import Packet

T = TypeVar("T")

_OPERATORS: Mapping[str, Callable[[int, int], int]] = {
    "&": lambda left, right: left & right,
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
    "<<": lambda left, right: left << (right & 63),
    ">>": lambda left, right: left >> (right & 63),
}
_DONT_FRAGMENT = 0x4000


@dataclass(frozen=True, slots=True)
class Scope:
    """What the rules of one table may name: its sets and maps, and the namespace's links."""

    sets: Mapping[str, object] = field(default_factory=dict)
    links: Links = field(default_factory=lambda: Links({}))

    def elements(self, given: object) -> object | None:
        """The elements of a named or an anonymous set; None when there is no such set."""
        if isinstance(given, str) and given.startswith("@"):
            return self.sets.get(given[1:])
        return given.get("set") if isinstance(given, dict) else None


def expression(given: object, scope: Scope) -> Field | None:
    """The function behind an expression; None when the model does not know it."""
    if not isinstance(given, dict) or not given:
        return None
    name, inner = next(iter(given.items()))
    if isinstance(inner, list):
        return _of_list(name, inner, scope)
    if not isinstance(inner, dict):
        return None
    reader = _READERS.get(name)
    return reader(inner, scope) if reader else None


def _of_list(name: str, inner: list[object], scope: Scope) -> Field | None:
    if name == "concat":
        return _concatenation([expression(each, scope) for each in inner])
    return _binary(name, inner, scope) if name in _OPERATORS and len(inner) >= 2 else None


def _extension_header(given: Json) -> Field:
    """The packets of this model carry no extension headers: whether one exists is the number 0."""
    return Field(lambda *_: MISSING if "field" in given else 0, (NUMBER,))


def _tcp_option(given: Json) -> Field | None:
    """The MSS; whether a segment has another option, nobody tells."""
    if (given.get("name"), given.get("field")) != ("maxseg", "size"):
        return None

    def read(packet: Packet, _context: Context) -> Value | Missing | None:
        if packet.mss is None:
            return None if "SYN" in packet.flags else MISSING
        return packet.mss

    return Field(read, (NUMBER,))


def _concatenation(parts: list[Field | None]) -> Field:
    known = [each or UNKNOWN for each in parts]

    def get(packet: Packet, context: Context) -> Value | Missing | None:
        values: list[int] = []
        unknown = False
        for each in known:
            value = each.get(packet, context)
            if isinstance(value, Missing):
                return MISSING
            if isinstance(value, int):
                values.append(value)
            else:
                unknown = True
        return None if unknown else tuple(values)

    return Field(get, tuple(each.kind for each in known))


def _binary(operator: str, operands: list[object], scope: Scope) -> Field | None:
    """``FIELD & VALUE`` and its like; both sides may be fields, and there may be more than two."""
    left = expression(operands[0], scope)
    mask = None if left is None else left.kind.bits(operands[1])
    if operator == "&" and left is None and mask is None:
        left, mask = _fragment_bits(operands)
    if left is None:
        return None
    right = (
        Field(lambda *_: mask, left.kinds) if mask is not None else expression(operands[1], scope)
    )
    if right is None:
        return None
    made = Field(_combined(operator, left.get, right.get), left.kinds)
    if len(operands) == 2:
        return made
    return _chained(operator, made, operands[2:])


def _chained(operator: str, made: Field, rest: list[object]) -> Field | None:
    for each in rest:
        value = made.kind.bits(each)
        if value is None:
            return None
        made = Field(_combined(operator, made.get, lambda *_, value=value: value), made.kinds)
    return made


def _fragment_bits(operands: list[object]) -> tuple[Field | None, int | None]:
    """No packet of this model is a fragment; whether it may be fragmented is not known."""
    mask = NUMBER.scalar(operands[1])
    asked = {"payload": {"protocol": "ip", "field": "frag-off"}}
    if operands[0] != asked or mask is None or mask & _DONT_FRAGMENT:
        return None, None
    return Field(lambda packet, _: 0 if packet.family == 4 else MISSING, (NUMBER,)), mask


def _combined(operator: str, left: Get, right: Get) -> Get:
    apply = _OPERATORS[operator]

    def get(packet: Packet, context: Context) -> Value | Missing | None:
        one, other = left(packet, context), right(packet, context)
        if isinstance(one, Missing) or isinstance(other, Missing):
            return MISSING
        return apply(one, other) if isinstance(one, int) and isinstance(other, int) else None

    return get


def _mapped(given: Json, scope: Scope) -> Field | None:
    """``KEY map { … }`` as a number, such as a mark."""
    found = mapping(given, scope, NUMBER.scalar)
    if found is None:
        return None

    def get(packet: Packet, context: Context) -> Value | Missing | None:
        targets = found(packet, context)
        if len(targets) > 1:
            return None
        return MISSING if targets[0] is None else targets[0]

    return Field(get, (NUMBER,))


def mapping(
    given: Json, scope: Scope, read: Callable[[object], T | None]
) -> Callable[[Packet, Context], tuple[T | None, ...]] | None:
    """``KEY map DATA`` or ``KEY vmap DATA``: what the packet may be mapped to, None for nothing."""
    elements = scope.elements(given.get("data"))
    key = expression(given.get("key"), scope) or UNKNOWN
    if elements is None:
        return None
    table: Lookup[T] = lookup(list(pairs(elements, read)), key.kinds)

    def find(packet: Packet, context: Context) -> tuple[T | None, ...]:
        value = key.get(packet, context)
        if isinstance(value, Missing):
            return (None,)
        return table.all() if value is None else table.find(value)

    return find


_READERS: Mapping[str, Callable[[Json, Scope], Field | None]] = {
    "payload": lambda given, _: payload(given),
    "meta": lambda given, scope: meta(str(given.get("key")), scope.links),
    "ct": lambda given, _: connection(given),
    "fib": lambda given, _: fib(given),
    "exthdr": lambda given, _: _extension_header(given),
    "tcp option": lambda given, _: _tcp_option(given),
    "map": _mapped,
}
