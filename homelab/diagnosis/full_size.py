"""Whether full-sized packets arrive where short ones do: path MTU discovery, or a black hole.

Facts: RFC 1191, RFC 8201, RFC 2923; tcp_mtu_probing and ip_no_pmtu_disc in ip-sysctl.rst. A sender whose route has
an MTU of its own may have it locked, and then sends without DF; ip(8) prints no lock in its JSON.
"""

from collections.abc import Callable
from dataclasses import dataclass

from homelab.diagnosis.box import Box
from homelab.diagnosis.icmp_error import TOO_LONG, error_about
from homelab.diagnosis.journey import Arrived, Ended, Journey
from homelab.diagnosis.mtu import Limit
from homelab.diagnosis.packet import TCP_HEADERS, Packet
from homelab.diagnosis.routing import LOOPBACK
from homelab.diagnosis.walk import Walk, question
from homelab.diagnosis.world import World
from homelab.model.place import Place
from homelab.model.trace import Cause, Large, Outcome

OTHER_WAY = {"forward": "return", "return": "forward"}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a connection, and what its own route carries.

    ``box`` is None for a machine that was not observed; ``sent`` is the first packet from there.
    """

    box: Box | None
    mtu: int
    sent: Packet
    has_own_mtu: bool = False
    advmss: int | None = None

    @property
    def place(self) -> Place | None:
        return self.box.place if self.box else None

    @property
    def mss(self) -> int:
        return self.advmss or self.mtu - TCP_HEADERS[self.sent.family]

    @property
    def forbids_fragments(self) -> bool:
        if self.sent.family == 6 or self.box is None:
            return True
        return self.box.sysctl("net.ipv4.ip_no_pmtu_disc") != "1"

    @property
    def finds_out(self) -> bool:
        """Whether its TCP tries by itself what passes, after some time without an answer."""
        probes = self.box is not None and self.box.number("net.ipv4.tcp_mtu_probing") > 0
        return self.sent.protocol == "tcp" and probes


def side_of(box: Box, packet: Packet) -> Side | None:
    """The side that sends this packet; None when its route names no link."""
    answer = box.tables.lookup(question(packet, LOOPBACK))
    route = answer.route
    mtu = box.route_mtu(route, answer.hop, packet.family)
    if mtu is None or route is None:
        return None
    return Side(box, mtu, packet, has_own_mtu=bool(route.mtu), advmss=route.advmss)


class FullSize:
    """Judges what a trip has found: the limits on its way, with the packets that met them."""

    def __init__(self, world: World, walk: Callable[[Journey], Walk], journey: Journey) -> None:
        self._world = world
        self._walk = walk
        self._journey = journey

    def both_ways(self, near: Side, far: Side, there: Arrived, home: Arrived) -> Large:
        """The way on which full-sized packets fail, or the one with the smaller MTU."""
        ways = (
            self._followed("forward", _full(near, far, home.packet), near, far),
            self._followed("return", _full(far, near, there.packet), far, near),
        )
        failed = (each for each in ways if each.outcome is not Outcome.DELIVERED)
        return next(failed, min(ways, key=lambda each: each.fits or 0))

    def _followed(self, direction: str, start: int, sender: Side, other: Side) -> Large:
        now = start
        full = min(sender.mtu, other.mss + TCP_HEADERS[sender.sent.family])
        for limit in self._journey.limits:
            if limit.direction != direction or now <= limit.size:
                continue
            cause, ended = _cause(limit, now), None
            if limit.speaks and sender.forbids_fragments:
                ended = self._told(limit, sender)
            if ended is not None or not limit.speaks:
                return self._lost((start, full), cause, sender, ended)
            now = limit.size
        return Large(start, Outcome.DELIVERED, now)

    def _told(self, limit: Limit, sender: Side) -> Ended | None:
        """Why the sender does not hear that its packet is too long; None when it does."""
        journey = self._journey.beside(OTHER_WAY[limit.direction])
        box = self._world.observed(limit.at)
        end = self._walk(journey).send(box, error_about(box, limit.packet, TOO_LONG))
        if isinstance(end, Ended):
            return end
        if end.place == sender.place:
            return None
        text = f"the message comes up at {end.place}, which did not send the packet"
        return journey.ended(end.place or limit.at, "input", "route", text, end.packet)

    def _lost(
        self, sizes: tuple[int, int], cause: Cause, sender: Side, ended: Ended | None
    ) -> Large:
        start, full = sizes
        may_be_cut = sender.has_own_mtu and ended is not None
        doubtful = may_be_cut or sender.finds_out or (ended is not None and ended.is_unknown)
        outcome = Outcome.UNKNOWN if doubtful or self._may_be_less(start, full) else Outcome.DROPPED
        return Large(start, outcome, None, cause, ended.cause if ended else None)

    def _may_be_less(self, start: int, full: int) -> bool:
        """Whether rules on the way may have lowered an MSS, and the model has not seen that they do.

        That is so for a packet which is no TCP, and for a rule that hangs on what nobody can tell.
        """
        places = {each.at for each in self._journey.limits}
        return start == full and any(self._world.observed(each).clamps for each in places)


def _full(sender: Side, other: Side, heard: Packet) -> int:
    """The length of a full packet of ``sender``, who heard that MSS, or else sends what both carry."""
    if heard.mss is None:
        return min(sender.mtu, other.mtu)
    return min(sender.mtu, heard.mss + TCP_HEADERS[heard.family])


def _cause(limit: Limit, now: int) -> Cause:
    text = f"{limit.at}: {limit.link} lets {limit.size} bytes pass, and full packets have {now}"
    return Cause(
        limit.at,
        limit.direction,
        "forward" if limit.speaks else "link",
        "link",
        text,
        family="ip" if limit.packet.family == 4 else "ip6",
        key=limit.link,
        iif=limit.iif,
        oif=limit.link,
        source=limit.packet.source,
        destination=limit.packet.destination,
    )
