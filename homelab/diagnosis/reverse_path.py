"""Whether a place takes a packet from that source on that link: rp_filter and martian addresses.

Facts: ip_route_input_slow in net/ipv4/route.c; fib_validate_source and __fib_validate_source in
net/ipv4/fib_frontend.c; the value of rp_filter that counts is the greater of ``all`` and the link's own, of the
switches either (ip-sysctl.rst; IN_DEV_MAXCONF, IN_DEV_ORCONF in include/linux/inetdevice.h). IPv6 has no such
filter.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from homelab.diagnosis.box import Box
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.routing import LOOPBACK, Answer, Question

STRICT = 1
FAILING = ("none", "blackhole", "unreachable", "prohibit")
THIS_NETWORK = IPv4Network("0.0.0.0/8")
EVERYBODY = IPv4Address("255.255.255.255")


class Refusal(NamedTuple):
    """``kind`` is that of a cause: sysctl, route where no sysctl can help, or unmodelled."""

    kind: str
    key: str | None
    text: str


def of_no_wire(packet: Packet, iif: str) -> Refusal | None:
    """Addresses of IPv6 that no wire may bring: ip6_rcv_core asks before any rule does."""
    if packet.family == 4 or iif == LOOPBACK:
        return None
    odd = [each for each in (packet.source, packet.destination) if each.is_loopback]
    odd += [packet.source] if packet.source.is_multicast else []
    return Refusal("route", None, f"{odd[0]} comes in by {iif}: a martian address") if odd else None


def martian(box: Box, packet: Packet, iif: str) -> Refusal | None:
    """Addresses that no wire may bring, seen before any route; None when there are none."""
    if packet.family == 6 or iif == LOOPBACK:
        return None
    source = packet.source
    if source.is_multicast or source == EVERYBODY or source in THIS_NETWORK:
        return Refusal("route", None, f"{source} comes in by {iif}: a martian source")
    for each in (source, packet.destination):
        if each.is_loopback and not _is_on(box, "route_localnet", iif):
            key = f"net.ipv4.conf.{iif}.route_localnet"
            return Refusal("sysctl", key, f"{each} comes in by {iif}: a martian address")
    return None


def refusal(box: Box, packet: Packet, iif: str, oif: str = LOOPBACK) -> Refusal | None:
    """Why the packet's source may not come in by ``iif``; None when it may.

    The way back is looked up as if it came in by ``oif``, by which the packet goes on.
    """
    if packet.family == 6 or iif == LOOPBACK:
        return None
    if _level(box, iif)[0] == 0 and not box.tables.is_custom:
        return _own(box, packet, iif) if packet.source in box.own else None
    answer = box.tables.lookup(_way_back(box, packet, iif, oif))
    own = _own(box, packet, iif) if answer.kind == "local" else None
    return own or _looked_up(box, packet, iif, answer)


def _looked_up(box: Box, packet: Packet, iif: str, answer: Answer) -> Refusal | None:
    """What the way back to the source, as it was found, says of it."""
    level, key = _level(box, iif)
    if answer.kind == "unknown":
        text = f"{box.place}: an ip rule on the way back to {packet.source} cannot be judged"
        return Refusal("unmodelled", "ip rule", text)
    if answer.kind not in ("unicast", "local", *FAILING):
        text = f"{box.place}: {packet.source} is a {answer.kind} address, and comes in by {iif}"
        return Refusal("route", None, text)
    back = sorted({each.link or "" for each in answer.hops})
    fits = answer.kind not in FAILING and (iif in back or level != STRICT)
    if level == 0 or fits:
        return None
    way = f"goes by {', '.join(back)}" if back else "has no route"
    text = f"{box.place}: {key} is {level}, and the way back to {packet.source} {way}, not by {iif}"
    return Refusal("sysctl", key, text)


def _own(box: Box, packet: Packet, iif: str) -> Refusal | None:
    if _is_on(box, "accept_local", iif):
        return None
    text = f"{box.place}: {packet.source} is its own address, and comes in by {iif}"
    return Refusal("sysctl", f"net.ipv4.conf.{iif}.accept_local", text)


def _way_back(box: Box, packet: Packet, iif: str, oif: str) -> Question:
    """The packet's own question, turned; its mark counts with src_valid_mark only."""
    return Question(
        packet.source,
        packet.destination,
        oif,
        mark=packet.mark if _is_on(box, "src_valid_mark", iif) else 0,
        protocol=packet.protocol,
        sport=packet.dport,
        dport=packet.sport,
        tos=packet.tos,
    )


def _is_on(box: Box, key: str, link: str) -> bool:
    return any(box.sysctl(f"net.ipv4.conf.{each}.{key}") == "1" for each in ("all", link))


def _level(box: Box, iif: str) -> tuple[int, str]:
    everywhere = box.number("net.ipv4.conf.all.rp_filter")
    here = box.number(f"net.ipv4.conf.{iif}.rp_filter")
    if here >= everywhere:
        return here, f"net.ipv4.conf.{iif}.rp_filter"
    return everywhere, "net.ipv4.conf.all.rp_filter"
