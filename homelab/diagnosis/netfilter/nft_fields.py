"""Expressions of nft that read a packet, as functions that give a number, nothing, or do not know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from homelab.diagnosis.netfilter import nft_kinds as kinds
from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.nft_kinds import MISSING, Json, Kind, Missing, Value
from homelab.diagnosis.netfilter.route_questions import packet_kind
from homelab.diagnosis.netfilter.values import PROTOCOLS, TCP_FLAGS
from homelab.diagnosis.packet import Packet
from homelab.model.kernel import Link

Get: TypeAlias = Callable[[Packet, Context], Value | Missing | None]
"""A value; MISSING where the packet has no such field; None where the model cannot tell."""


@dataclass(frozen=True, slots=True)
class Field:
    get: Get
    kinds: tuple[Kind, ...]

    @property
    def kind(self) -> Kind:
        return self.kinds[0]


def unknown(_packet: Packet, _context: Context) -> None:
    return None


UNKNOWN = Field(unknown, (kinds.NUMBER,))


@dataclass(frozen=True, slots=True)
class Links:
    """What the rules may ask of the namespace's links."""

    links: Mapping[str, Link]

    def kind(self, name: str | None) -> str | None:
        link = self.links.get(name or "")
        return None if link is None else link.kind

    def type(self, name: str | None) -> int | None:
        link = self.links.get(name or "")
        if link is None:
            return None
        return 772 if link.loopback else 1 if link.mac else None

    def master(self, name: str | None) -> str:
        link = self.links.get(name or "")
        index = link.master if link else None
        return next((each.name for each in self.links.values() if each.index == index), "")


def _in(protocol: str, get: Callable[[Packet], int | None]) -> Get:
    return lambda packet, _: get(packet) if packet.protocol == protocol else MISSING


def _of(version: int, get: Callable[[Packet], int | None]) -> Get:
    def read(packet: Packet, _context: Context) -> Value | Missing | None:
        return get(packet) if packet.family == version and not packet.is_arp else MISSING

    return read


def _arp(get: Callable[[Packet], int | None]) -> Get:
    return lambda packet, _: get(packet) if packet.is_arp else MISSING


def _plain(get: Callable[[Packet], int | None]) -> Get:
    return lambda packet, _: get(packet)


def _flags(packet: Packet) -> int:
    return sum(TCP_FLAGS.get(each.lower(), 0) for each in packet.flags)


def protocol_of(packet: Packet) -> int | None:
    return PROTOCOLS.get(packet.protocol)


def _header(version: int) -> dict[str, Field]:
    """Fields of the IP header, under the names that both families share."""
    addresses = kinds.ADDRESS4 if version == 4 else kinds.ADDRESS6
    own: tuple[tuple[str, Callable[[Packet], int | None], Kind], ...] = (
        ("saddr", lambda packet: int(packet.source), addresses),
        ("daddr", lambda packet: int(packet.destination), addresses),
        ("protocol" if version == 4 else "nexthdr", protocol_of, kinds.PROTOCOL),
        ("ttl" if version == 4 else "hoplimit", lambda packet: packet.ttl, kinds.NUMBER),
        ("dscp", lambda packet: packet.tos >> 2, kinds.SERVICE_CLASS),
        ("ecn", lambda packet: packet.tos & 3, kinds.NUMBER),
        ("version", lambda packet: packet.family, kinds.NUMBER),
        ("hdrlength", lambda _: 5, kinds.NUMBER),
        ("length", lambda packet: packet.length - (0 if version == 4 else 40), kinds.NUMBER),
    )
    return {name: Field(_of(version, get), (kind,)) for name, get, kind in own}


def _transport(packet: Packet, _context: Context) -> int | Missing | None:
    """The first two bytes of any transport header: a port, or the type and code of ICMP."""
    if packet.is_arp:
        return MISSING
    if packet.icmp_type is not None:
        return packet.icmp_type << 8 | (packet.icmp_code or 0)
    return packet.sport


