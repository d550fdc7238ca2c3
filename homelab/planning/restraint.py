"""How often one thing may be repaired: at once, then ever later, and no more when somebody else insists."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from homelab.model.resource import Key

Tally: TypeAlias = Mapping[Key, tuple[float, ...]]
"""When each thing was repaired, oldest first, in seconds of one clock that never goes back."""

NOTHING: Tally = MappingProxyType({})
WINDOW = 600.0
"""For how many seconds a repair is remembered."""
MOST = 6
"""After so many repairs of one thing within the window, the thing is left alone until the window is over."""
FIRST_PAUSE = 0.25
"""How many seconds lie between the first repair and the second; each pause is twice the one before."""


def counted(tally: Tally, keys: frozenset[Key], now: float) -> Tally:
    """The tally with a repair of each of these things; what lies before the window is forgotten."""
    recent = {key: _recent(tally, key, now) for key in tally}
    added = {key: (*recent.get(key, ()), now) for key in keys}
    return {key: times for key, times in (recent | added).items() if times}


def is_given_up(tally: Tally, key: Key, now: float) -> bool:
    """Whether somebody else has taken the thing away so often that repairing it would be a fight."""
    return len(_recent(tally, key, now)) >= MOST


def due(tally: Tally, key: Key, now: float) -> float:
    """From when on the thing may be repaired; not later than ``now`` means: at once."""
    times = _recent(tally, key, now)
    if not times:
        return now
    if len(times) >= MOST:
        return times[-MOST] + WINDOW
    return times[-1] + FIRST_PAUSE * 2.0 ** (len(times) - 1)


def _recent(tally: Tally, key: Key, now: float) -> tuple[float, ...]:
    return tuple(each for each in tally.get(key, ()) if each > now - WINDOW)


def forgiven(tally: Tally, keys: frozenset[Key]) -> Tally:
    """The tally without these things: what took them away is known, and no fight."""
    return {key: times for key, times in tally.items() if key not in keys}
