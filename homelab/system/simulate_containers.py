"""Containers in memory: plugged into a network of Docker's, unplugged, started."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_interface

from homelab.errors import OperationError
from homelab.model.docker import (
    Attachment,
    Daemon,
    DockerContainer,
    DockerNetwork,
    DockerSubnet,
    PublishedPort,
)
from homelab.model.kernel import (
    MAIN,
    Link,
    Namespace,
    NextHop,
    Route,
)
from homelab.model.operation import ConnectContainer, DisconnectContainer, StartContainer
from homelab.model.place import HOST, Address, Interface, Place, container, guest_of
from homelab.model.snapshot import Snapshot
from homelab.system.simulate_docker import (
    bridges,
    container_named,
    daemon_of,
    gateway_of,
    network_named,
    with_daemon,
)
from homelab.system.simulate_docker_rules import add_endpoint, remove_endpoint
from homelab.system.simulate_links import (
    port_of,
    veth_pair,
    with_carrier,
    with_inner,
    with_outer,
    without,
)
from homelab.system.simulate_places import (
    EVERYWHERE,
    METRIC_USER,
    namespace_of,
    with_address,
    with_namespace,
)
from homelab.system.simulate_sandbox import new_sandbox


def connect(snapshot: Snapshot, operation: ConnectContainer) -> Snapshot:
    place, daemon = operation.place, daemon_of(snapshot, operation.place)
    network = network_named(place, daemon, operation.attachment.network)
    one = container_named(place, daemon, operation.container)
    if any(each.network == network.name for each in one.attachments):
        raise OperationError(f"{place}: {one.name} is on docker network {network.name} already")
    asked = _asked(operation.attachment)
    if not one.is_running:
        return _attached(snapshot, place, one, replace(asked, ipv4=None, ipv6=None))
    return _plugged(snapshot, place, one, network, asked)


def disconnect(snapshot: Snapshot, operation: DisconnectContainer) -> Snapshot:
    place, daemon = operation.place, daemon_of(snapshot, operation.place)
    network = network_named(place, daemon, operation.attachment.network)
    one = container_named(place, daemon, operation.container)
    found = next((each for each in one.attachments if each.network == network.name), None)
    if found is None or not one.is_plugged(found):
        raise OperationError(f"{place}: {one.name} is not on docker network {network.name}")
    left = replace(one, attachments=tuple(each for each in one.attachments if each is not found))
    shrunk = with_daemon(snapshot, place, _with_container(daemon, left))
    return _unplugged(shrunk, place, left, network, found)


def start(snapshot: Snapshot, operation: StartContainer) -> Snapshot:
    place, daemon = operation.place, daemon_of(snapshot, operation.place)
    one = container_named(place, daemon, operation.container)
    if one.is_running:
        return snapshot
    running = replace(one, status="running", attachments=())
    started = with_daemon(snapshot, place, _with_container(daemon, running))
    if one.network_mode == "host":
        return started
    inside = new_sandbox(snapshot)
    started = replace(started, namespaces={**started.namespaces, _inside(place, one): inside})
    for each in one.attachments:
        network = network_named(place, daemon, each.network)
        now = container_named(place, daemon_of(started, place), one.name)
        started = _plugged(started, place, now, network, _asked(each))
    return started


def _inside(place: Place, one: DockerContainer) -> Place:
    return container(guest_of(place) or HOST, one.name)


def _asked(attachment: Attachment) -> Attachment:
    """The attachment with the addresses it had as those that its user asks for."""
    return replace(
        attachment,
        fixed_ipv4=attachment.fixed_ipv4 or attachment.ipv4,
        fixed_ipv6=attachment.fixed_ipv6 or attachment.ipv6,
    )


def _attached(
    snapshot: Snapshot, place: Place, one: DockerContainer, attachment: Attachment
) -> Snapshot:
    attachments = sorted((*one.attachments, attachment), key=lambda each: each.network)
    changed = replace(one, attachments=tuple(attachments))
    return with_daemon(snapshot, place, _with_container(daemon_of(snapshot, place), changed))


def _with_container(daemon: Daemon, changed: DockerContainer) -> Daemon:
    containers = (changed if each.name == changed.name else each for each in daemon.containers)
    return replace(daemon, containers=tuple(containers))


def _plugged(
    snapshot: Snapshot,
    place: Place,
    one: DockerContainer,
    network: DockerNetwork,
    asked: Attachment,
) -> Snapshot:
    interfaces = _interfaces(place, daemon_of(snapshot, place), network, asked)
    taken = {version: each.ip for version, each in interfaces.items()}
    mac = asked.mac or _mac(taken.get(4))
    now = replace(asked, ipv4=taken.get(4), ipv6=taken.get(6), mac=mac)
    grown = _attached(snapshot, place, one, now)
    if network.driver != "bridge":
        return grown
    grown = _wired(grown, place, one, network, interfaces, mac)
    publishes = () if any(each.ipv4 or each.ipv6 for each in one.attachments) else one.published
    namespace = namespace_of(grown, place)
    for each in bridges(network):
        if address := taken.get(each.subnet.version):
            namespace = add_endpoint(namespace, each, address, _of_family(publishes, address))
    return with_namespace(grown, place, namespace)


def _of_family(ports: tuple[PublishedPort, ...], address: Address) -> tuple[PublishedPort, ...]:
    return tuple(
        each
        for each in ports
        if not each.host_address or (":" in each.host_address) == (address.version == 6)
    )


def _mac(address: Address | None) -> str:
    """Docker up to 27 makes the MAC of the IPv4 address; later ones choose any."""
    octets = address.packed if address is not None else bytes(4)
    return ":".join(f"{each:02x}" for each in (2, 0x42, *octets))


def _interfaces(
    place: Place, daemon: Daemon, network: DockerNetwork, asked: Attachment
) -> dict[int, Interface]:
    """The container's address in each family of the network."""
    wanted = {4: asked.fixed_ipv4, 6: asked.fixed_ipv6}
    _refuse_homeless(place, network, wanted)
    found: dict[int, Interface] = {}
    for pool in network.subnets:
        version = pool.subnet.version
        if version == 4 or network.ipv6:
            used = set(_used(daemon, network, pool))
            address = wanted[version] or next(
                (each for each in pool.subnet.hosts() if each not in used), None
            )
            if address is None or address in used or address not in pool.subnet:
                said = "no address is free" if address is None else f"{address} is not free"
                raise OperationError(
                    f"{place}: docker network {network.name}: {said} in {pool.subnet}; "
                    "take another address"
                )
            found[version] = ip_interface(f"{address}/{pool.subnet.prefixlen}")
    return found


