"""From one place to the next: the address on the wire, the bridges on the way, and their filters.

Facts: br_nf_pre_routing, br_nf_forward_ip and br_nf_post_routing in net/bridge/br_netfilter_hooks.c; the hooks of
nftables' families bridge and netdev (nft(8)).
"""

from dataclasses import replace
from typing import NamedTuple

from homelab.diagnosis.answers import asks_from
from homelab.diagnosis.box import Box
from homelab.diagnosis.bridge_hooks import bridge_hooks, ip_hooks, shows_to_ip
from homelab.diagnosis.bridge_ports import lost_frame
from homelab.diagnosis.discovery import Discovery
from homelab.diagnosis.frame import Crossing, Ear
from homelab.diagnosis.journey import Arrived, Ended, Journey
from homelab.diagnosis.mtu import below_vlans, entering, leaving_by_port
from homelab.diagnosis.neighbours import Found, Neighbours, Nobody, Outside
from homelab.diagnosis.netfilter import Context
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.vantage import Client
from homelab.diagnosis.world import World
from homelab.model.place import Address


class Passed(NamedTuple):
    """The packet came up at a link of ``box``."""

    box: Box
    packet: Packet
    link: str
    port: str | None = None


class Wire:
    """Carries packets; what it learns goes into the journey."""

    def __init__(
        self, world: World, discovery: Discovery, neighbours: Neighbours, journey: Journey
    ) -> None:
        self._world = world
        self._discovery = discovery
        self._neighbours = neighbours
        self._journey = journey

    def cross(
        self, box: Box, packet: Packet, oif: str, via: Address, iif: str | None
    ) -> Passed | Arrived | Ended:
        """Out by a link to the next hop."""
        found = self._neighbours.find(box, oif, via, packet)
        if isinstance(found, Nobody):
            return self._stuck(found, packet, iif, oif)
        if isinstance(found, Found) and not found.is_fixed:
            own = asks_from(box, oif, via, packet.source)
            refused = self._introduced(box, oif, via, found.ear, own)
            if refused is not None:
                return refused
        link = box.by_name.get(oif)
        packet = packet._replace(mac_source=link.mac if link else None)
        packet, ended = self._journey.hook(
            box, "egress", packet, Context(box, oif=oif, framed=True), "netdev"
        )
        return ended or self._carried(found, packet, oif, box)

    def _introduced(
        self, box: Box, oif: str, via: Address, ear: Ear, own: Address | None
    ) -> Ended | None:
        """The end of the question for a neighbour that is not known yet; who answers knows who asked."""
        if (box.place, oif, via) in self._journey.met:
            return None
        refused = self._discovery.refused(box, oif, via, ear, own)
        if refused is not None:
            cause = replace(refused.cause, direction=self._journey.direction)
            return replace(refused, cause=cause)
        if own is not None and not box.knows(oif, via, self._mac(ear)):
            self._journey.met[ear.place, ear.link, own] = box.place, oif
        return None

    def from_client(self, client: Client, packet: Packet) -> Passed | Arrived | Ended:
        """What an imagined machine sends to another one on its own wire."""
        found = self._neighbours.from_the_wire(client, packet.destination)
        if isinstance(found, Nobody):
            return self._stuck(found, packet, None, client.link)
        return self._carried(found, packet, client.link, None)

    def _stuck(self, found: Nobody, packet: Packet, iif: str | None, oif: str) -> Ended:
        end = self._journey.ended(
            found.at,
            "neighbour",
            found.kind,
            found.text,
            packet,
            key=found.key,
            iif=iif,
            oif=oif,
        )
        return replace(end, cause=replace(end.cause, vlan=found.vlan))

    def _carried(
        self, found: Found | Outside, packet: Packet, oif: str, box: Box | None
    ) -> Passed | Arrived | Ended:
        crossings = found.ear.crossings if isinstance(found, Found) else found.crossings
        mac = self._mac(found.ear) if isinstance(found, Found) else None
        for each in crossings:
            packet, ended = self._over_a_bridge(each, packet, mac)
            if ended is not None:
                return ended
        if isinstance(found, Outside):
            return Arrived(None, packet, oif)
        there = self._world.observed(found.ear.place)
        if found.ear.port is None:
            came_by = below_vlans(there, found.ear.link)
            self._journey.limit(there.place, came_by, entering(there, came_by), packet)
        same = box is not None and there.place == box.place
        packet = packet.arriving(same_namespace=same)
        return Passed(there, packet, found.ear.link, found.ear.port)

    def _mac(self, ear: Ear) -> str | None:
        link = self._world.observed(ear.place).by_name.get(ear.link)
        return link.mac if link else None

    def _over_a_bridge(
        self, crossing: Crossing, packet: Packet, mac: str | None
    ) -> tuple[Packet, Ended | None]:
        """A frame meets nftables' family bridge, and with br_netfilter the IP hooks as well."""
        box = self._world.observed(crossing.place)
        physin, physout = crossing.physin, crossing.physout
        self._measure(box, crossing, packet)
        if physin is not None:
            packet, ended = self.ingress(box, packet, physin)
            if ended is not None:
                return packet, ended
        kept = lost_frame(box, crossing, mac, packet.mac_source)
        if kept is not None:
            return packet, self._journey.ended(
                box.place, "bridge", kept.kind, kept.text, packet, key=kept.key, iif=physin
            )
        for hook, context in bridge_hooks(box, crossing):
            packet, ended = self._journey.hook(box, hook, packet, context, "bridge")
            if ended is not None:
                return packet, ended
        if physout is None:
            return packet, None
        if physin is not None and shows_to_ip(box, crossing, packet.family):
            packet, ended = self._shown_to_ip(box, crossing, packet)
            if ended is not None:
                return packet, ended
        return self._journey.hook(
            box, "egress", packet, Context(box, oif=physout, framed=True), "netdev"
        )

    def _measure(self, box: Box, crossing: Crossing, packet: Packet) -> None:
        """How long a frame may be to come in by one port and leave by the other."""
        physin, port = crossing.physin, box.by_name.get(crossing.physout or "")
        if physin is not None:
            self._journey.limit(box.place, physin, entering(box, physin), packet)
        if port is not None:
            shown = physin is not None and shows_to_ip(box, crossing, packet.family)
            size = leaving_by_port(port, shown_to_ip=shown)
            self._journey.limit(box.place, port.name, size, packet, iif=physin)

    def _shown_to_ip(
        self, box: Box, crossing: Crossing, packet: Packet
    ) -> tuple[Packet, Ended | None]:
        packet = packet.arriving(same_namespace=False)
        meant_for = packet.destination
        for hook, context in ip_hooks(box, crossing):
            packet, ended = self._journey.hook(box, hook, packet, context)
            if ended is not None:
                return packet, ended
            if packet.destination != meant_for:
                return packet, self._turned_aside(box, crossing, packet)
        return packet, None

    def _turned_aside(self, box: Box, crossing: Crossing, packet: Packet) -> Ended:
        """A bridged frame whose destination was translated: it is routed, or sent to another neighbour.

        br_nf_pre_routing_finish in net/bridge/br_netfilter_hooks.c. Only the frame that would have to
        go back by its own port is followed: it ends there (should_deliver).
        """
        bridge, port = crossing.bridge, box.by_name.get(crossing.physin or "")
        stays = box.route_link(packet.destination, packet.source, packet.mark) == bridge
        found = self._neighbours.find(box, bridge, packet.destination, packet) if stays else None
        back = isinstance(found, Found) and found.ear.crossings[0].physout == crossing.physin
        turns = port is None or port.port is None or port.port.hairpin
        text = f"{box.place}: a bridged frame is translated to {packet.destination}"
        if not back or turns:
            return self._journey.ended(
                box.place, "bridged prerouting", "unmodelled", text, packet, key="bridge-nf-call"
            )
        text += f", and would have to leave by its own port {crossing.physin} of {bridge}"
        return self._journey.ended(
            box.place, "bridge", "link", text, packet, key=crossing.physin, iif=crossing.physin
        )

    def ingress(self, box: Box, packet: Packet, link: str) -> tuple[Packet, Ended | None]:
        """What a packet meets on a link before everything else: an XDP program, nft's ingress."""
        here = box.by_name.get(link)
        if here is not None and "xdp" in here.options:
            text = f"an XDP program sits on {link} of {box.place}"
            return packet, self._journey.ended(
                box.place, "link", "unmodelled", text, packet, key=f"xdp {link}", iif=link
            )
        return self._journey.hook(box, "ingress", packet, Context(box, iif=link), "netdev")
