"""The ICMP errors that a place sends about a packet, by the names that iptables gives them.

Facts: RFC 792, RFC 1812 (5.2.7.1), RFC 4443; icmp_send in net/ipv4/icmp.c and icmp6_send in net/ipv6/icmp.c.
"""

from homelab.diagnosis.box import Box
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.routing import Question

TOO_LONG = "too-long"
TOO_OLD = "icmp-ttl"
BEYOND_SCOPE = "icmp6-beyond-scope"

_FOUR = {
    "icmp-net-unreachable": (3, 0),
    "icmp-host-unreachable": (3, 1),
    "icmp-proto-unreachable": (3, 2),
    "icmp-port-unreachable": (3, 3),
    "port-unreachable": (3, 3),
    TOO_LONG: (3, 4),
    "icmp-net-prohibited": (3, 9),
    "icmp-host-prohibited": (3, 10),
    "icmp-admin-prohibited": (3, 13),
    TOO_OLD: (11, 0),
}
_SIX = {
    "icmp6-no-route": (1, 0),
    "icmp6-adm-prohibited": (1, 1),
    BEYOND_SCOPE: (1, 2),
    "icmp6-addr-unreachable": (1, 3),
    "icmp6-port-unreachable": (1, 4),
    "port-unreachable": (1, 4),
    TOO_LONG: (2, 0),
    TOO_OLD: (3, 0),
}

_OWN, _QUOTED = {4: 28, 6: 48}, {4: 548, 6: 1232}
"""The error's own headers, and how much it quotes at most: 576 and 1280 bytes less those."""
_CONTROL, _TOS = 0xC0, 0x1E
"""IPTOS_PREC_INTERNETCONTROL and IPTOS_TOS_MASK: an error of IPv4 asks for the precedence of control."""


def error_about(box: Box, packet: Packet, answer: str) -> Packet:
    """The error of that name, from the box's own address, which quotes the packet."""
    source = packet.destination
    if not box.is_local(source):
        source = box.source_for(box.tables.lookup(Question(packet.source)), packet.source) or source
    protocol, known, other = (
        ("icmp", _FOUR, (3, 0)) if packet.family == 4 else ("icmp6", _SIX, (1, 0))
    )
    kind, code = known.get(answer, other)
    return Packet(
        source,
        packet.source,
        protocol,
        icmp_type=kind,
        icmp_code=code,
        inner=packet.tuple,
        length=_OWN[packet.family] + min(packet.length, _QUOTED[packet.family]),
        tos=_CONTROL | packet.tos & _TOS if packet.family == 4 else 0,
    )
