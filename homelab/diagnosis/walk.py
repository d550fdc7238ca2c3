"""One way of a packet: out of a place, over the wires, through the boxes, to where it comes up.

The order of steps is the kernel's: ip_rcv, PREROUTING, ip_route_input_slow, INPUT or ip_forward, FORWARD,
POSTROUTING, neighbour (net/ipv4/ip_input.c, route.c, ip_forward.c, ip_output.c; net/ipv6 alike).
"""

from dataclasses import replace

from homelab.diagnosis.box import Box
from homelab.diagnosis.bridge_hooks import calls_iptables
from homelab.diagnosis.dead_end import LEADING, dead_end, in_a_vrf, unread
from homelab.diagnosis.forwarding import disabled_key, forwarding_key
from homelab.diagnosis.icmp_error import BEYOND_SCOPE
from homelab.diagnosis.journey import Arrived, End, Ended, Fork, Journey
from homelab.diagnosis.netfilter import Context
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.reverse_path import Refusal, martian, of_no_wire, refusal
from homelab.diagnosis.routing import LOOPBACK, Answer, Question, route_line
from homelab.diagnosis.vantage import Client
from homelab.diagnosis.wire import Passed, Wire
from homelab.model.kernel import NextHop
from homelab.model.place import Address

DEFAULT_TTL = "net.ipv4.ip_default_ttl"
SILENT = ("broadcast", "multicast", "anycast")


