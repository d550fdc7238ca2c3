"""Pure: packets written by hand, and what the answers to them say (RFC 791, 792, 826, 4443, 4861, 8200, 9293)."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from homelab.model.place import Address
from homelab.model.trace import Target

ANSWERED, REFUSED, UNREACHABLE = "answered", "refused", "unreachable"

_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58
_ETHER = struct.Struct("!6s6sH")
_FOUR = struct.Struct("!BBHHHBBH4s4s")
_SIX = struct.Struct("!IHBB16s16s")
_ARP_BODY = struct.Struct("!HHBBH6s4s6s4s")
_ECHO = struct.Struct("!BBHHH")
_SEGMENT = struct.Struct("!HHIIBBHHH")
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_TTL = 64
_ECHOES = {4: (8, 0), 6: (128, 129)}
# Destination unreachable, time exceeded, parameter problem; of IPv6 packet too big as well.
_ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
_PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
_SOLICITATION, _ADVERTISEMENT = 135, 136
# Solicited, override (RFC 4861, 4.4).
_FLAGS = 0x60000000


@dataclass(frozen=True, slots=True)
class Crafted:
    """One packet: ``number`` is its source port, or its ICMP identifier."""

    source: Address
    target: Target
    number: int

    @property
    def version(self) -> int:
        return self.target.address.version

    @property
    def protocol(self) -> int:
        if self.target.port is None:
            return _ICMP if self.version == 4 else _ICMP6
        return {"tcp": _TCP, "udp": _UDP}.get(self.target.protocol, 0)


def mac_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def frame(packet: Crafted, mac: bytes, own: bytes) -> bytes:
    """The packet as a frame from ``own`` to ``mac``."""
    kind = _IPV4 if packet.version == 4 else _IPV6
    return _ETHER.pack(mac, own, kind) + _datagram(
        packet.source, packet.target.address, packet.protocol, _body(packet)
    )


def reset(packet: Crafted, mac: bytes, own: bytes, answer: bytes) -> bytes:
    """What ends a connection that was answered."""
    acknowledged = struct.unpack_from("!I", _inside(answer)[2], 8)[0]
    ports = packet.number, packet.target.port or 0
    body = _summed(
        packet, lambda total: _SEGMENT.pack(*ports, acknowledged, 0, 5 << 4, _RST, 0, total, 0)
    )
    kind = _IPV4 if packet.version == 4 else _IPV6
    datagram = _datagram(packet.source, packet.target.address, _TCP, body)
    return _ETHER.pack(mac, own, kind) + datagram


def _body(packet: Crafted) -> bytes:
    ports = packet.number, packet.target.port or 0
    if packet.protocol == _TCP:
        return _summed(
            packet, lambda total: _SEGMENT.pack(*ports, 1, 0, 5 << 4, _SYN, 64240, total, 0)
        )
    if packet.protocol == _UDP:
        return _summed(packet, lambda total: struct.pack("!HHHH", *ports, 8, total))
    kind = _ECHOES[packet.version][0]
    return _summed(packet, lambda total: _ECHO.pack(kind, 0, total, packet.number, 1))


def _summed(packet: Crafted, write: Callable[[int], bytes]) -> bytes:
    blank = write(0)
    pseudo = _pseudo(packet.source, packet.target.address, packet.protocol, len(blank))
    return write(checksum((b"" if packet.protocol == _ICMP else pseudo) + blank))


def _pseudo(source: Address, destination: Address, protocol: int, length: int) -> bytes:
    return source.packed + destination.packed + struct.pack("!IHBB", length, 0, 0, protocol)


def _datagram(
    source: Address, destination: Address, protocol: int, body: bytes, ttl: int = _TTL
) -> bytes:
    if source.version == 6:
        head = _SIX.pack(6 << 28, len(body), protocol, ttl, source.packed, destination.packed)
        return head + body
    ends = source.packed, destination.packed
    total = _FOUR.size + len(body)
    blank = _FOUR.pack(0x45, 0, total, 0, 0x4000, ttl, protocol, 0, *ends)
    return _FOUR.pack(0x45, 0, total, 0, 0x4000, ttl, protocol, checksum(blank), *ends) + body


def checksum(message: bytes) -> int:
    """RFC 1071."""
    padded = message + b"\0" * (len(message) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return int(~total & 0xFFFF)


def neighbour_answer(heard: bytes, address: Address, own: bytes) -> bytes | None:
    """What the owner of the address says to who asks for its hardware address; None when nobody does."""
    try:
        return (
            _arp_answer(heard, address, own)
            if address.version == 4
            else _advert(heard, address, own)
        )
    except (struct.error, ValueError, IndexError):
        return None


def _arp_answer(heard: bytes, address: Address, own: bytes) -> bytes | None:
    _, asker, kind = _ETHER.unpack_from(heard)
    if kind != _ARP:
        return None
    *head, operation, mac, who, _, wanted = _ARP_BODY.unpack_from(heard, _ETHER.size)
    if operation != 1 or wanted != address.packed:
        return None
    return _ETHER.pack(asker, own, _ARP) + _ARP_BODY.pack(*head, 2, own, address.packed, mac, who)


def _advert(heard: bytes, address: Address, own: bytes) -> bytes | None:
    _, asker, _ = _ETHER.unpack_from(heard)
    source, protocol, body = _inside(heard)
    if protocol != _ICMP6 or body[0] != _SOLICITATION or body[8:24] != address.packed:
        return None
    to = IPv6Address("ff02::1") if not int(source) else source
    option = struct.pack("!BB6s", 2, 1, own)
    head = struct.pack("!BBHI16s", _ADVERTISEMENT, 0, 0, _FLAGS, address.packed)
    total = checksum(_pseudo(address, to, _ICMP6, len(head) + len(option)) + head + option)
    body = head[:2] + struct.pack("!H", total) + head[4:] + option
    return _ETHER.pack(asker, own, _IPV6) + _datagram(address, to, _ICMP6, body, 255)


def answer(packet: Crafted, heard: bytes) -> str:
    """What a frame says of the packet: answered, refused, unreachable; empty when it is about another."""
    try:
        source, protocol, body = _inside(heard)
        if source.version != packet.version or packet.source.packed not in heard[_ETHER.size :]:
            return ""
        if protocol in (_ICMP, _ICMP6) and body[0] in _ERRORS[packet.version]:
            return _error(packet, source, body)
        return _answer(packet, source, protocol, body)
    except (struct.error, ValueError, IndexError):
        return ""


def _inside(heard: bytes) -> tuple[Address, int, bytes]:
    """Source, protocol and what follows, of the datagram in a frame."""
    kind = _ETHER.unpack_from(heard)[2]
    if kind == _IPV4:
        fields = _FOUR.unpack_from(heard, _ETHER.size)
        return ip_address(fields[8]), fields[6], heard[_ETHER.size + (fields[0] & 15) * 4 :]
    if kind == _IPV6:
        six = _SIX.unpack_from(heard, _ETHER.size)
        return ip_address(six[4]), six[2], heard[_ETHER.size + _SIX.size :]
    raise ValueError("no IP")


def _answer(packet: Crafted, source: Address, protocol: int, body: bytes) -> str:
    if source != packet.target.address or protocol != packet.protocol:
        return ""
    if packet.target.port is None:
        kind, _, _, number, _ = _ECHO.unpack_from(body)
        return ANSWERED if (kind, number) == (_ECHOES[packet.version][1], packet.number) else ""
    if struct.unpack_from("!HH", body) != (packet.target.port, packet.number):
        return ""
    if protocol == _UDP:
        return ANSWERED
    flags = body[13]
    if flags & _RST:
        return REFUSED
    return ANSWERED if flags & (_SYN | _ACK) == _SYN | _ACK else ""


def _error(packet: Crafted, source: Address, body: bytes) -> str:
    """An ICMP error quotes the packet that it is about; the kernel calls a closed port of UDP refused."""
    quoted = body[8:]
    size = (quoted[0] & 15) * 4 if packet.version == 4 else _SIX.size
    protocol = quoted[9] if packet.version == 4 else quoted[6]
    number = 4 if packet.target.port is None else 0
    if protocol != packet.protocol:
        return ""
    if struct.unpack_from("!H", quoted, size + number)[0] != packet.number:
        return ""
    closed = packet.protocol == _UDP and tuple(body[:2]) == _PORT_UNREACHABLE[packet.version]
    return REFUSED if closed and source == packet.target.address else UNREACHABLE