def _transport_second(packet: Packet, _context: Context) -> int | Missing | None:
    """A port, or the checksum of ICMP: any number, and so none that a rule names."""
    if packet.is_arp:
        return MISSING
    return _NO_PORT if packet.icmp_type is not None else packet.dport


_NO_PORT = -1


def _ports(protocol: str) -> dict[str, Field]:
    return {
        "sport": Field(_in(protocol, lambda packet: packet.sport), (kinds.NUMBER,)),
        "dport": Field(_in(protocol, lambda packet: packet.dport), (kinds.NUMBER,)),
    }


def _icmp(protocol: str, types: Kind, codes: Kind) -> dict[str, Field]:
    return {
        "type": Field(_in(protocol, lambda packet: packet.icmp_type), (types,)),
        "code": Field(_in(protocol, lambda packet: packet.icmp_code or 0), (codes,)),
        "id": Field(_in(protocol, lambda packet: packet.sport), (kinds.NUMBER,)),
    }


def _nothing(_packet: Packet, _context: Context) -> Missing:
    return MISSING


def _ethertype(packet: Packet, _context: Context) -> int:
    if packet.is_arp:
        return 0x0806
    return 0x0800 if packet.family == 4 else 0x86DD


def _framed(get: Get) -> Get:
    """A packet that this place sends has no frame yet (skb_mac_header_was_set in nft_payload_eval).

    One from the loopback has one of another kind: nft asks for iiftype ether first, and does not print it.
    """

    def read(packet: Packet, context: Context) -> Value | Missing | None:
        if context.iif == "lo":
            return MISSING
        return get(packet, context) if context.iif or context.framed else MISSING

    return read


def _l4proto(packet: Packet, _context: Context) -> int | Missing | None:
    return MISSING if packet.is_arp else protocol_of(packet)


def _mac_number(packet: Packet) -> int | None:
    return None if packet.mac_source is None else kinds.name_value(packet.mac_source.lower())


def _mac(packet: Packet, _context: Context) -> int | None:
    return _mac_number(packet)


_ABSENT = Field(_nothing, (kinds.NUMBER,))

PAYLOADS: Mapping[str, Mapping[str, Field]] = {
    "ip": _header(4),
    "ip6": _header(6),
    "tcp": {**_ports("tcp"), "flags": Field(_in("tcp", _flags), (kinds.FLAGS,))},
    "udp": _ports("udp"),
    "th": {
        "sport": Field(_transport, (kinds.NUMBER,)),
        "dport": Field(_transport_second, (kinds.NUMBER,)),
    },
    "icmp": _icmp("icmp", kinds.ICMP_TYPE, kinds.ICMP_CODE),
    "icmpv6": _icmp("icmp6", kinds.ICMPV6_TYPE, kinds.ICMPV6_CODE),
    "ether": {
        "saddr": Field(_framed(_mac), (kinds.NAME,)),
        "type": Field(_framed(_ethertype), (kinds.ETHERTYPE,)),
    },
    "arp": {
        "operation": Field(_arp(lambda packet: packet.icmp_type), (kinds.ARP_OPERATION,)),
        "saddr ip": Field(_arp(lambda packet: int(packet.source)), (kinds.ADDRESS4,)),
        "daddr ip": Field(_arp(lambda packet: int(packet.destination)), (kinds.ADDRESS4,)),
        "saddr ether": Field(_arp(_mac_number), (kinds.NAME,)),
        "htype": Field(_arp(lambda _: 1), (kinds.NUMBER,)),
        "ptype": Field(_arp(lambda _: 0x0800), (kinds.ETHERTYPE,)),
        "hlen": Field(_arp(lambda _: 6), (kinds.NUMBER,)),
        "plen": Field(_arp(lambda _: 4), (kinds.NUMBER,)),
    },
}
_OTHER_PROTOCOLS = frozenset(
    {"sctp", "dccp", "udplite", "esp", "ah", "comp", "gre", "igmp", "vlan"}
)


