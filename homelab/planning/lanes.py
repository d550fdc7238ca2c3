"""Which operations of a plan may be under way at once, and which keep their order."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from homelab.model.batches import batches
from homelab.model.operation import Operation
from homelab.model.place import guest_of

Batch: TypeAlias = tuple[Operation, ...]
Lanes: TypeAlias = tuple[tuple[Batch, ...], ...]
"""Batches by guest: those of one guest keep their order, those of two guests have none between them."""


def waves(operations: Sequence[Operation]) -> Iterator[Lanes]:
    """The operations in order, as waves: each has to be through before the next one begins.

    What is done inside guests concerns one guest each. Whatever is done on the host, on a router or to
    an instance is a wave of its own with one lane: what comes after it may depend on it.
    """
    for guests, group in groupby(operations, lambda each: guest_of(each.place) is not None):
        steps = tuple(group)
        if not guests:
            yield (tuple(batches(steps)),)
            continue
        lanes: dict[str | None, list[Operation]] = {}
        for each in steps:
            lanes.setdefault(guest_of(each.place), []).append(each)
        yield tuple(tuple(batches(lane)) for lane in lanes.values())
