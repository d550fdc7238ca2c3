"""Connections of one place: which one a packet belongs to, and what its state is then."""

from collections.abc import Mapping
from typing import TypeAlias

from homelab.diagnosis.packet import Connection, Packet, Tuple

Connections: TypeAlias = tuple[Connection, ...]

COUNT, LIMIT = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"

_ECHO_REPLIES = {("icmp", 0), ("icmp6", 129)}
# Requests that open an entry: icmp_new in nf_conntrack_proto_icmp.c, icmpv6_new in
# nf_conntrack_proto_icmpv6.c (echo, timestamp, information, address mask; echo, node information).
_OPENING = {"icmp": {8, 13, 15, 17}, "icmp6": {128, 139}}
# Never tracked: noct_valid_new in nf_conntrack_proto_icmpv6.c (neighbour and listener discovery).
_UNTRACKED = {*range(130, 138), 143}
_ERRORS = {"icmp": {3, 4, 5, 11, 12}, "icmp6": {1, 2, 3, 4}}


def is_full(sysctls: Mapping[str, str]) -> bool:
    """Whether the table has reached its limit; 0 means that there is none (nf_conntrack-sysctl)."""
    count, limit = sysctls.get(COUNT, ""), sysctls.get(LIMIT, "")
    return count.isdecimal() and limit.isdecimal() and int(count) >= int(limit) > 0


def track(packet: Packet, connections: Connections, *, loose: bool) -> Packet:
    """The packet with its state and its connection, as conntrack gives them at its hook."""
    if packet.state == "untracked" or packet.connection is not None:
        return packet
    if packet.protocol == "icmp6" and packet.icmp_type in _UNTRACKED:
        return packet._replace(state="untracked")
    if packet.inner is not None or packet.icmp_type in _ERRORS.get(packet.protocol, ()):
        return _related(packet, connections)
    for entry in connections:
        found = _belongs(packet, entry)
        if found is not None:
            return found
    if not _opens(packet, loose=loose):
        return packet._replace(state="invalid")
    entry = Connection(packet.tuple, packet.tuple.reverse())
    return packet._replace(state="new", reply=False, connection=entry)


def confirmed(packet: Packet) -> Packet:
    """The packet as it leaves the last hook of its place: its connection is now in the table."""
    # __nf_conntrack_confirm: only a packet of the original direction puts it there.
    if packet.connection is None or packet.reply:
        return packet
    return packet._replace(connection=packet.connection._replace(confirmed=True))


def table(connections: Connections, packet: Packet) -> Connections:
    """The table with what this packet has made of its connection."""
    entry = packet.connection
    if entry is None or not entry.confirmed:
        return connections
    others = tuple(each for each in connections if each.original != entry.original)
    return (*others, entry)


def _belongs(packet: Packet, entry: Connection) -> Packet | None:
    """The packet as part of this connection; None when it is not."""
    answers = (packet.protocol, packet.icmp_type) in _ECHO_REPLIES
    key = _key(packet.tuple)
    if not answers and key == _key(entry.original):
        state = "established" if entry.replied else "new"
        return packet._replace(state=state, reply=False, connection=entry)
    if key == _key(entry.reply) and (answers or packet.icmp_type is None):
        seen = entry._replace(replied=True)
        return packet._replace(state="established", reply=True, connection=seen)
    return None


def _key(one: Tuple) -> Tuple:
    """A tuple under which both directions of an ICMP echo have their id in one place."""
    if not one.protocol.startswith("icmp") or (one.sport and not one.dport):
        return one
    return one._replace(sport=one.sport or one.dport, dport=0)


def _related(packet: Packet, connections: Connections) -> Packet:
    """An ICMP error belongs to the connection of the packet that it quotes, or to none."""
    quoted = None if packet.inner is None else _key(packet.inner.reverse())
    for entry in connections:
        for reply, side in ((True, entry.reply), (False, entry.original)):
            if quoted == _key(side):
                return packet._replace(state="related", reply=reply, connection=entry)
    return packet._replace(state="invalid")


def _opens(packet: Packet, *, loose: bool) -> bool:
    """Whether a packet of no known connection may begin one."""
    if packet.protocol in _OPENING:
        return packet.icmp_type in _OPENING[packet.protocol]
    if packet.protocol != "tcp":
        return True
    # tcp_conntracks in nf_conntrack_proto_tcp.c, row "original, none": a SYN opens, an ACK is picked
    # up when nf_conntrack_tcp_loose allows it, SYN+ACK, FIN and RST are invalid.
    if "SYN" in packet.flags:
        return not packet.flags & {"ACK", "RST", "FIN"}
    return loose and "ACK" in packet.flags and not packet.flags & {"RST", "FIN"}
