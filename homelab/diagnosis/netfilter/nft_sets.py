"""Sets and maps of nft, named and anonymous: which element a value falls in, and what it maps to."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from homelab.diagnosis.netfilter.nft_kinds import Interval, Kind, Value

T = TypeVar("T")
Kinds: TypeAlias = tuple[Kind, ...]


@dataclass
class Lookup(Generic[T]):
    """Elements by exact value, in sorted intervals, and as tuples of intervals.

    ``unreadable`` elements may hold anything: a value that is found nowhere else is then undetermined.
    """

    exact: dict[Value, T] = field(default_factory=dict)
    ranges: list[tuple[Interval, T]] = field(default_factory=list)
    wide: list[tuple[tuple[Interval, ...], T]] = field(default_factory=list)
    rest: list[T] = field(default_factory=list)
    unreadable: list[T | None] = field(default_factory=list)
    _lows: list[int] = field(default_factory=list)

    def find(self, value: Value) -> tuple[T | None, ...]:
        """What the value may map to; None among it: it may be in no element."""
        if value in self.exact:
            return (self.exact[value],)
        found = self._wide(value) if isinstance(value, tuple) else self._range(value)
        if found is not None:
            return (found,)
        if self.rest:
            return (self.rest[0],)
        return (None, *self.unreadable)

    def all(self) -> tuple[T | None, ...]:
        """Everything that a value nobody knows may map to."""
        every = [
            *self.exact.values(),
            *(each for _, each in (*self.ranges, *self.wide)),
            *self.rest,
        ]
        return (None, *every, *self.unreadable)

    def _range(self, value: int) -> T | None:
        at = bisect_right(self._lows, value) - 1
        if at < 0:
            return None
        (_, high), found = self.ranges[at]
        return found if value <= high else None

    def _wide(self, value: tuple[int, ...]) -> T | None:
        for intervals, found in self.wide:
            if len(intervals) == len(value) and all(
                low <= each <= high for (low, high), each in zip(intervals, value, strict=True)
            ):
                return found
        return None

    def sort(self) -> None:
        self.ranges.sort(key=lambda each: each[0][0])
        self._lows = [each[0][0] for each in self.ranges]


def lookup(elements: Sequence[tuple[object, T | None]], kinds: Kinds) -> Lookup[T]:
    """The elements, given as JSON with what each maps to, read as values of these kinds."""
    made = Lookup[T]()
    for given, target in elements:
        key = _bare(given)
        if target is None:
            made.unreadable.append(None)
        elif key == "*" and "text" not in {each.form for each in kinds}:
            made.rest.append(target)
        else:
            _add(made, _intervals(key, kinds), target)
    made.sort()
    return made


def _add(made: Lookup[T], intervals: tuple[Interval, ...] | None, target: T) -> None:
    if intervals is None:
        made.unreadable.append(target)
    elif all(low == high for low, high in intervals):
        values = tuple(low for low, _ in intervals)
        made.exact[values[0] if len(values) == 1 else values] = target
    elif len(intervals) == 1:
        made.ranges.append((intervals[0], target))
    else:
        made.wide.append((intervals, target))


def _bare(element: object) -> object:
    """An element without its timeout, comment and counter."""
    inner = element.get("elem") if isinstance(element, dict) else None
    return inner.get("val") if isinstance(inner, dict) else element


def _intervals(given: object, kinds: Kinds) -> tuple[Interval, ...] | None:
    parts = given.get("concat") if isinstance(given, dict) else None
    texts = parts if isinstance(parts, list) else [given]
    if len(texts) != len(kinds):
        return None
    found = [kind.interval(each) for kind, each in zip(kinds, texts, strict=True)]
    known = tuple(each for each in found if each is not None)
    return known if len(known) == len(found) else None


def pairs(
    elements: object, read: Callable[[object], T | None]
) -> Iterator[tuple[object, T | None]]:
    """The elements of a map's JSON, each with what it maps to as ``read`` understands it."""
    for each in elements if isinstance(elements, list) else ():
        if isinstance(each, list) and len(each) == 2:
            yield each[0], read(each[1])
        else:
            yield each, None


def members(elements: object) -> list[tuple[object, bool | None]]:
    return [(each, True) for each in elements] if isinstance(elements, list) else []
