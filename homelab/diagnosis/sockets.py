"""What a place does with a packet that came up to its sockets: an answer, a refusal, or nothing."""

from homelab.diagnosis.box import Box
from homelab.diagnosis.datagrams import chosen_source, docker_proxy_asks_the_kernel
from homelab.diagnosis.journey import Arrived, Ended, Journey
from homelab.diagnosis.packet import DATAGRAM, ECHO_REPLY, HEADER, SYN, Packet
from homelab.diagnosis.routing import LOOPBACK, Question
from homelab.model.docker import Daemon
from homelab.model.kernel import Listener
from homelab.model.place import Address

IGNORE_ALL = {4: "net.ipv4.icmp_echo_ignore_all", 6: "net.ipv6.icmp.echo_ignore_all"}


def reply_to(
    box: Box, arrived: Arrived, journey: Journey, daemon: Daemon | None = None
) -> Packet | Ended:
    """The answer as it leaves the socket, or the end.

    For UDP the answer is only supposed: who listens is taken to answer, from the address that was asked
    where that cannot be told.
    """
    packet = arrived.packet
    if packet.protocol.startswith("icmp"):
        return _echo(box, packet, journey)
    if "sockets" in box.here.unread:
        text = f"{box.place}: its sockets were not read: {box.here.unread['sockets']}"
        return journey.ended(box.place, "socket", "unmodelled", text, packet, key="sockets")
    link = _as_if_by(box, packet, arrived.link)
    takers = [each for each in box.here.listeners if _takes(each, packet, link)]
    if not takers:
        text = f"nothing listens on {packet.dport}/{packet.protocol} in {box.place} at {packet.destination}"
        refusal = "tcp-reset" if packet.protocol == "tcp" else "port-unreachable"
        return journey.ended(
            box.place,
            "socket",
            "socket",
            text,
            packet,
            key=f"{packet.dport}/{packet.protocol}",
            answer=refusal,
        )
    header = HEADER[packet.family]
    if packet.protocol != "tcp":
        bound = any(each.address for each in takers)
        source = None if bound else _chosen(box, packet, daemon)
        answer = turned(packet)._replace(length=header + DATAGRAM)
        return answer._replace(source=source) if source else answer
    return turned(packet)._replace(flags=frozenset({"SYN", "ACK"}), length=header + SYN)


def _chosen(box: Box, packet: Packet, daemon: Daemon | None) -> Address | None:
    proxied = docker_proxy_asks_the_kernel(daemon, packet)
    return chosen_source(box, packet) if proxied else None


def turned(packet: Packet) -> Packet:
    """The packet with its ends exchanged, fresh from a socket."""
    return Packet(
        source=packet.destination,
        destination=packet.source,
        protocol=packet.protocol,
        sport=packet.dport if not packet.protocol.startswith("icmp") else packet.sport,
        dport=packet.sport if not packet.protocol.startswith("icmp") else packet.dport,
    )


def _echo(box: Box, packet: Packet, journey: Journey) -> Packet | Ended:
    key = IGNORE_ALL[packet.family]
    if box.sysctl(key) == "1":
        text = f"{box.place} answers no echo request: {key} is 1"
        return journey.ended(box.place, "socket", "sysctl", text, packet, key=key)
    # icmp_reply and icmpv6_echo_reply keep the type of service.
    kind = ECHO_REPLY[packet.family]
    return turned(packet)._replace(
        icmp_type=kind, icmp_code=0, length=packet.length, tos=packet.tos
    )


def _as_if_by(box: Box, packet: Packet, link: str | None) -> str | None:
    """The link that counts for a bound socket: of a packet from here that of its destination's address."""
    # inet_iif in include/net/route.h with orig_oif in ip_route_output_key_hash_rcu; ip6_rcv_core
    if link != LOOPBACK:
        return link
    hop = box.tables.lookup(Question(packet.destination)).hop
    return hop.link if hop is not None else link


def _takes(listener: Listener, packet: Packet, link: str | None) -> bool:
    """A socket that takes both families is there twice; one bound to a link takes what comes by it."""
    if (listener.protocol, listener.port) != (packet.protocol, packet.dport):
        return False
    if listener.family != packet.family or listener.link not in (None, link):
        return False
    return listener.address in (None, packet.destination)
