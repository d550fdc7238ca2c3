"""The hooks that a frame meets in a bridge: nftables' family bridge, and with br_netfilter those of IP.

Facts: br_nf_pre_routing, br_nf_forward_ip and br_nf_post_routing in net/bridge/br_netfilter_hooks.c.
"""

from collections.abc import Iterator

from homelab.diagnosis.box import Box
from homelab.diagnosis.frame import Crossing
from homelab.diagnosis.netfilter import Context


def bridge_hooks(box: Box, crossing: Crossing) -> Iterator[tuple[str, Context]]:
    """Hooks in order, with what they know of the frame."""
    physin, physout = crossing.physin, crossing.physout
    if physin is not None:
        yield "prerouting", Context(box, iif=physin, framed=True)
    if physin is None:
        yield "output", Context(box, oif=physout, framed=True)
    elif physout is None:
        yield "input", Context(box, iif=physin, framed=True)
    else:
        yield "forward", Context(box, iif=physin, oif=physout, framed=True)
    if physout is not None:
        yield "postrouting", Context(box, oif=physout, framed=True)


def ip_hooks(box: Box, crossing: Crossing) -> Iterator[tuple[str, Context]]:
    """Hooks of IP for a frame from port to port, where br_netfilter shows it to them."""
    bridge, physin, physout = crossing.bridge, crossing.physin, crossing.physout
    yield "prerouting", Context(box, bridge, None, physin, None, bridged=True, framed=True)
    yield "forward", Context(box, bridge, bridge, physin, physout, bridged=True, framed=True)
    yield "postrouting", Context(box, None, bridge, physin, physout, bridged=True, framed=True)


def shows_to_ip(box: Box, crossing: Crossing, family: int) -> bool:
    """Whether br_netfilter is on for this bridge; frames with a VLAN tag it leaves alone by default."""
    if crossing.tagged and box.sysctl("net.bridge.bridge-nf-filter-vlan-tagged") != "1":
        return False
    return calls_iptables(box, crossing.bridge, family)


def calls_iptables(box: Box, bridge: str, family: int) -> bool:
    tables = "iptables" if family == 4 else "ip6tables"
    link = box.by_name.get(bridge)
    own = link is not None and link.options.get(f"nf_call_{tables}") == "1"
    return own or box.sysctl(f"net.bridge.bridge-nf-call-{tables}") == "1"
