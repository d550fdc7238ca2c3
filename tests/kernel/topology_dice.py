"""Networks thrown by dice: machines in a row, wired in one of several ways, and then changed at random.

Every machine is a list of shell lines, each of which may fail, or be left out, by itself: what is compared is
what the kernel made of them, and what is wrong is shrunk a line at a time.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import NamedTuple, TypeAlias

from homelab.model.trace import Target
from tests.kernel.topology_changes import CHANGES, Site

PROTOCOLS = (("icmp", None), ("tcp", 80), ("tcp", 82), ("udp", 53))
Line: TypeAlias = tuple[str, str]
"""Where, and what is run there."""
Road: TypeAlias = tuple[str, Target]
"""From where, and to what."""


class Wire(NamedTuple):
    """A veth pair."""

    place: str
    link: str
    other: str
    end: str


@dataclass(frozen=True)
class Topology:
    """``lines`` are run in their order, where each of them belongs; ``deaf`` places have no server."""

    name: str
    wires: tuple[Wire, ...]
    lines: tuple[Line, ...]
    deaf: frozenset[str] = frozenset()
    roads: tuple[Road, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        ends = (place for wire in self.wires for place in (wire.place, wire.other))
        return tuple(dict.fromkeys(ends))


@dataclass(frozen=True)
class Segment:
    """A network with the machine that is the way out of it."""

    number: int
    gateway: str
    members: tuple[str, ...]

    def four(self, place: str) -> str:
        return f"10.{self.number}.0.{self._host(place)}"

    def six(self, place: str) -> str:
        return f"fd0{self.number}::{self._host(place)}"

    @property
    def networks(self) -> tuple[str, str]:
        return f"10.{self.number}.0.0/24", f"fd0{self.number}::/64"

    def _host(self, place: str) -> int:
        return 1 if place == self.gateway else 2 + self.members.index(place)


def topology(seed: int, roads: int = 60) -> Topology:
    return _Thrower(seed).thrown(roads)


class _Thrower:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.wires: list[Wire] = []
        self.lines: list[Line] = []
        self.links: dict[str, list[str]] = {}
        self.segments = self._segments()

    def thrown(self, roads: int) -> Topology:
        for each in self.segments:
            self._wire(each)
        for each in self.segments:
            self._route(each)
        places = sorted(self.links)
        for place in places:
            if place not in {"client", "app", "web"} or self.dice.random() < 0.1:
                self.lines.append((place, "sysctl net.ipv4.ip_forward=1"))
                self.lines.append((place, "sysctl net.ipv6.conf.all.forwarding=1"))
        for _ in range(self.dice.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 6))):
            self._change(self.dice.choice(places))
        deaf = frozenset(each for each in places if self.dice.random() < 0.15)
        whole = Topology(f"topology-{self.seed}", tuple(self.wires), tuple(self.lines), deaf)
        return replace(whole, roads=self._roads(places, roads))

    def _segments(self) -> list[Segment]:
        """The LAN with the host on it, or behind the router; then guests, then containers."""
        flat = self.dice.random() < 0.4
        before = (
            [Segment(1, "router", ("client", "host"))]
            if flat
            else [Segment(1, "router", ("client",)), Segment(2, "router", ("host",))]
        )
        guests = ("guest", "twin") if self.dice.random() < 0.6 else ("guest",)
        inner = [Segment(4, "guest", ("app", "web"))]
        if "twin" in guests and self.dice.random() < 0.5:
            inner = [Segment(4, "guest", ("app",)), Segment(5, "twin", ("web",))]
        return [*before, Segment(3, "host", guests), *inner]

    def _wire(self, segment: Segment) -> None:
        """A cable where two meet, or a bridge at the gateway, which may be a machine of its own."""
        alone = len(segment.members) == 1 and self.dice.random() < 0.5
        ends = dict.fromkeys(segment.members, f"eth{segment.number}")
        if alone:
            near = f"lan{segment.number}"
            self.wires.append(
                Wire(segment.gateway, near, segment.members[0], ends[segment.members[0]])
            )
        elif self.dice.random() < 0.25:
            near = f"lan{segment.number}"
            self._switch(segment, {segment.gateway: near, **ends})
        else:
            near = f"br{segment.number}"
            self._bridge(segment.gateway, near, segment.number, ends)
        for place, link in ((segment.gateway, near), *ends.items()):
            self.links.setdefault(place, []).append(link)
            self.lines += [
                (place, f"ip link set {link} up"),
                (place, f"ip addr add {segment.four(place)}/24 dev {link}"),
                (place, f"ip addr add {segment.six(place)}/64 dev {link} nodad"),
            ]

    def _bridge(self, place: str, name: str, number: int, ends: dict[str, str]) -> None:
        self.lines.append((place, f"ip link add {name} type bridge"))
        for other, end in ends.items():
            port = f"v{number}{other}"
            self.wires.append(Wire(place, port, other, end))
            self.links.setdefault(place, []).append(port)
            self.lines += [
                (place, f"ip link set {port} master {name}"),
                (place, f"ip link set {port} up"),
            ]

    def _switch(self, segment: Segment, ends: dict[str, str]) -> None:
        name = f"switch{segment.number}"
        self._bridge(name, "br0", segment.number, ends)
        self.lines.append((name, "ip link set br0 up"))

    def _route(self, segment: Segment) -> None:
        for place in segment.members:
            self.lines += [
                (place, f"ip route add default via {segment.four(segment.gateway)}"),
                (place, f"ip route add default via {segment.six(segment.gateway)}"),
            ]
            for deeper in self._behind(place):
                four, six = deeper.networks
                self.lines += [
                    (segment.gateway, f"ip route add {four} via {segment.four(place)}"),
                    (segment.gateway, f"ip route add {six} via {segment.six(place)}"),
                ]

    def _behind(self, place: str) -> list[Segment]:
        own = [each for each in self.segments if each.gateway == place]
        return [
            *own,
            *(deep for each in own for member in each.members for deep in self._behind(member)),
        ]

    def _change(self, place: str) -> None:
        site = Site(self.dice, place, tuple(self.links[place]), self.addresses(), self.networks())
        change: Callable[[Site], Sequence[str]] = self.dice.choice(CHANGES)
        self.lines += [(place, line) for line in change(site)]

    def addresses(self) -> tuple[str, ...]:
        return tuple(
            address
            for each in self.segments
            for place in (each.gateway, *each.members)
            for address in (each.four(place), each.six(place))
        )

    def networks(self) -> tuple[str, ...]:
        return tuple(network for each in self.segments for network in each.networks)

    def _roads(self, places: Sequence[str], count: int) -> tuple[Road, ...]:
        odd = ("10.4.0.99", "fd04::99", "10.9.9.9", "10.3.0.77")
        aims = (*self.addresses() * 3, *odd)
        origins = [each for each in places if not each.startswith("switch")]
        thrown = {
            (
                self.dice.choice(origins),
                Target(ip_address(self.dice.choice(aims)), *self.dice.choice(PROTOCOLS)),
            )
            for _ in range(count)
        }
        return tuple(sorted(thrown, key=str))
