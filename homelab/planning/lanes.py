"""Which operations of a plan may be under way at once, and which keep their order."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from homelab.model.batches import batches
from homelab.model.operation import Operation
from homelab.model.place import HOST, guest_of

Batch: TypeAlias = tuple[Operation, ...]
Lanes: TypeAlias = tuple[tuple[Batch, ...], ...]
"""Batches by guest: those of one guest keep their order, those of two guests have none between them."""


def waves(operations: Sequence[Operation]) -> Iterator[Lanes]:
    """The operations in order, as waves: each has to be through before the next one begins.

    What is done inside guests concerns one guest each, and what is done on a host or to an instance one host
    each. That, and what is done on routers, is a wave of its own: what comes after it may depend on it.
    """
    for where, group in groupby(operations, _where):
        lanes: dict[str | None, list[Operation]] = {}
        for each in group:
            lane = None if where == "router" else guest_of(each.place) or each.place
            lanes.setdefault(lane, []).append(each)
        yield tuple(tuple(batches(lane)) for lane in lanes.values())


def _where(operation: Operation) -> str:
    if guest_of(operation.place) is not None:
        return "guest"
    return "host" if operation.place.partition("@")[0] == HOST else "router"