def _untold(_packet: Packet) -> None:
    return None


_UNTOLD: Mapping[str, Field] = {
    "tcp": Field(_in("tcp", _untold), (kinds.NUMBER,)),
    "udp": Field(_in("udp", _untold), (kinds.NUMBER,)),
    "icmp": Field(_in("icmp", _untold), (kinds.NUMBER,)),
    "icmpv6": Field(_in("icmp6", _untold), (kinds.NUMBER,)),
}
"""Fields that the model does not know: they are there only in a packet of that protocol."""

_ADVERTISEMENT = 136


def _advertised(get: Callable[[Packet], int | None]) -> Field:
    """A place in a neighbour advertisement; what stands there in another packet nobody tells."""

    def read(packet: Packet, _context: Context) -> int | None:
        is_one = (packet.protocol, packet.icmp_type) == ("icmp6", _ADVERTISEMENT)
        return get(packet) if is_one else None

    return Field(read, (kinds.NUMBER,))


def _mac_bits(packet: Packet) -> int | None:
    return int(packet.mac_source.replace(":", ""), 16) if packet.mac_source else None


# By base, offset and length in bits (RFC 4861, 4.4 and 4.6.1); LXD's mac_filtering and ipv6_filtering ask for these.
_RAW = {
    ("nh", 384, 128): _advertised(lambda packet: int(packet.source)),
    ("nh", 528, 48): _advertised(_mac_bits),
}


def payload(given: Json) -> Field | None:
    """A field of a header; a header that no packet of this model has gives nothing."""
    if "base" in given:
        place = (given.get("base"), given.get("offset"), given.get("len"))
        return next((field for key, field in _RAW.items() if key == place), None)
    protocol, name = str(given.get("protocol")), str(given.get("field"))
    if protocol in _OTHER_PROTOCOLS:
        return _ABSENT
    return PAYLOADS.get(protocol, {}).get(name) or _UNTOLD.get(protocol)


def meta(key: str, links: Links) -> Field | None:
    if key in _META:
        return _META[key]
    for side in ("iif", "oif"):
        if key.startswith(side):
            return _link(key, side, links)
    if key in {"ibrname", "obrname"}:
        side = f"{key[0]}if"
        return Field(
            lambda _, context: kinds.name_value(links.master(getattr(context, side))), (kinds.NAME,)
        )
    return None


def _link(key: str, side: str, links: Links) -> Field | None:
    def name(_packet: Packet, context: Context) -> int:
        # nft_meta_store_ifname in net/netfilter/nft_meta.c: without a device the name is empty.
        return kinds.name_value(getattr(context, side) or "")

    def kind(_packet: Packet, context: Context) -> int | None:
        found = links.kind(getattr(context, side))
        return None if found is None else kinds.name_value(found)

    def type_(_packet: Packet, context: Context) -> int | None:
        return links.type(getattr(context, side))

    fields = {
        side: Field(name, (kinds.NAME,)),
        f"{side}name": Field(name, (kinds.NAME,)),
        f"{side}kind": Field(kind, (kinds.NAME,)),
        f"{side}type": Field(type_, (kinds.LINK_TYPE,)),
    }
    return fields.get(key)


def _packet_type(packet: Packet, context: Context) -> int | None:
    word = packet_kind(packet, context)
    return None if word is None else kinds.PACKET_TYPE.names[word]


_META: Mapping[str, Field] = {
    "l4proto": Field(_l4proto, (kinds.PROTOCOL,)),
    "nfproto": Field(_plain(lambda packet: 2 if packet.family == 4 else 10), (kinds.FAMILY,)),
    "protocol": Field(_ethertype, (kinds.ETHERTYPE,)),
    "mark": Field(_plain(lambda packet: packet.mark), (kinds.NUMBER,)),
    "length": Field(_plain(lambda packet: packet.length), (kinds.NUMBER,)),
    "pkttype": Field(_packet_type, (kinds.PACKET_TYPE,)),
}
