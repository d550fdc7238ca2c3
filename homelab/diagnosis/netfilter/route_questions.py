"""What rules can ask of the routes of the box: the type of an address, and the way back to a source."""

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.questions import negation
from homelab.diagnosis.netfilter.rules import Test
from homelab.diagnosis.packet import Packet
from homelab.model.place import Address


def address_type(side: str, kinds: frozenset[str], link_side: str | None = None) -> Test:
    """The route type of the packet's source or destination, seen from one link if asked so."""

    def test(packet: Packet, context: Context) -> bool | None:
        link = getattr(context, link_side) if link_side else None
        address = getattr(packet, side)
        if packet.family == 6 and not _is_of_class(address, kinds):
            return False
        if packet.family == 6 and not kinds & _ROUTED:
            return True
        kind = context.fib.address_type(address, link)
        return None if kind is None else kind in kinds

    return test


_ROUTED = frozenset({"local", "anycast", "unreachable"})


def _is_of_class(address: Address, kinds: frozenset[str]) -> bool:
    """IPv6 asks for the class of an address first, and an address of one's own is unicast too."""
    # match_type6 in net/netfilter/xt_addrtype.c
    holds = {
        "multicast": address.is_multicast,
        "unicast": not address.is_multicast and not address.is_unspecified,
        "unspec": address.is_unspecified,
    }
    return all(holds[each] for each in kinds & holds.keys())


def packet_kind(packet: Packet, context: Context) -> str | None:
    """skb->pkt_type as the destination address tells it: host, broadcast or multicast."""
    if packet.destination.is_multicast:
        return "multicast"
    kind = context.fib.address_type(packet.destination)
    return None if kind is None else "broadcast" if kind == "broadcast" else "host"


def packet_type(kinds: frozenset[str]) -> Test:
    def test(packet: Packet, context: Context) -> bool | None:
        kind = packet_kind(packet, context)
        return None if kind is None else kind in kinds

    return test


def way_back(away: Address, home: Address, context: Context, mark: int) -> str | None:
    """The link by which ``away`` is reached; one that counts on a link only is looked for on that of the packet.

    rpfilter_lookup_reverse6 in ip6t_rpfilter.c and nft_fib6_flowi_init in nft_fib_ipv6.c.
    """
    if away.version == 6 and away.is_link_local:
        return context.iif or context.oif
    return context.fib.route_link(away, home, mark)


def reverse_path(options: frozenset[str]) -> Test:
    """xt_rpfilter: the source is reachable, through the input interface unless ``loose``."""

    def test(packet: Packet, context: Context) -> bool | None:
        if context.iif == "lo":
            return True
        kind = context.fib.address_type(packet.source)
        known = {"unicast", *({"local"} if "accept-local" in options else set[str]())}
        mark = packet.mark if "validmark" in options else 0
        link = way_back(packet.source, packet.destination, context, mark)
        if kind is None or link is None:
            return None
        return kind in known and (link == context.iif or "loose" in options) and link != ""

    return negation(test) if "invert" in options else test
