"""What several checks ask of a snapshot: addresses, routes, containers, and how a place is entered."""

import shlex
from collections.abc import Iterator

from homelab.model import lxc
from homelab.model.docker import Attachment, Daemon, DockerContainer, DockerNetwork
from homelab.model.finding import Case, NetworkName
from homelab.model.kernel import LinkAddress, Namespace, NextHop, Route
from homelab.model.lxc import entering
from homelab.model.place import HOST, ROUTER, Address, Network, Place, guest_of
from homelab.model.snapshot import Snapshot

UNUSABLE = ("blackhole", "unreachable", "prohibit", "throw")
GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
DOCKER0 = "docker0"


def best_route(here: Namespace | None, address: Address) -> Route | None:
    """The most specific route to an address, whatever policy rules may add: enough to advise on."""
    return here.best_route(address) if here else None


def has_address(here: Namespace | None, address: Address | None) -> bool:
    return here is not None and any(each.interface.ip == address for each in here.addresses)


def route_text(route: Route) -> str:
    """As ip(8) prints it: ``10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201``."""
    kind = [] if route.kind == "unicast" else [route.kind]
    via = ["via", str(route.via)] if route.via else []
    link = ["dev", route.link] if route.link else []
    return " ".join((*kind, str(route.destination), *via, *link, "proto", route.protocol))


def docker_bridges(snapshot: Snapshot, place: Place) -> frozenset[str]:
    daemon = snapshot.daemons.get(place)
    return frozenset((DOCKER0, *(each.bridge for each in (daemon.networks if daemon else ()))))


def subnet_addresses(snapshot: Snapshot, place: Place) -> Iterator[LinkAddress]:
    """Addresses of a place on networks that are not its own Docker's."""
    here = snapshot.namespace(place)
    apart = docker_bridges(snapshot, place)
    for each in here.addresses if here else ():
        if each.scope == "global" and each.link != "lo" and each.link not in apart:
            yield each


def next_hop(snapshot: Snapshot, near: Place, far: Place, version: int) -> NextHop | None:
    """``far`` as a next hop of ``near``: its address on a subnet that both are on, and the link."""
    for there in subnet_addresses(snapshot, far):
        for here in subnet_addresses(snapshot, near):
            address = there.interface.ip
            if (
                address.version == version
                and address in here.interface.network
                and address != here.interface.ip
            ):
                return NextHop(address, here.link)
    return None


def attachments(daemon: Daemon | None) -> Iterator[tuple[DockerContainer, Attachment]]:
    for container in daemon.containers if daemon else ():
        for each in container.attachments:
            yield container, each


def container_with(daemon: Daemon | None, network: str, address: Address) -> DockerContainer | None:
    """The container that has, or when it runs will have, an address on a network."""
    for container, each in attachments(daemon):
        known = (each.ipv4, each.ipv6, each.fixed_ipv4, each.fixed_ipv6)
        if each.network == network and address in known:
            return container
    return None


def option(network: DockerNetwork | None, key: str, default: str = "") -> str:
    return network.options.get(key, default) if network else default


def gateway_mode(network: DockerNetwork | None, version: int) -> str:
    """The mode in force: Docker takes nat when nothing is said."""
    return option(network, f"{GATEWAY_MODE}{version}", "nat")


def masquerades(network: DockerNetwork) -> bool:
    return option(network, MASQUERADE, "true").casefold() not in ("false", "0", "f")


def client(snapshot: Snapshot) -> str:
    """The program with which a person talks to the daemon that runs the guests."""
    return lxc.client(snapshot.runtime.name if snapshot.runtime else "")


def command(case: Case, place: Place, *words: str) -> str:
    """A command for a person, to be typed on the host as it stands."""
    return shlex.join((*_entrance(case, place), *words))


def _entrance(case: Case, place: Place) -> tuple[str, ...]:
    snapshot = case.snapshot
    kind, _, name = place.partition(":")
    inside = guest_of(place)
    if kind == "guest":
        return entering(snapshot.runtime, name)
    if kind == "container" and inside is not None:
        apart = () if inside == HOST else entering(snapshot.runtime, inside)
        return (*apart, "docker", "exec", name.partition("/")[2])
    if kind == "netns":
        return "ip", "netns", "exec", name
    return _router_entrance(case) if place == ROUTER else ()


def _router_entrance(case: Case) -> tuple[str, ...]:
    """By the namespace whose other name is router, or by ssh as the inventory says."""
    aliases = case.snapshot.aliases.items()
    named = (each for each, real in aliases if real == ROUTER and each.startswith("netns:"))
    alias = next(named, None)
    if alias is not None:
        return _entrance(case, alias)
    reached = (each.connection for each in case.inventory.routers)
    target = next((each.target for each in reached if each.kind == "ssh"), "router")
    return "ssh", target


def declared_names(case: Case, guest_name: str) -> tuple[NetworkName, ...]:
    """The networks that the inventory wants in a guest."""
    guest = case.inventory.guest(guest_name)
    if guest is None:
        return ()
    return tuple(NetworkName(guest.host, guest.name, each.name) for each in guest.networks)


def judged_names(case: Case, place: Place) -> tuple[NetworkName, ...]:
    """The networks of a place that were judged, and those that the inventory wants there."""
    judged = [each.name for each in case.judgements if each.place == place]
    return tuple(dict.fromkeys((*judged, *declared_names(case, guest_of(place) or ""))))


def is_unreachable(case: Case, names: tuple[NetworkName, ...]) -> bool:
    return any(each.name in names and each.reachable is False for each in case.judgements)


def routed_subnets(case: Case) -> frozenset[Network]:
    """Subnets to which the host has a route of its own: somebody wants them reached."""
    here = case.snapshot.host_namespace
    routes = (each.destination for each in (here.routes if here else ()))
    return frozenset(each for each in routes if each.prefixlen != 0)
