"""Everything that happens in the lab, in one queue: bursts as one answer, nothing asked for in vain."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from homelab.model.place import HOST, Place, guest_of
from homelab.system.daemon_events import follow_docker, follow_lxd
from homelab.system.doors import Door
from homelab.system.kernel_events import KernelEvents

QUIET, LONGEST = 0.01, 0.1
"""A burst has ended when nothing came for so many seconds, and is answered after the longest anyway."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened in a place.

    ``who`` took something away there, "" when nobody is known. ``whole``: a daemon came, went or
    changed something, so that more than this place's kernel has to be read again.
    """

    place: Place
    who: str = ""
    whole: bool = False


class Events:
    """The events of all places that are followed."""

    def __init__(self, kind: str = "auto") -> None:
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._kernels = KernelEvents(lambda place, who: self._queue.put(Event(place, who)))
        self._roots: dict[Place, str] = {}
        self._followed: set[Place] = set()
        follow_lxd(kind, partial(self._told, HOST))

    def follow(self, doors: Mapping[Place, Door]) -> Mapping[Place, str]:
        """Listen in these places; those that cannot be listened to, and why."""
        near = {place: door for place, door in doors.items() if door.ssh is None}
        self._roots = {place: f"/proc/{door.pid}/root" for place, door in near.items() if door.pid}
        for place in near:
            if guest_of(place) is not None and place not in self._followed:
                self._followed.add(place)
                follow_docker(place, partial(self._root, place), partial(self._told, place))
        return self._kernels.follow(near)

    def _root(self, place: Place) -> str | None:
        return self._roots.get(place)

    def _told(self, place: Place) -> None:
        self._queue.put(Event(place, whole=True))

    def stop(self) -> None:
        """End ``next``; may be called from a signal handler (queue.SimpleQueue.put is reentrant)."""
        self._queue.put(None)

    def next(self, timeout: float | None) -> tuple[Event, ...] | None:
        """One burst; empty when nothing happened for so long, None after ``stop``."""
        burst: dict[Event, None] = {}
        until = time.monotonic() + LONGEST
        wait = timeout
        while True:
            try:
                event = self._queue.get(timeout=wait)
            except Empty:
                return tuple(burst)
            if event is None:
                return None
            until = until if burst else time.monotonic() + LONGEST
            burst[event] = None
            wait = min(QUIET, max(0.0, until - time.monotonic()))
