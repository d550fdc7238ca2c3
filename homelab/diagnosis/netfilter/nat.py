"""Translation of addresses: what a new connection is bound to, and how its packets are rewritten."""

from ipaddress import IPv4Address, IPv6Address

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.questions import is_icmp
from homelab.diagnosis.netfilter.rules import Translation
from homelab.diagnosis.packet import Connection, Packet, Tuple
from homelab.model.kernel import Namespace
from homelab.model.place import Address

MANIPULATES = {"prerouting": "dst", "output": "dst", "input": "src", "postrouting": "src"}
"""HOOK2MANIP of nf_nat.h: which end of a packet each hook may translate."""


def bind(
    packet: Packet, hook: str, wanted: Translation | None, context: Context, namespace: Namespace
) -> Packet | None:
    """The first packet of a connection, translated; its connection remembers. None: to what, unknown."""
    entry = packet.connection
    if entry is None:
        return packet
    side = MANIPULATES[hook]
    moved = packet
    if wanted is not None:
        target = _address(packet, side, hook, wanted, context, namespace)
        port = _port(packet, side, wanted)
        if target is None or port is None:
            return None
        moved = _with(packet, side, target, port)
    idle = wanted is not None and wanted.kind == "netmap" and moved == packet
    bound = entry._replace(
        reply=moved.tuple.reverse(), bound=entry.bound | {side}, vague=entry.vague or idle
    )
    return moved._replace(connection=bound)


def rewrite(packet: Packet, hook: str) -> Packet:
    """A packet of a connection that is bound already."""
    entry = packet.connection
    if entry is None:
        return packet
    side = MANIPULATES[hook]
    if packet.inner is not None:
        return _rewrite_error(packet, packet.inner, side, entry)
    other = _far_side(entry, packet)
    if side == "dst":
        return _with(packet, side, other.source, other.sport)
    return _with(packet, side, other.destination, other.dport)


def _far_side(entry: Connection, packet: Packet) -> Tuple:
    return entry.original if packet.reply else entry.reply


def _rewrite_error(packet: Packet, inner: Tuple, side: str, entry: Connection) -> Packet:
    """An ICMP error and what it quotes, translated as the replies of its connection are."""
    # nf_nat_icmp_reply_translation in net/netfilter/nf_nat_proto.c
    is_translated = entry.is_snat if (side == "dst") is packet.reply else entry.is_dnat
    if not is_translated:
        return packet
    other = _far_side(entry, packet)
    if side == "dst":
        quoted = inner._replace(source=other.source, sport=other.sport)
        return packet._replace(destination=other.source, inner=quoted)
    quoted = inner._replace(destination=other.destination, dport=other.dport)
    return packet._replace(source=other.destination, inner=quoted)


def _with(packet: Packet, side: str, address: Address, port: int) -> Packet:
    now = (packet.destination, packet.dport) if side == "dst" else (packet.source, packet.sport)
    if now == (address, port):
        return packet
    if side == "dst":
        moved = packet._replace(destination=address)
        return moved if is_icmp(packet) else moved._replace(dport=port)
    moved = packet._replace(source=address)
    return moved if is_icmp(packet) else moved._replace(sport=port)


def _address(
    packet: Packet,
    side: str,
    hook: str,
    wanted: Translation,
    context: Context,
    namespace: Namespace,
) -> Address | None:
    now = packet.destination if side == "dst" else packet.source
    if wanted.kind == "masquerade":
        return context.fib.source_address(context.oif or "", packet.destination)
    if wanted.kind == "redirect":
        return _own_address(packet, hook, context, namespace)
    if wanted.low is None or wanted.high is None:
        return now
    return _in_range(now, side, wanted.low, wanted.high, is_netmap=wanted.kind == "netmap")


def _in_range(
    now: Address, side: str, low: Address, high: Address, *, is_netmap: bool
) -> Address | None:
    if low.version != now.version:
        return None
    if is_netmap:
        host_bits = int(low) ^ int(high)
        return type(low)(int(low) | (int(now) & host_bits))
    if low == high:
        return low
    # get_unique_tuple in nf_nat_core.c keeps a source that is in the range; else a hash chooses.
    kept = side == "src" and int(low) <= int(now) <= int(high)
    return now if kept else None


def _own_address(
    packet: Packet, hook: str, context: Context, namespace: Namespace
) -> Address | None:
    """Where REDIRECT sends: this host, by the first address of the input interface."""
    # nf_nat_redirect_ipv4 and _ipv6 in net/netfilter/nf_nat_redirect.c
    if hook == "output":
        return IPv4Address("127.0.0.1") if packet.family == 4 else IPv6Address("::1")
    for each in namespace.addresses:
        fits = each.link == context.iif and each.interface.version == packet.family
        if fits and not each.secondary and not each.tentative:
            return each.interface.ip
    return None


def _port(packet: Packet, side: str, wanted: Translation) -> int | None:
    now = packet.dport if side == "dst" else packet.sport
    first, last = wanted.port, wanted.last_port
    if first is None or last is None or is_icmp(packet) or first <= now <= last:
        return now
    return first if first == last or side == "src" else None
