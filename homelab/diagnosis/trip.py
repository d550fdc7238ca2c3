"""One packet from one vantage: there, answered, and back."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from homelab.diagnosis.box import Box
from homelab.diagnosis.datagrams import passed_on_to
from homelab.diagnosis.discovery import Discovery
from homelab.diagnosis.full_size import FullSize, Side, side_of
from homelab.diagnosis.icmp_error import error_about
from homelab.diagnosis.journey import Arrived, End, Ended, Journey
from homelab.diagnosis.neighbours import Claims, Neighbours
from homelab.diagnosis.packet import DATAGRAM, ECHO, ECHO_REQUEST, HEADER, RST, SYN, Packet
from homelab.diagnosis.routing import Question
from homelab.diagnosis.segment import Ether
from homelab.diagnosis.sockets import reply_to, turned
from homelab.diagnosis.vantage import Vantage
from homelab.diagnosis.walk import Walk
from homelab.diagnosis.wire import Wire
from homelab.diagnosis.world import World
from homelab.model.docker import Daemon
from homelab.model.place import LAN, Address, Place
from homelab.model.trace import Hop, Outcome, Target, Trace

SPORT = 40000
UNSPECIFIED: dict[int, Address] = {4: IPv4Address(0), 6: IPv6Address(0)}
LENGTH = {"icmp": ECHO, "tcp": SYN, "udp": DATAGRAM}


@dataclass(frozen=True, slots=True)
class Ground:
    """What all trips of one snapshot share."""

    world: World
    ether: Ether
    claims: Claims
    discovery: Discovery


class Trip:
    """``journey`` tells afterwards which forks were met."""

    def __init__(self, ground: Ground, start: Vantage, target: Target, journey: Journey) -> None:
        self._ground = ground
        self._world = ground.world
        self._start = start
        self._target = target
        self._journey = journey

    def trace(self, origin: str) -> Trace:
        box = self._world.observed(self._start.place)
        packet = self._request(self._start.source or self._own_source(box))
        near = self._near(box, packet)
        packet = with_mss(packet, near)
        at = Place(origin) if self._start.link else box.place
        self._journey.note(at, "send", f"{packet.source} to {self._target}")
        end = self._there(box, packet)
        blank = Trace(origin, self._target, Outcome.DELIVERED, packet.source)
        if isinstance(end, Ended):
            return self._failed(blank, end)
        return self._answered(blank, end, near)

    def _own_source(self, box: Box) -> Address:
        asked = self._request(UNSPECIFIED[self._target.address.version])
        question = Question(
            asked.destination, protocol=asked.protocol, sport=asked.sport, dport=asked.dport
        )
        found = box.source_for(box.tables.lookup(question), asked.destination)
        return found or asked.source

    def _request(self, source: Address) -> Packet:
        target = self._target
        family = target.address.version
        length = HEADER[family] + LENGTH.get(target.protocol, DATAGRAM)
        if target.port is None:
            protocol = "icmp" if family == 4 else "icmp6"
            kind = ECHO_REQUEST[family]
            return Packet(source, target.address, protocol, SPORT, 0, kind, 0, length=length)
        flags = frozenset({"SYN"}) if target.protocol == "tcp" else frozenset[str]()
        return Packet(
            source, target.address, target.protocol, SPORT, target.port, flags=flags, length=length
        )

    def _walk(self, journey: Journey) -> Walk:
        ground = self._ground
        neighbours = Neighbours(
            ground.world, ground.ether, ground.claims, self._start.client, journey
        )
        return Walk(Wire(ground.world, ground.discovery, neighbours, journey), journey)

    def _there(self, box: Box, packet: Packet) -> End:
        walk, start = self._walk(self._journey), self._start
        if start.link is None:
            return walk.send(box, packet, bound=start.source is not None)
        if start.client and start.subnet and packet.destination in start.subnet:
            return walk.from_client(start.client, packet)
        return walk.receive(box, packet, start.link, start.port)

    def _near(self, box: Box, packet: Packet) -> Side | None:
        """The sender; of one that is only imagined the link by which it comes in tells the MTU."""
        start = self._start
        if start.link is None:
            return side_of(box, packet)
        mtu = box.link_mtu(start.port or start.link, packet.family)
        return Side(None, mtu, packet) if mtu else None

    def _answered(self, blank: Trace, arrived: Arrived, near: Side | None) -> Trace:
        """The packet came up somewhere: what is said to it, and whether that comes back."""
        box = self._world.box(arrived.place) if arrived.place else None
        daemon = self._world.snapshot.daemons.get(box.place) if box else None
        reply = reply_to(box, arrived, self._journey, daemon) if box else self._unobserved(arrived)
        seen = self._as_seen(blank, arrived.packet)
        if isinstance(reply, Ended) or box is None:
            ended = reply if isinstance(reply, Ended) else self._unobserved(arrived)
            return self._failed(seen, ended)
        lost = self._lost_behind(box, arrived.packet, daemon)
        if lost is not None:
            return self._failed(seen, lost)
        far = side_of(box, reply)
        # Where the source was rewritten on the way in, the socket routes its answer before that is undone.
        entry = arrived.packet.connection
        reply = reply if entry is not None and entry.is_snat else with_mss(reply, far)
        forward = tuple(self._journey.hops)
        self._journey.turn_back()
        end = self._home(seen, self._walk(self._journey).send(box, reply))
        ended_so = replace(seen, forward=forward, back=tuple(self._journey.hops))
        if isinstance(end, Arrived):
            asked = FullSize(self._world, self._walk, self._journey)
            large = asked.both_ways(near, far, arrived, end) if near and far else None
            return replace(ended_so, large=large)
        outcome = Outcome.UNKNOWN if end.is_unknown else Outcome.DROPPED
        return replace(ended_so, outcome=outcome, cause=end.cause)

    def _lost_behind(self, box: Box, packet: Packet, daemon: Daemon | None) -> Ended | None:
        """Where docker-proxy passes a datagram on: the end of its own one, or of the answer to that."""
        target = passed_on_to(daemon, packet) if packet.protocol == "udp" else None
        if target is None:
            return None
        file = self._world.snapshot.daemon_files.get(box.place)
        if file is not None and file.values.get("userland-proxy") == "false":
            # Without its proxies dockerd holds the ports itself, and reads nothing (dummyProxy in moby).
            key = f"{packet.dport}/{packet.protocol}"
            text = f"dockerd of {box.place} keeps {key} and answers nobody: userland-proxy is false"
            return self._journey.ended(box.place, "socket", "socket", text, packet, key=key)
        journey = self._journey.beside("forward")
        trace = Trip(self._ground, Vantage(box.place), target, journey).trace(box.place)
        self._journey.forks.update(journey.forks)
        unknown = trace.outcome is Outcome.UNKNOWN
        return Ended(trace.cause, packet, unknown) if trace.cause else None

    def _unobserved(self, arrived: Arrived) -> Ended:
        address = arrived.packet.destination
        text = f"{address} is a machine that was not observed"
        return self._journey.ended(
            LAN, "socket", "unmodelled", text, arrived.packet, key=str(address)
        )

    def _home(self, asked: Trace, end: End) -> End:
        """The answer must come up where the request started, and from whom it was sent to."""
        if isinstance(end, Ended):
            return end
        packet = end.packet
        home = end.place is None or end.place == self._start.place
        if home and self._is_from_target(packet) and packet.destination == asked.source:
            return end
        at = end.place or self._start.place
        text = f"the answer comes up at {at}, which did not ask"
        if home:
            came = Target(packet.source, self._target.protocol, packet.sport or None)
            text = f"the answer comes from {came}, and {self._target} was asked"
        return self._journey.ended(at, "input", "route", text, packet)

    def _failed(self, so_far: Trace, ended: Ended) -> Trace:
        """The packet got no answer of the kind it wanted: perhaps one that says no."""
        forward: tuple[Hop, ...] = tuple(self._journey.hops)
        outcome = Outcome.DROPPED
        if ended.is_unknown:
            outcome = Outcome.UNKNOWN
        elif ended.answer is not None:
            outcome = self._refused(so_far, ended)
        return replace(so_far, outcome=outcome, forward=forward, cause=ended.cause)

    def _refused(self, asked: Trace, ended: Ended) -> Outcome:
        """Whether the refusal that the place sends reaches the sender."""
        box = self._world.observed(ended.cause.at)
        at_home = box.place == self._start.place and self._start.link is None
        if at_home and ended.cause.kind not in ("rule", "socket"):
            return Outcome.REJECTED
        journey = self._journey.beside("return")
        end = self._walk(journey).send(box, refusal_of(box, ended))
        self._journey.forks.update(journey.forks)
        if isinstance(end, Ended):
            return Outcome.UNKNOWN if end.is_unknown else Outcome.DROPPED
        home = end.place in (None, self._start.place) and end.packet.destination == asked.source
        # A reset is known by its addresses, an error by what it quotes.
        quoted = end.packet.inner
        fits = (
            quoted.destination == self._target.address
            if quoted is not None
            else self._is_from_target(end.packet)
        )
        return Outcome.REJECTED if home and fits else Outcome.DROPPED

    def _is_from_target(self, packet: Packet) -> bool:
        """Whether the socket that asked takes it for an answer."""
        port = self._target.port
        same = port is None or (packet.sport, packet.dport) == (port, SPORT)
        return same and packet.source == self._target.address

    def _as_seen(self, blank: Trace, packet: Packet) -> Trace:
        """The trace with what the receiver saw, where that is not what was sent."""
        source = None if packet.source == blank.source else str(packet.source)
        port = None if self._target.port is None else packet.dport
        same = (packet.destination, port) == (self._target.address, self._target.port)
        there = None if same else str(Target(packet.destination, self._target.protocol, port))
        return replace(blank, rewritten_source=source, rewritten_destination=there)


def with_mss(packet: Packet, sender: Side | None) -> Packet:
    """A SYN says how much its sender takes at once (RFC 9293, 3.7.1)."""
    tells = sender is not None and "SYN" in packet.flags
    return packet._replace(mss=sender.mss) if sender is not None and tells else packet


def refusal_of(box: Box, ended: Ended) -> Packet:
    """A reset, or an ICMP error of the box's own address that quotes the packet."""
    packet = ended.packet
    if ended.answer == "tcp-reset":
        # tcp_v4_send_reset and tcp_v6_send_response keep the type of service.
        length = HEADER[packet.family] + RST
        reset = turned(packet)._replace(
            flags=frozenset({"RST", "ACK"}), length=length, tos=packet.tos
        )
        return _attached(reset, packet) if ended.cause.kind == "rule" else reset
    error = error_about(box, packet, ended.answer or "")
    # Of what comes up at a socket, conntrack is forgotten first (nf_reset_ct in __udp4_lib_rcv).
    return error if ended.cause.kind == "socket" else _attached(error, packet)


def _attached(refusal: Packet, packet: Packet) -> Packet:
    """It belongs to the connection of what it refuses, though that may not be in the table yet."""
    # nf_conntrack_attach, by nf_send_reset, icmp_glue_bits and icmpv6_getfrag
    if packet.connection is None:
        return refusal
    return refusal._replace(connection=packet.connection, state="related", reply=not packet.reply)
