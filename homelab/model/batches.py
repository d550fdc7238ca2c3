"""Neighbours among operations that one tool takes together, all or none."""

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby

from homelab.model import operation as op


def batches(operations: Sequence[op.Operation]) -> Iterator[tuple[op.Operation, ...]]:
    """Routes of one place, rules of one place's table; any other operation is alone in its batch."""
    for _, group in groupby(enumerate(operations), _together):
        yield tuple(operation for _, operation in group)


def _together(numbered: tuple[int, op.Operation]) -> Hashable:
    number, operation = numbered
    match operation:
        case op.AddRoute(place) | op.DeleteRoute(place):
            return "routes", place
        case op.AddFilterRule(place, rule) | op.DeleteFilterRule(place, rule):
            return "rules", place, rule.tool, rule.table
        case _:
            return number
