"""Which networks are judged, by which packets, and what the model says of them."""

from collections.abc import Container, Iterator
from dataclasses import replace

from homelab.diagnosis.kernel_networks import KernelNetwork
from homelab.diagnosis.tracer import Tracer
from homelab.model.docker import Attachment, Daemon, DockerContainer, DockerNetwork
from homelab.model.finding import Judgement, NetworkName
from homelab.model.inventory import Allow, ContainerNetwork, Ingress, Inventory
from homelab.model.kernel import Namespace
from homelab.model.place import HOST, LAN, Address, Network, Place, container, guest, guest_of
from homelab.model.several import host_of
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target, Trace

DEFAULT_BRIDGE = "bridge"


def judge(
    inventory: Inventory, snapshot: Snapshot, only: Container[NetworkName] | None = None
) -> tuple[Judgement, ...]:
    """With an inventory its networks, else those of Docker and of the kernel; in a stable order.

    ``only``: judge no others than these.
    """
    uplink = next((each.uplink for each in inventory.hosts if each.uplink), None)
    tracer = Tracer(snapshot, uplink)
    if inventory.networks:
        judged = [
            _declared(each, snapshot, tracer)
            for each in inventory.networks
            if only is None or _name(snapshot, guest(each.guest), each.name) in only
        ]
    else:
        judged = [
            _found(*each, snapshot, tracer)
            for each in _networks(snapshot)
            if only is None or _name(snapshot, each[0], each[2].name) in only
        ]
        judged += [
            _seen(each, snapshot, tracer)
            for each in tracer.kernel_networks()
            if only is None or _name(snapshot, each.place, each.bridge) in only
        ]
    return tuple(sorted(judged, key=lambda each: each.name))


def _networks(snapshot: Snapshot) -> Iterator[tuple[Place, Daemon, DockerNetwork]]:
    for place, daemon in snapshot.daemons.items():
        for network in daemon.networks:
            busy = any(_on(each, network.name) for each in daemon.containers)
            if network.driver == "bridge" and (busy or network.name != DEFAULT_BRIDGE):
                yield place, daemon, network


def _name(snapshot: Snapshot, place: Place, network: str) -> NetworkName:
    host = host_of(snapshot, place) if snapshot.others else snapshot.host
    return NetworkName(host, guest_of(place) or str(place), network)


def _found(
    place: Place, daemon: Daemon, network: DockerNetwork, snapshot: Snapshot, tracer: Tracer
) -> Judgement:
    name = _name(snapshot, place, network.name)
    targets = _from_lan(_targets(snapshot, place, daemon, network.name), tracer)
    subnets = tuple(each.subnet for each in network.subnets)
    return _judged(name, place, subnets, LAN, targets, tracer)


def _seen(network: KernelNetwork, snapshot: Snapshot, tracer: Tracer) -> Judgement:
    """A network that the kernel alone tells of."""
    name = _name(snapshot, network.place, network.bridge)
    targets = _from_lan(_members(network, snapshot), tracer)
    return _judged(name, network.place, network.subnets, LAN, targets, tracer)


def _members(network: KernelNetwork, snapshot: Snapshot) -> Iterator[Target]:
    for place, address in network.members:
        yield Target(address)
        inside = snapshot.namespace(place)
        port = _open_port(inside, address) if inside else None
        if port is not None:
            yield Target(address, "tcp", port)


def _declared(network: ContainerNetwork, snapshot: Snapshot, tracer: Tracer) -> Judgement:
    place = guest(network.guest)
    name = _name(snapshot, place, network.name)
    daemon = snapshot.daemons.get(place)
    every = tuple(_targets(snapshot, place, daemon, network.name)) if daemon else ()
    origin: str = LAN
    targets = _from_lan(iter(every), tracer)
    if network.ingress is Ingress.LIST:
        origin, targets = _allowed(network, every, tracer)
    judged = _judged(
        name,
        place,
        network.subnets,
        origin,
        targets,
        tracer,
        declared=network.ingress is not Ingress.NONE,
    )
    return replace(judged, reachable=False) if _is_missing(network, snapshot) else judged


