"""Follow one packet there and its answer back, and say what became of them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.diagnosis.discovery import Discovery
from homelab.diagnosis.journey import Fork, Journey
from homelab.diagnosis.kernel_networks import KernelNetwork, kernel_networks
from homelab.diagnosis.neighbours import Claims
from homelab.diagnosis.segment import Ether
from homelab.diagnosis.trip import Ground, Trip
from homelab.diagnosis.vantage import Vantage, far_end, free_address, routers, uplink_name, vantage
from homelab.diagnosis.world import World
from homelab.model.place import HOST, LAN, Address, Network, Place
from homelab.model.proof import Sender
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Large, Outcome, Target, Trace

MOST_TRIPS = 16
"""How many of the ways that hashes and chance may choose are tried."""


class Tracer:
    """Answers many questions about one snapshot; what was compiled for one serves the next."""

    def __init__(self, snapshot: Snapshot, uplink: str | None = None) -> None:
        self._world = World(snapshot)
        self._ground = Ground(
            self._world, Ether(self._world), Claims(self._world), Discovery(self._world)
        )
        self._uplink = uplink
        self._vantages: dict[tuple[str, int], Vantage | str] = {}

    def problem(self, origin: str, target: Target) -> str | None:
        """Why nothing can be sent from there, None when it can."""
        found = self._vantage(origin, target.address.version)
        return found if isinstance(found, str) else None

    def trace(self, origin: str, target: Target) -> Trace:
        """The trace; a vantage that cannot be used gives an unknown one that says why."""
        found = self._vantage(origin, target.address.version)
        if isinstance(found, str):
            cause = Cause(Place(origin), "forward", "send", "unmodelled", found, key=origin)
            return Trace(origin, target, Outcome.UNKNOWN, cause=cause)
        return self._all_ways(origin, found, target)

    def wire(self, origin: str, family: int) -> Sender | str:
        """Who can write a packet onto the wire by which it comes in; or why there is nobody."""
        start = self._vantage(origin, family)
        if isinstance(start, str):
            return start
        found = far_end(self._world, start)
        return found if isinstance(found, str) else Sender(*found, start.source)

    def client_address(self, family: int) -> Address | None:
        """The address of the imagined client in the LAN; None where there is no such place."""
        found = self._vantage(LAN, family)
        return None if isinstance(found, str) else found.source

    def kernel_networks(self) -> Iterator[KernelNetwork]:
        """The networks that the kernel alone tells of, in the order of the places."""
        return kernel_networks(self._world, routers(self._world))

    def entry_link(self, family: int = 4) -> str:
        """The host's link by which a packet of the LAN comes in; "" where that is not known."""
        host = self._world.box(HOST)
        return (uplink_name(host, family, self._uplink) if host else None) or ""

    def sender_in(self, network: Network) -> str:
        """A vantage with a source in that network, which comes in where the host would send to it."""
        host = self._world.box(HOST)
        source = free_address(self._world, network)
        link = host.route_link(source) if host else None
        return f"packet:{link or self.entry_link(network.version)}:{source}"

    def _all_ways(self, origin: str, start: Vantage, target: Target) -> Trace:
        """The trace, if every way that the packet may take ends alike; else an unknown one."""
        first, waiting = self._one_way(origin, start, target, {})
        tried = 1
        while waiting and tried < MOST_TRIPS:
            picks = waiting.pop()
            other, more = self._one_way(origin, start, target, picks)
            if other.outcome is not first.outcome:
                return _torn(first, other, picks)
            first = replace(first, large=_either(first.large, other.large))
            waiting.extend(more)
            tried += 1
        return _torn(first, None, waiting[-1]) if waiting else first

    def _one_way(
        self, origin: str, start: Vantage, target: Target, picks: Mapping[Fork, int]
    ) -> tuple[Trace, list[Mapping[Fork, int]]]:
        """The trace under these picks, and the picks under which another way would be taken."""
        journey = Journey(picks=picks)
        trace = Trip(self._ground, start, target, journey).trace(origin)
        if journey.odd:
            trace = replace(trace, notes=(*trace.notes, *journey.odd))
        new = [(fork, ways) for fork, ways in journey.forks.items() if fork not in picks]
        return trace, [{**picks, fork: way} for fork, ways in new for way in range(1, ways)]

    def _vantage(self, origin: str, family: int) -> Vantage | str:
        key = origin, family
        if key not in self._vantages:
            self._vantages[key] = vantage(self._world, origin, family, self._uplink)
        return self._vantages[key]


def _either(one: Large | None, other: Large | None) -> Large | None:
    """What is known of full-sized packets that may take either way."""
    if one is None or other is None or one.outcome is other.outcome:
        return one
    return replace(one, outcome=Outcome.UNKNOWN)


def _torn(one: Trace, other: Trace | None, picks: Mapping[Fork, int]) -> Trace:
    """What the fork that made the difference is to blame for."""
    fork = list(picks)[-1]
    ends = f"by one way {one.outcome.value}, by another {other.outcome.value}" if other else ""
    text = f"{fork.at}: {fork.what}: {ends or 'too many ways to try them all'}"
    direction = "return" if one.back else "forward"
    cause = Cause(fork.at, direction, "route", "unmodelled", text, rule=fork.what)
    return replace(one, outcome=Outcome.UNKNOWN, cause=cause)
