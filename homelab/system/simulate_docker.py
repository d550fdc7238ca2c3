"""A Docker daemon in memory: its networks, with the bridge, routes and rules that come with them."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_interface

from homelab.errors import OperationError
from homelab.model.docker import Daemon, DockerContainer, DockerNetwork, DockerSubnet
from homelab.model.kernel import Namespace
from homelab.model.operation import CreateDockerNetwork, RemoveDockerNetwork
from homelab.model.place import Address, Interface, Place
from homelab.model.snapshot import Snapshot
from homelab.system.docker_write import check_name, overlaps, refuse_attached, refuse_other
from homelab.system.parse_docker import BRIDGE_NAME
from homelab.system.simulate_docker_rules import Bridge, add_network, isolate_in_ipv6
from homelab.system.simulate_docker_rules import remove_network as remove_rules
from homelab.system.simulate_links import with_bridge, without
from homelab.system.simulate_places import namespace_of, with_namespace

_OPTION = "com.docker.network.bridge."
_NFTABLES = "Docker writes nftables here, and what it would write is not simulated"


def daemon_of(snapshot: Snapshot, place: Place) -> Daemon:
    found = snapshot.daemons.get(snapshot.resolve(place))
    if found is None:
        why = snapshot.unread.get(f"{snapshot.resolve(place)}/docker", "there is no Docker daemon")
        raise OperationError(f"{place}: docker: {why}")
    return found


def with_daemon(snapshot: Snapshot, place: Place, daemon: Daemon) -> Snapshot:
    return replace(snapshot, daemons={**snapshot.daemons, snapshot.resolve(place): daemon})


def network_named(place: Place, daemon: Daemon, name: str) -> DockerNetwork:
    for each in daemon.networks:
        if each.name == name:
            return each
    raise OperationError(f"{place}: there is no docker network {name}; see docker network ls")


def container_named(place: Place, daemon: Daemon, name: str) -> DockerContainer:
    for each in daemon.containers:
        if name in (each.name, each.id):
            return each
    raise OperationError(f"{place}: there is no container {name}; see docker ps -a")


def create_network(snapshot: Snapshot, operation: CreateDockerNetwork) -> Snapshot:
    place, daemon = operation.place, daemon_of(snapshot, operation.place)
    network = _completed(operation.network)
    _refuse(place, daemon, network)
    networks = tuple(sorted((*daemon.networks, network), key=lambda each: (each.name, each.id)))
    grown = with_daemon(snapshot, place, replace(daemon, networks=networks))
    if network.driver != "bridge":
        return grown
    namespace = with_bridge(
        namespace_of(snapshot, place), network.bridge, tuple(_gateways(network))
    )
    for each in bridges(network):
        namespace = add_network(namespace, each)
    namespace = isolate_in_ipv6(namespace, network)
    return with_namespace(grown, place, _unless_nftables(namespace, daemon))


def _refuse(place: Place, daemon: Daemon, network: DockerNetwork) -> None:
    what = f"{place}: docker network create {network.name}"
    check_name(place, network.name)
    if any(each.name == network.name for each in daemon.networks):
        raise OperationError(f"{what}: network with name {network.name} already exists")
    said = "; ".join(overlaps(network, daemon.networks))
    if said:
        raise OperationError(f"{what}: {said}; remove it, or take another subnet")


def _completed(network: DockerNetwork) -> DockerNetwork:
    """With what the daemon chooses itself: an id, and the name of the bridge after it."""
    made = network.id or hashlib.sha256(network.name.encode()).hexdigest()
    bridge = network.options.get(BRIDGE_NAME) or network.bridge or f"br-{made[:12]}"
    return replace(network, id=made, bridge=bridge if network.driver == "bridge" else "")


def bridges(network: DockerNetwork) -> Iterator[Bridge]:
    """The network as each family's rules see it."""
    for each in network.subnets:
        if network.ipv6 or each.subnet.version == 4:
            yield Bridge(network.bridge, each.subnet, network)


def gateway_of(network: DockerNetwork, pool: DockerSubnet) -> Address | None:
    """The bridge's own address; none when the network's mode says so."""
    mode = network.options.get(f"{_OPTION}gateway_mode_ipv{pool.subnet.version}", "")
    inhibited = network.options.get(f"{_OPTION}inhibit_ipv4", "") == "true"
    if mode == "isolated" or (inhibited and pool.subnet.version == 4):
        return None
    return pool.gateway or pool.subnet[1]


def _gateways(network: DockerNetwork) -> Iterator[Interface]:
    for each in network.subnets:
        address = gateway_of(network, each)
        if address is not None and (network.ipv6 or address.version == 4):
            yield ip_interface(f"{address}/{each.subnet.prefixlen}")


def _unless_nftables(namespace: Namespace, daemon: Daemon) -> Namespace:
    """What is not simulated is not observed either: a trace through it ends unknown."""
    if daemon.firewall.partition("+")[0] != "nftables":
        return namespace
    unread = {**namespace.unread, "nft": _NFTABLES, "nft-json": _NFTABLES}
    return replace(namespace, unread=unread)


def remove_network(snapshot: Snapshot, operation: RemoveDockerNetwork) -> Snapshot:
    place, daemon = operation.place, daemon_of(snapshot, operation.place)
    check_name(place, operation.network.name)
    network = network_named(place, daemon, operation.network.name)
    refuse_other(place, operation.network, network.id)
    refuse_attached(place, network.name, tuple(_attached(daemon, network.name)))
    networks = tuple(each for each in daemon.networks if each is not network)
    shrunk = with_daemon(snapshot, place, replace(daemon, networks=networks))
    namespace = namespace_of(snapshot, place)
    namespace = remove_rules(namespace, network.bridge)
    return with_namespace(shrunk, place, without(namespace, network.bridge))


def _attached(daemon: Daemon, network: str) -> Iterator[str]:
    for each in daemon.containers:
        if any(one.network == network for one in each.attachments):
            yield each.name