class Walk:
    """Moves packets; what it learns goes into the journey."""

    def __init__(self, wire: Wire, journey: Journey) -> None:
        self._wire = wire
        self._journey = journey

    def send(self, box: Box, packet: Packet, *, bound: bool = True) -> End:
        """A packet of this place itself: route, OUTPUT, POSTROUTING, and out; ``bound``: its source was chosen before."""
        if packet.family == 4:
            packet = packet._replace(ttl=box.number(DEFAULT_TTL, packet.ttl))
        answer = _own_route(box, packet, bound=bound)
        failed = unread(box, packet, self._journey) or dead_end(box, packet, answer, self._journey)
        if failed is not None:
            return failed
        context = Context(box, oif=self._way_out(box, answer))
        after, ended = self._journey.hook(box, "output", packet, context)
        if ended is not None:
            return ended
        if question(after, LOOPBACK) != question(packet, LOOPBACK):
            # ip_route_me_harder: what OUTPUT has changed is looked up again. A failure is the sender's own
            # (NF_DROP_ERR), but tcp_connect goes on as if its packet had been lost.
            answer = box.tables.lookup(question(after, LOOPBACK))
            failed = dead_end(box, after, answer, self._journey)
            if failed is not None:
                return replace(failed, answer=None) if after.protocol == "tcp" else failed
        if answer.kind == "local":
            return self._to_itself(box, after)
        return self._leave(box, after, answer, None)

    def _to_itself(self, box: Box, packet: Packet) -> End:
        context = Context(box, oif=LOOPBACK)
        packet, ended = self._journey.hook(box, "postrouting", packet, context)
        if ended is not None:
            return ended
        return self._come_up(box, packet, LOOPBACK, None)

    def from_client(self, client: Client, packet: Packet) -> End:
        """What an imagined machine sends to another one on its own wire."""
        return self._go_on(self._wire.from_client(client, packet))

    def receive(self, box: Box, packet: Packet, iif: str, port: str | None = None) -> End:
        """A packet comes up at a link: PREROUTING, then this place's own or forwarded."""
        if self._journey.is_going_round(box.place, iif, packet):
            place = self._journey.turning_point()
            text = f"{place} sends the packet to {packet.destination} back: it goes round until its TTL ends"
            return self._journey.ended(place, "route", "route", text, packet, answer="icmp-ttl")
        failed = (
            unread(box, packet, self._journey)
            or in_a_vrf(box, packet, iif, self._journey)
            or self._kept_off(box, packet, iif)
        )
        if failed is not None:
            return failed
        packet, ended = self._wire.ingress(box, packet, iif)
        odd = of_no_wire(packet, iif) if ended is None else None
        if odd is not None:
            return self._refused(box, packet, iif, odd)
        return ended or self._come_up(box, packet, iif, port)

    def _kept_off(self, box: Box, packet: Packet, iif: str) -> Ended | None:
        key = disabled_key(box, packet.family, iif)
        if key is None:
            return None
        text = f"{box.place} speaks no IPv6 on {iif}: {key} is 1"
        return self._journey.ended(
            box.place, "prerouting", "sysctl", text, packet, key=key, iif=iif
        )

    def _come_up(self, box: Box, packet: Packet, iif: str, port: str | None) -> End:
        master = port if port and calls_iptables(box, iif, packet.family) else None
        context = Context(box, iif=iif, physin=master)
        packet, ended = self._journey.hook(box, "prerouting", packet, context)
        if ended is not None:
            return ended
        odd = martian(box, packet, iif)
        if odd is not None:
            return self._refused(box, packet, iif, odd)
        answer = box.tables.lookup(question(packet, iif))
        if answer.kind != "local":
            return self._forward(box, packet, answer, context)
        odd = refusal(box, packet, iif)
        if odd is not None:
            return self._refused(box, packet, iif, odd)
        packet, ended = self._journey.hook(box, "input", packet, context)
        return ended or Arrived(box.place, packet, iif)

    def _refused(self, box: Box, packet: Packet, iif: str, why: Refusal) -> Ended:
        return self._journey.ended(
            box.place, "rp_filter", why.kind, why.text, packet, key=why.key, iif=iif
        )

    def _forward(self, box: Box, packet: Packet, answer: Answer, context: Context) -> End:
        iif = context.iif or ""
        if answer.kind in SILENT:
            text = f"{packet.destination} is a {answer.kind} address here"
            return self._journey.ended(box.place, "route", "route", text, packet, iif=iif)
        failed = self._kept(box, packet, answer, iif)
        if failed is not None:
            return failed
        if packet.ttl <= 1:
            text = f"the time to live of the packet ends in {box.place}"
            return self._journey.ended(
                box.place, "forward", "route", text, packet, iif=iif, answer="icmp-ttl"
            )
        # ip_forward and ip6_forward look at the length before FORWARD does.
        hop = self._next_hop(box, answer)
        size = box.route_mtu(answer.route, hop, packet.family)
        out = (hop.link if hop else None) or ""
        self._journey.limit(box.place, out, size, packet, iif=iif, speaks=True)
        aged = packet._replace(ttl=packet.ttl - 1)
        on = context._replace(oif=self._way_out(box, answer))
        after, ended = self._journey.hook(box, "forward", aged, on)
        return ended or self._leave(box, after, answer, on)

    def _kept(self, box: Box, packet: Packet, answer: Answer, iif: str) -> Ended | None:
        """What ends a packet for another place before FORWARD, in the kernel's order."""
        no_way = dead_end(box, packet, answer, self._journey, iif) if packet.family == 6 else None
        if no_way is not None:
            # ip6_pkt_drop says so whether the place forwards or not.
            return no_way
        key = forwarding_key(box, packet.family, iif)
        if key is not None:
            text = f"{box.place} does not forward: {key} is 0"
            return self._journey.ended(
                box.place, "forward", "sysctl", text, packet, key=key, iif=iif
            )
        if packet.family == 6 and packet.source.is_link_local:
            # ip6_forward in net/ipv6/ip6_output.c
            text = f"{box.place}: {packet.source} counts on its link only, and is not forwarded"
            return self._journey.ended(
                box.place, "forward", "route", text, packet, iif=iif, answer=BEYOND_SCOPE
            )
        odd = refusal(box, packet, iif, self._way_out(box, answer) or LOOPBACK)
        no_way = dead_end(box, packet, answer, self._journey, iif)
        if no_way is None and odd is not None:
            return self._refused(box, packet, iif, odd)
        return no_way

    def _leave(self, box: Box, packet: Packet, answer: Answer, come: Context | None) -> End:
        """POSTROUTING, then the next hop's link-layer address, and over the wire."""
        iif = come.iif if come else None
        hop = self._next_hop(box, answer)
        if hop is None or hop.link is None:
            text = f"{box.place}: the route to {packet.destination} names no link"
            return self._journey.ended(box.place, "route", "link", text, packet, iif=iif)
        if hop.link == LOOPBACK and packet.family == 6:
            # Its dst stays with the packet, whose input is ip6_forward (ip6_rt_init_dst): until its hop limit ends.
            text = f"{box.place}: {route_line(answer, hop)} sends the packet round its own loopback"
            return self._journey.ended(box.place, "route", "unmodelled", text, packet, iif=iif)
        length = answer.route.destination.prefixlen if answer.route else 0
        self._journey.ways.append((box.place, length))
        text = route_line(answer, hop)
        self._journey.note(box.place, "route", text, iif=iif, oif=hop.link, via=hop.via)
        out = Context(box, iif=iif, oif=hop.link, physin=come.physin if come else None)
        packet, ended = self._journey.hook(box, "postrouting", packet, out)
        if ended is None:
            ended = self._down(box, packet, hop.link, iif)
        if ended is not None:
            return ended
        via = self._neighbour(box, hop, packet)
        return self._go_on(self._wire.cross(box, packet, hop.link, via, iif))

    def _neighbour(self, box: Box, hop: NextHop, packet: Packet) -> Address:
        """A next hop that was an address of the place itself when the route was set is none (fib_check_nh)."""
        if hop.via is None or packet.family == 6 or hop.via not in box.own:
            return hop.via or packet.destination
        fork = Fork(box.place, f"the next hop {hop.via} is its own address")
        return (hop.via, packet.destination)[self._journey.pick(fork, 2)]

    def _next_hop(self, box: Box, answer: Answer) -> NextHop | None:
        """Of several, the kernel takes one by a hash of the packet."""
        if len(answer.hops) < 2:
            return answer.hop
        fork = Fork(box.place, f"several next hops: {route_line(answer, None)}")
        return answer.hops[self._journey.pick(fork, len(answer.hops))]

    def _way_out(self, box: Box, answer: Answer) -> str | None:
        if answer.kind == "local":
            return LOOPBACK
        hop = self._next_hop(box, answer)
        return hop.link if hop else None

    def _down(self, box: Box, packet: Packet, oif: str, iif: str | None) -> Ended | None:
        link = box.by_name.get(oif)
        key = disabled_key(box, packet.family, oif)
        if key is not None:
            text = f"{box.place} speaks no IPv6 on {oif}: {key} is 1"
            return self._journey.ended(box.place, "link", "sysctl", text, packet, key=key, oif=oif)
        if link is not None and link.up and link.carrier:
            return None
        state = "is gone" if link is None else "has no carrier" if link.up else "is down"
        text = f"{box.place}: link {oif} {state}"
        return self._journey.ended(
            box.place, "link", "link", text, packet, key=oif, oif=oif, iif=iif
        )

    def _go_on(self, passed: Passed | Arrived | Ended) -> End:
        if isinstance(passed, Passed):
            return self.receive(passed.box, passed.packet, passed.link, passed.port)
        return passed


def question(packet: Packet, iif: str) -> Question:
    return Question(
        packet.destination,
        packet.source,
        iif,
        None,
        packet.mark,
        packet.protocol,
        packet.sport,
        packet.dport,
        packet.tos,
    )


def _own_route(box: Box, packet: Packet, *, bound: bool) -> Answer:
    """IPv6 asks without a source first, and again with the one that it chose only where that failed."""
    # ip6_dst_lookup_tail in net/ipv6/ip6_output.c
    asked = _own_question(packet)
    if packet.family == 6 and not bound:
        answer = box.tables.lookup(asked._replace(source=None))
        if answer.kind in (*LEADING, "unknown"):
            return answer
    return box.tables.lookup(asked)


def _own_question(packet: Packet) -> Question:
    """An error about a packet for another place gets its source from its route, which rules are asked without.

    icmp_send in net/ipv4/icmp.c, icmp6_send in net/ipv6/icmp.c.
    """
    asked, about = question(packet, LOOPBACK), packet.inner
    chosen = about is not None and about.destination != packet.source
    return asked._replace(source=None) if chosen else asked
