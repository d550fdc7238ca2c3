"""Neighbour discovery: IPv6 asks for its neighbours in packets of its own, and rules may stop those.

Facts: RFC 4861; ndisc_send_skb in net/ipv6/ndisc.c sends them through OUTPUT, and they come up through INPUT;
conntrack does not follow them (nf_conntrack_proto_icmpv6.c).
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv6Address

from homelab.diagnosis.box import Box
from homelab.diagnosis.journey import Ended, Journey
from homelab.diagnosis.netfilter import Context
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.segment import Ear
from homelab.diagnosis.world import World
from homelab.model.place import Address, Place

SOLICITED = int(IPv6Address("ff02::1:ff00:0"))
SOLICITATION, ADVERTISEMENT = 135, 136

Step = tuple[Box, str, Packet, Context]


class Discovery:
    """Each pair of neighbours is asked about once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[Place, str, Address], Ended | None] = {}

    def refused(self, box: Box, oif: str, via: Address, ear: Ear) -> Ended | None:
        """The end of the question, or of the answer; None when both pass."""
        key = box.place, oif, via
        if key not in self._known:
            self._known[key] = self._walked(box, oif, via, ear)
        return self._known[key]

    def _walked(self, box: Box, oif: str, via: Address, ear: Ear) -> Ended | None:
        there = self._world.observed(ear.place)
        own = box.near_address(oif, via)
        if own is None:
            return None
        journey = Journey()
        for place, hook, packet, context in _steps(box, oif, own, there, ear.link, via):
            _, ended = journey.hook(place, hook, packet, context)
            if ended is not None:
                text = f"neighbour discovery of {via}: {ended.cause.text}"
                return replace(ended, cause=replace(ended.cause, text=text), answer=None)
        return None


def _steps(box: Box, oif: str, own: Address, there: Box, link: str, via: Address) -> Iterator[Step]:
    everybody = IPv6Address(SOLICITED | int(via) & 0xFFFFFF)
    asks = Packet(own, everybody, "icmp6", icmp_type=SOLICITATION, icmp_code=0, ttl=255)
    says = Packet(via, own, "icmp6", icmp_type=ADVERTISEMENT, icmp_code=0, ttl=255)
    yield box, "output", asks, Context(box, oif=oif)
    yield there, "prerouting", asks, Context(there, iif=link)
    yield there, "input", asks, Context(there, iif=link)
    yield there, "output", says, Context(there, oif=link)
    yield box, "prerouting", says, Context(box, iif=oif)
    yield box, "input", says, Context(box, iif=oif)
