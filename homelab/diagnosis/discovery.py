"""Neighbour discovery: the questions for a neighbour's address and their answers, which rules may stop as well.

Facts: RFC 4861; ndisc_send_skb in net/ipv6/ndisc.c sends questions of IPv6 through OUTPUT, and they come up through
INPUT; conntrack does not follow them (nf_conntrack_proto_icmpv6.c). RFC 826: ARP is no IP, and only nftables' families
bridge and arp see it; the latter is not followed. Frames of both cross the same bridges as what they are asked for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv6Address

from homelab.diagnosis.box import Box
from homelab.diagnosis.bridge_hooks import bridge_hooks, ip_hooks, shows_to_ip
from homelab.diagnosis.bridge_ports import Kept, lost_question
from homelab.diagnosis.frame import Crossing, Ear
from homelab.diagnosis.journey import Ended, Journey
from homelab.diagnosis.netfilter import Context
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.world import World
from homelab.model.place import Address, Place

SOLICITED = int(IPv6Address("ff02::1:ff00:0"))
SOLICITATION, ADVERTISEMENT = 135, 136
REQUEST, REPLY = 1, 2

Step = tuple[Box, str, Packet, Context, str]


class Discovery:
    """Each pair of neighbours is asked about once; ``own`` is the address with which the one asks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[Place, str, Address, Address | None], Ended | None] = {}

    def refused(
        self, box: Box, oif: str, via: Address, ear: Ear, own: Address | None
    ) -> Ended | None:
        """The end of the question, or of the answer; None when both pass."""
        key = box.place, oif, via, own
        if key not in self._known:
            self._known[key] = self._walked(box, oif, via, ear, own)
        return self._known[key]

    def _walked(
        self, box: Box, oif: str, via: Address, ear: Ear, own: Address | None
    ) -> Ended | None:
        if own is None or not (via.version == 6 or ear.crossings):
            return None
        journey = Journey()
        kept = self._kept(box, oif, via, ear)
        if kept is not None:
            at, why = kept
            text = f"neighbour discovery of {via}: {why.text}"
            asks, _ = _messages(own, via)
            return journey.ended(at, "bridge", why.kind, text, asks, key=why.key)
        now: dict[tuple[Place, Packet], Packet] = {}
        for place, hook, packet, context, layer in self._steps(box, oif, own, ear, via):
            # What one hook of a place found out of the message (it is not tracked) holds at the next.
            known = now.get((place.place, packet), packet)
            now[place.place, packet], ended = journey.hook(place, hook, known, context, layer)
            if ended is not None:
                text = f"neighbour discovery of {via}: {ended.cause.text}"
                return replace(ended, cause=replace(ended.cause, text=text), answer=None)
        return None

    def _kept(self, box: Box, oif: str, via: Address, ear: Ear) -> tuple[Place, Kept] | None:
        """The port that does not let the question out, unless it need not go to everybody."""
        if box.knows(oif, via, _mac(self._world.observed(ear.place), ear.link)):
            return None
        for each in ear.crossings:
            why = lost_question(self._world.observed(each.place), each, via.version)
            if why is not None:
                return each.place, why
        return None

    def _steps(self, box: Box, oif: str, own: Address, ear: Ear, via: Address) -> Iterator[Step]:
        there = self._world.observed(ear.place)
        asks, says = _messages(own, via)
        asks = asks._replace(mac_source=_mac(box, oif))
        says = says._replace(mac_source=_mac(there, ear.link))
        if via.version == 6:
            yield box, "output", asks, Context(box, oif=oif), "ip"
        yield from self._over_bridges(asks, ear.crossings)
        if via.version == 6:
            yield there, "prerouting", asks, Context(there, iif=ear.link), "ip"
            yield there, "input", asks, Context(there, iif=ear.link), "ip"
            yield there, "output", says, Context(there, oif=ear.link), "ip"
        turned = (e._replace(physin=e.physout, physout=e.physin) for e in ear.crossings[::-1])
        yield from self._over_bridges(says, turned)
        if via.version == 6:
            yield box, "prerouting", says, Context(box, iif=oif), "ip"
            yield box, "input", says, Context(box, iif=oif), "ip"

    def _over_bridges(self, packet: Packet, crossings: Iterable[Crossing]) -> Iterator[Step]:
        for each in crossings:
            box = self._world.observed(each.place)
            for hook, context in bridge_hooks(box, each):
                yield box, hook, packet, context, "bridge"
            if packet.family == 6 and each.physin and each.physout and shows_to_ip(box, each, 6):
                for hook, context in ip_hooks(box, each):
                    yield box, hook, packet, context, "ip"


def _messages(own: Address, via: Address) -> tuple[Packet, Packet]:
    if via.version == 4:
        asks = Packet(own, via, "arp", icmp_type=REQUEST)
        return asks, Packet(via, own, "arp", icmp_type=REPLY)
    everybody = IPv6Address(SOLICITED | int(via) & 0xFFFFFF)
    asks = Packet(own, everybody, "icmp6", icmp_type=SOLICITATION, icmp_code=0, ttl=255)
    return asks, Packet(via, own, "icmp6", icmp_type=ADVERTISEMENT, icmp_code=0, ttl=255)


def _mac(box: Box, name: str) -> str | None:
    link = box.by_name.get(name)
    return link.mac if link else None