def _refuse_homeless(
    place: Place, network: DockerNetwork, wanted: Mapping[int, Address | None]
) -> None:
    """As validateNetworkingConfig of dockerd does: an address is asked for in a subnet of its own version."""
    versions = {each.subnet.version for each in network.subnets}
    for version, address in wanted.items():
        if address is not None and version not in versions:
            raise OperationError(
                f"{place}: docker network {network.name}: {address} is in no subnet of it; "
                "take another address"
            )


def _used(daemon: Daemon, network: DockerNetwork, pool: DockerSubnet) -> Iterator[Address]:
    gateway = gateway_of(network, pool)
    if gateway is not None:
        yield gateway
    for each in daemon.containers:
        for one in each.attachments:
            if one.network == network.name:
                yield from (address for address in (one.ipv4, one.ipv6) if address)


def _wired(
    snapshot: Snapshot,
    place: Place,
    one: DockerContainer,
    network: DockerNetwork,
    interfaces: Mapping[int, Interface],
    mac: str,
) -> Snapshot:
    inside_place = _inside(place, one)
    inside = snapshot.namespace(inside_place)
    if inside is None:
        return snapshot
    daemon = namespace_of(snapshot, place)
    pair = veth_pair(daemon, inside, network.bridge, mac)
    inside_now = with_inner(inside, pair, daemon)
    for each in interfaces.values():
        inside_now = with_address(inside_now, pair.inner.name, each, down=False)
    inside_now = _with_default_routes(inside_now, network, pair.inner.name)
    wired = with_namespace(snapshot, place, with_outer(daemon, pair, network.bridge, inside))
    return with_namespace(wired, inside_place, inside_now)


def _with_default_routes(inside: Namespace, network: DockerNetwork, link: str) -> Namespace:
    """A container leaves by the first network that has a way out."""
    families = {each.interface.version for each in inside.addresses if each.link == link}
    there = {each.destination for each in inside.routes if each.table == MAIN}
    for pool in network.subnets:
        version = pool.subnet.version
        gateway = None if network.internal else gateway_of(network, pool)
        if gateway and version in families and EVERYWHERE[version] not in there:
            metric = METRIC_USER if version == 6 else 0
            route = Route(EVERYWHERE[version], (NextHop(gateway, link),), metric=metric)
            inside = replace(inside, routes=(*inside.routes, route))
    return inside


def _unplugged(
    snapshot: Snapshot,
    place: Place,
    left: DockerContainer,
    network: DockerNetwork,
    attachment: Attachment,
) -> Snapshot:
    daemon = namespace_of(snapshot, place)
    addresses = {each for each in (attachment.ipv4, attachment.ipv6) if each}
    for each in bridges(network):
        for address in (one for one in addresses if one.version == each.subnet.version):
            daemon = remove_endpoint(daemon, each, address)
    inside = snapshot.namespace(_inside(place, left))
    link = _link_with(inside, addresses)
    if inside is not None and link is not None:
        port = port_of(daemon, link)
        daemon = with_carrier(without(daemon, port.name) if port else daemon, network.bridge)
        inside = _rerouted(without(inside, link.name), snapshot, place, left)
        snapshot = with_namespace(snapshot, _inside(place, left), inside)
    return with_namespace(snapshot, place, daemon)


def _link_with(inside: Namespace | None, addresses: set[Address]) -> Link | None:
    if inside is None:
        return None
    names = {each.link for each in inside.addresses if each.interface.ip in addresses}
    return next((each for each in inside.links if each.name in names), None)


def _rerouted(
    inside: Namespace, snapshot: Snapshot, place: Place, left: DockerContainer
) -> Namespace:
    """The default route moves to a network that is left."""
    daemon = daemon_of(snapshot, place)
    for each in left.attachments:
        link = _link_with(inside, {one for one in (each.ipv4, each.ipv6) if one})
        if link is not None:
            network = network_named(place, daemon, each.network)
            inside = _with_default_routes(inside, network, link.name)
    return inside
