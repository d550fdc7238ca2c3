"""How long a packet may be that goes from one place to the next.

Facts: __is_skb_forwardable in include/linux/netdevice.h (a bridge's port, and the far end of a veth or macvlan,
drop what is longer than their MTU and room for one VLAN tag, and say nothing); br_nf_dev_queue_xmit in
net/bridge/br_netfilter_hooks.c (with br_netfilter without that room).
"""

from typing import NamedTuple

from homelab.diagnosis.box import Box
from homelab.diagnosis.packet import Packet
from homelab.model.kernel import Link
from homelab.model.place import Place

CHECKING = ("veth", "macvlan", "macvtap")
"""Kinds of links that drop what comes in and is longer than their MTU."""

TAG_ROOM = 4
MOST_TAGS = 4


class Limit(NamedTuple):
    """The greatest length that passes ``link`` of ``at``, which ``packet`` did at that moment.

    ``speaks``: who drops a longer one says so to its sender (ICMP fragmentation needed, packet too big).
    """

    at: Place
    direction: str
    size: int
    link: str
    packet: Packet
    iif: str | None = None
    speaks: bool = False


def entering(box: Box, name: str) -> int | None:
    """What comes in by a link at most; None where that is up to its hardware."""
    link = box.by_name.get(name)
    return link.mtu + TAG_ROOM if link is not None and link.kind in CHECKING else None


def below_vlans(box: Box, name: str) -> str:
    """The link by which frames come that a VLAN link hears; a VLAN link itself takes any length."""
    link = box.by_name.get(name)
    for _ in range(MOST_TAGS):
        if link is None or link.kind != "vlan" or link.peer_netns is not None:
            break
        link = box.by_index.get(link.peer or 0)
    return link.name if link is not None else name


def leaving_by_port(port: Link, *, shown_to_ip: bool) -> int:
    """What a bridge lets out by a port at most."""
    return port.mtu if shown_to_ip else port.mtu + TAG_ROOM
