"""What docker-proxy does with datagrams, and from which address a server of UDP answers that has several.

A socket that is bound to no address lets the kernel choose the source of its answer, unless the program
puts in the address that it was asked at (IP_PKTINFO in ip(7)).
"""

from homelab.diagnosis.box import Box
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.routing import Question
from homelab.model.docker import Daemon, DockerContainer
from homelab.model.place import Address
from homelab.model.trace import Target

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
    known = daemon is not None and 0 < daemon.major < _PUTS_IN_THE_ADDRESS
    return known and passed_on_to(daemon, packet) is not None


def passed_on_to(daemon: Daemon | None, packet: Packet) -> Target | None:
    """To whom a docker-proxy that listens there passes it on, as a packet of its own."""
    for each in daemon.containers if daemon else ():
        for port in each.published if each.is_running else ():
            if (port.protocol, port.host_port) == (packet.protocol, packet.dport):
                address = _of_family(each, packet.family)
                return Target(address, port.protocol, port.container_port) if address else None
    return None


def _of_family(container: DockerContainer, family: int) -> Address | None:
    own = [at for one in container.attachments for at in (one.ipv4, one.ipv6) if at]
    return next((each for each in own if each.version == family), own[0] if own else None)
