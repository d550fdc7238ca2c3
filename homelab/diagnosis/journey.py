"""What is carried along one trace: conntrack of every place, the hops, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from homelab.diagnosis.box import Box
from homelab.diagnosis.mtu import Limit
from homelab.diagnosis.netfilter import Context, Traversal
from homelab.diagnosis.packet import Connection, Packet
from homelab.model.place import Address, Place
from homelab.model.trace import Cause, Hop


class Arrived(NamedTuple):
    """The packet came up to the sockets of ``place``; None for a machine that was not observed."""

    place: Place | None
    packet: Packet
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """It went no further. ``answer`` is the ICMP error or reset that the place sends, if any."""

    cause: Cause
    packet: Packet
    is_unknown: bool = False
    answer: str | None = None


End = Arrived | Ended


class Fork(NamedTuple):
    """A choice that the kernel makes by a hash or by chance: several next hops, several answers."""

    at: Place
    what: str


@dataclass(slots=True)
class Journey:
    """One trace in the making; the only thing in this room that changes.

    ``picks`` says which way to take at a fork; ``forks`` are those that were met, each with the
    number of its ways. ``limits`` are those of a packet's length, of both directions in order.
    ``odd`` are texts of what is strange on the way, though the packet may pass.
    ``met`` are neighbours that asked, by who answered on which link, each with where it asked: who answers
    knows them from then on (arp_process, ndisc_recv_ns).
    """

    direction: str = "forward"
    connections: dict[Place, tuple[Connection, ...]] = field(default_factory=dict)
    hops: list[Hop] = field(default_factory=list)
    ways: list[tuple[Place, int]] = field(default_factory=list)
    seen: dict[tuple[object, ...], int] = field(default_factory=dict)
    picks: Mapping[Fork, int] = field(default_factory=dict)
    forks: dict[Fork, int] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    met: dict[tuple[Place, str, Address], tuple[Place, str]] = field(default_factory=dict)
    odd: dict[str, None] = field(default_factory=dict)

    def turn_back(self) -> None:
        """From here on it is the answer that travels."""
        self.direction = "return"
        self.hops, self.ways, self.seen = [], [], {}

    def beside(self, direction: str) -> "Journey":
        """A journey that starts with what conntrack knows by now, and changes nothing of this one."""
        return Journey(direction, dict(self.connections), picks=self.picks, met=dict(self.met))

    def pick(self, fork: Fork, ways: int) -> int:
        self.forks[fork] = ways
        return self.picks.get(fork, 0)

    def limit(
        self,
        at: Place,
        link: str,
        size: int | None,
        packet: Packet,
        *,
        iif: str | None = None,
        speaks: bool = False,
    ) -> None:
        """Remember how long a packet may be here; None: that is not known to be limited."""
        if size is not None:
            limit = Limit(at, self.direction, size, link, packet, iif, speaks)
            self.limits.append(limit)

    def note(
        self,
        at: Place,
        stage: str,
        text: str,
        *,
        iif: str | None = None,
        oif: str | None = None,
        via: Address | None = None,
    ) -> None:
        self.hops.append(Hop(at, stage, text, iif, oif, via))

    def ended(  # noqa: PLR0913 - a cause has that many columns
        self,
        at: Place,
        stage: str,
        kind: str,
        text: str,
        packet: Packet,
        *,
        key: str | None = None,
        rule: str | None = None,
        owner: str | None = None,
        iif: str | None = None,
        oif: str | None = None,
        answer: str | None = None,
    ) -> Ended:
        cause = Cause(
            at=at,
            direction=self.direction,
            stage=stage,
            kind=kind,
            text=text,
            family="ip" if packet.family == 4 else "ip6",
            rule=rule,
            key=key,
            owner="user" if owner is None and kind == "sysctl" else owner,
            iif=iif,
            oif=oif,
            source=packet.source,
            destination=packet.destination,
        )
        self.note(at, stage, text, iif=iif, oif=oif)
        return Ended(cause, packet, kind == "unmodelled", answer)

    def is_going_round(self, at: Place, iif: str, packet: Packet) -> bool:
        """Whether the same packet came up at the same link before, its TTL apart."""
        ends = packet.source, packet.destination, packet.sport, packet.dport
        state = at, iif, packet.mark, packet.protocol, *ends
        first = self.seen.setdefault(state, len(self.ways))
        if first == len(self.ways):
            return False
        self.ways = self.ways[first:]
        return True

    def turning_point(self) -> Place:
        """The place of the loop with the least specific route: where it is most likely to be mended."""
        return min(self.ways, key=lambda way: way[1])[0]

    def hook(
        self, box: Box, hook: str, packet: Packet, context: Context, layer: str = "ip"
    ) -> tuple[Packet, Ended | None]:
        """One netfilter hook: the packet as it comes out, and the end if it does not."""
        if not box.meets(layer, hook):
            return packet, None
        stage = hook if layer == "ip" else layer
        stage = f"bridged {stage}" if context.bridged else stage
        known = self.connections.get(box.place)
        here = context._replace(connections=known) if known else context
        passed: Traversal = box.firewall.traverse(hook, packet, here, layer)
        self.connections[box.place] = passed.connections
        for text in passed.notes:
            self.note(box.place, stage, text, iif=context.iif, oif=context.oif)
        if passed.verdict == "accept" or passed.blame is None:
            return passed.packet, None
        cause = passed.blame.cause(box.place, self.direction, stage, here, passed.packet)
        self.note(box.place, stage, cause.text, iif=context.iif, oif=context.oif)
        unknown = passed.verdict == "unknown"
        return passed.packet, Ended(cause, passed.packet, unknown, passed.reject)