def _is_missing(network: ContainerNetwork, snapshot: Snapshot) -> bool:
    """The guest does not run, or its daemon was asked and has no such network."""
    instance = snapshot.instance(network.guest)
    if instance is not None and not instance.is_running:
        return True
    daemon = snapshot.daemon(network.guest)
    return daemon is not None and network.name not in {each.name for each in daemon.networks}


def _allowed(
    network: ContainerNetwork, targets: tuple[Target, ...], tracer: Tracer
) -> tuple[str, tuple[Target, ...]]:
    """A source that the list lets in, and the ports that it may use; the LAN, if it is let in."""
    families = sorted({each.address.version for each in targets})
    for family in families:
        client = tracer.client_address(family)
        for entry in network.allow:
            if client is not None and (entry.lan or any(_covers(e, client) for e in entry.sources)):
                return LAN, _permitted(entry, targets, family)
    for entry in network.allow:
        for source in entry.sources:
            if source.version in families:
                return tracer.sender_in(source), _permitted(entry, targets, source.version)
    return LAN, ()


def _permitted(entry: Allow, targets: tuple[Target, ...], family: int) -> tuple[Target, ...]:
    """What that entry lets in: the first of its ports, or everything."""
    mine = tuple(dict.fromkeys(each for each in targets if each.address.version == family))
    if not entry.ports:
        return mine
    port = entry.ports[0]
    addresses = dict.fromkeys(each.address for each in mine)
    return tuple(Target(address, port.protocol, port.first) for address in addresses)


def _covers(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _targets(snapshot: Snapshot, place: Place, daemon: Daemon, network: str) -> Iterator[Target]:
    """An echo request to each address of each container on the network, and one of its ports."""
    for each in daemon.containers:
        inside = snapshot.namespace(container(guest_of(place) or HOST, each.name))
        for attached in each.attachments:
            if attached.network == network:
                for address in addresses_of(attached):
                    yield Target(address)
                    port = _open_port(inside, address) if inside and each.is_running else None
                    if port is not None:
                        yield Target(address, "tcp", port)


def _open_port(inside: Namespace, address: Address) -> int | None:
    """The lowest TCP port on which the container listens at that address."""
    ports = (
        each.port
        for each in inside.listeners
        if (each.protocol, each.family) == ("tcp", address.version)
        and each.address in (None, address)
    )
    return min(ports, default=None)


def _from_lan(targets: Iterator[Target], tracer: Tracer) -> tuple[Target, ...]:
    """Each target once; none of a family that the LAN does not speak, unless it speaks neither."""
    every = tuple(dict.fromkeys(targets))
    spoken = [family for family in (4, 6) if tracer.client_address(family) is not None]
    return tuple(each for each in every if not spoken or each.address.version in spoken)


def addresses_of(attachment: Attachment) -> Iterator[Address]:
    four = attachment.ipv4 or attachment.fixed_ipv4
    six = attachment.ipv6 or attachment.fixed_ipv6
    yield from (each for each in (four, six) if each is not None)


def _on(container: DockerContainer, network: str) -> bool:
    return any(each.network == network for each in container.attachments)


def _judged(  # noqa: PLR0913 - a judgement has that many columns
    name: NetworkName,
    place: Place,
    subnets: tuple[Network, ...],
    origin: str,
    targets: tuple[Target, ...],
    tracer: Tracer,
    *,
    declared: bool = False,
) -> Judgement:
    traces = tuple(tracer.trace(origin, each) for each in targets)
    return Judgement(
        name, place, subnets, origin, targets, traces, _reachable(traces), declared=declared
    )


def _reachable(traces: tuple[Trace, ...]) -> bool | None:
    outcomes = {each.outcome for each in traces}
    if outcomes & {Outcome.DROPPED, Outcome.REJECTED}:
        return False
    if not outcomes or Outcome.UNKNOWN in outcomes:
        return None
    return True
