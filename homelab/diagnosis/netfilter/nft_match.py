"""The ``match`` statement of nft: the test that compares an expression with what stands on its right."""

from collections.abc import Callable, Mapping

from homelab.diagnosis.netfilter import questions
from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.nft_expressions import Scope, expression
from homelab.diagnosis.netfilter.nft_fields import Field, Get
from homelab.diagnosis.netfilter.nft_kinds import Json, Kind, Missing, Value
from homelab.diagnosis.netfilter.nft_sets import lookup, members
from homelab.diagnosis.netfilter.rules import Test
from homelab.diagnosis.packet import Packet

_ORDERS: Mapping[str, Callable[[int, int], bool]] = {
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}


def comparison(given: Json, scope: Scope) -> Test:
    """The test of a ``match`` statement; undetermined when a part of it is not known."""
    left = expression(given.get("left"), scope)
    operator, right = str(given.get("op")), _of_one_byte(given.get("right"))
    if left is None:
        return questions.undetermined
    if isinstance(right, bool):
        return _guarded(left.get, lambda value: bool(value) is right, negated=operator == "!=")
    if operator in _ORDERS:
        return _ordered(left, operator, right)
    if left.kind.flags and len(left.kinds) == 1 and scope.elements(right) is None:
        return _flags(left, operator, right)
    listed = _is_named(right) or scope.elements(right) is not None
    one = None if listed or len(left.kinds) > 1 else left.kind.interval(right)
    if one is not None:
        return _within(left.get, *one, negated=operator == "!=")
    held = _membership(left.kinds, right, scope)
    return _guarded(left.get, held, negated=operator == "!=") if held else questions.undetermined


def _of_one_byte(given: object) -> object:
    """Whether there is a route is a byte to nft(8) 1.1 and a word to 1.0, which prints ``missing/8`` of it."""
    inner = given.get("prefix") if isinstance(given, dict) else None
    told = inner.get("addr") if isinstance(inner, dict) else None
    return told if isinstance(told, bool) else given


def _ordered(left: Field, operator: str, right: object) -> Test:
    bound = left.kind.interval(right)
    order = _ORDERS[operator]
    if bound is None:
        return questions.undetermined
    return _guarded(
        left.get, lambda value: isinstance(value, int) and order(value, bound[0]), negated=False
    )


def _flags(left: Field, operator: str, right: object) -> Test:
    """``ct state A,B`` asks for any of the bits, ``==`` and ``!=`` for exactly them."""
    bits = left.kind.bits(right)
    if bits is None:
        return questions.undetermined
    if operator in {"in", "!"}:
        return _guarded(
            left.get,
            lambda value: isinstance(value, int) and bool(value & bits),
            negated=operator == "!",
        )
    return _guarded(left.get, lambda value: value == bits, negated=operator == "!=")


def _membership(
    kinds: tuple[Kind, ...], right: object, scope: Scope
) -> Callable[[Value], bool | None] | None:
    """Whether a value is the right side, or in it when that is a set."""
    named = _is_named(right)
    elements = scope.elements(right)
    if named and elements is None:
        return None
    listed: object = [right] if elements is None else elements
    table = lookup(members(listed), kinds)

    def held(value: Value) -> bool | None:
        found = table.find(value)
        return None if len(found) > 1 else found[0] is not None

    return held


def _is_named(right: object) -> bool:
    return isinstance(right, str) and right.startswith("@")


def _within(get: Get, low: int, high: int, *, negated: bool) -> Test:
    """The common case of ``_guarded`` in one step: one value or interval."""

    def test(packet: Packet, context: Context) -> bool | None:
        value = get(packet, context)
        if isinstance(value, int):
            return (low <= value <= high) is not negated
        return None if value is None else False

    return test


def _guarded(get: Get, held: Callable[[Value], bool | None], *, negated: bool) -> Test:
    """A packet without the field never matches, whatever the operator (NFT_BREAK)."""

    def test(packet: Packet, context: Context) -> bool | None:
        value = get(packet, context)
        if isinstance(value, Missing):
            return False
        answer = None if value is None else held(value)
        return None if answer is None else answer is not negated

    return test
