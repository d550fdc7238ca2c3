"""From which address a server of UDP answers, when it was asked at one of several.

A socket that is bound to no address lets the kernel choose the source of its answer, unless the program
puts in the address that it was asked at (IP_PKTINFO in ip(7)).
"""

from homelab.diagnosis.box import Box
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.routing import Question
from homelab.model.docker import Daemon
from homelab.model.place import Address

_PUTS_IN_THE_ADDRESS = 28
"""Docker whose docker-proxy answers from the address that was asked (moby pull request 48571)."""


def chosen_source(box: Box, packet: Packet) -> Address | None:
    """The source that the kernel chooses for an answer to this packet."""
    asked = Question(
        packet.source, protocol=packet.protocol, sport=packet.dport, dport=packet.sport
    )
    return box.source_for(box.tables.lookup(asked), packet.source)


def docker_proxy_asks_the_kernel(daemon: Daemon | None, packet: Packet) -> bool:
    """Whether who listens there is a docker-proxy that leaves the choice to the kernel."""
    if daemon is None or not 0 < daemon.major < _PUTS_IN_THE_ADDRESS:
        return False
    return any(
        (port.protocol, port.host_port) == (packet.protocol, packet.dport)
        for each in daemon.containers
        if each.is_running
        for port in each.published
    )
