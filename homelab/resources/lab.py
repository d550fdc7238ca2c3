"""What several kinds ask of an inventory and a snapshot: which guests are here, and what they run."""

import shlex
from collections.abc import Iterator
from hashlib import blake2s
from typing import NamedTuple

from homelab.model.docker import LABEL, Daemon, DockerNetwork
from homelab.model.inventory import ContainerNetwork, Guest, Host, Inventory
from homelab.model.kernel import MAIN, Link, Namespace, Route
from homelab.model.lxc import client, entering, starting
from homelab.model.operation import MarkRoute, Operation
from homelab.model.place import Address, Network, Place, guest, guest_of
from homelab.model.resource import Key
from homelab.model.snapshot import PROTOCOL, Snapshot


class OurRoute(NamedTuple):
    """A route of the form that ours have, and the guest it serves."""

    destination: Network
    via: Address
    link: str
    serves: str | None


class Wanted(NamedTuple):
    """Where a route of ours leads, and the place in the inventory that asks for it."""

    destination: Network
    where: str


NAT_UNPROTECTED = 28
"""The Docker release that brought gateway mode nat-unprotected (release notes of Engine 28.0)."""


def local_host(inventory: Inventory) -> Host | None:
    return next((each for each in inventory.hosts if each.connection.kind == "local"), None)


def local_guests(inventory: Inventory) -> Iterator[Guest]:
    """The guests of this host, with the networks that are homelab's to make."""
    here = local_host(inventory)
    if here is not None:
        yield from (each.managed for each in inventory.guests_of(here.name))


def peers(inventory: Inventory) -> Iterator[Host]:
    """The other hosts of the lab."""
    return (each for each in inventory.hosts if each.connection.kind == "peer")


def way_to(here: Namespace, host: Host, family: int) -> tuple[Address, str] | None:
    """The first address of a host that lies on a subnet of one of our links, and that link."""
    own = {each.interface.ip for each in here.addresses}
    for address in host.addresses:
        link = link_towards(here, address) if address.version == family else None
        if link is not None and address not in own:
            return address, link.name
    return None


def running_guests(inventory: Inventory, snapshot: Snapshot) -> Iterator[tuple[Guest, Daemon]]:
    """Guests whose Docker daemon was read."""
    for each in local_guests(inventory):
        daemon = snapshot.daemon(each.name)
        if daemon is not None:
            yield each, daemon


def bridge_in(network: ContainerNetwork, snapshot: Snapshot) -> str:
    """The network's bridge in the guest: the one that it has, if it was adopted."""
    daemon = snapshot.daemon(network.guest)
    there = docker_network(daemon, network.name) if daemon else None
    if there is not None and snapshot.adopted(network.guest, there):
        return there.bridge
    return bridge_name(network)


def bridge_name(network: ContainerNetwork) -> str:
    """Name that a network's bridge gets: at most 15 characters (IFNAMSIZ)."""
    plain = f"hl-{network.name}".replace(".", "-")
    if len(plain) <= 15:
        return plain
    return f"{plain[:9]}{blake2s(network.name.encode(), digest_size=3).hexdigest()}"


def docker_network(daemon: Daemon, name: str) -> DockerNetwork | None:
    return next((each for each in daemon.networks if each.name == name), None)


def why_no_daemon(name: str, snapshot: Snapshot) -> str:
    instance = snapshot.instance(name)
    runtime = snapshot.runtime
    missing = str(snapshot.unread.get(guest(name), "")).startswith("there is no such guest")
    if instance is None and (runtime is not None or missing):
        return f"guest {name}: there is no such guest on this host; {_making(snapshot, name)}"
    if instance is not None and not instance.is_running:
        return f"guest {name}: it is {instance.status.lower()}; `{shlex.join(starting(runtime, name))}`"
    place = guest(name)
    why = (
        snapshot.unread.get(f"{place}/docker") or snapshot.unread.get(place) or "no Docker answers"
    )
    return f"guest {name}: {why}; `{shlex.join(entering(runtime, name))} docker info` tells more"


def _making(snapshot: Snapshot, name: str) -> str:
    if snapshot.runtime is not None and snapshot.runtime.is_plain:
        return "make it first"
    return f"`{client(snapshot.runtime.name if snapshot.runtime else '')} launch IMAGE {name}`"


def link_towards(here: Namespace, address: Address) -> Link | None:
    """The link on whose subnet an address lies; of several the one with the narrowest."""
    around = [
        each for each in here.addresses if each.link != "lo" and address in each.interface.network
    ]
    nearest = max(around, key=lambda each: each.interface.network.prefixlen, default=None)
    return next((each for each in here.links if nearest and each.name == nearest.link), None)


def towards(inventory: Inventory, here: Namespace | None, address: Address) -> str:
    """Name of the host's link on whose subnet an address lies, one that is yet to be made included."""
    found = link_towards(here, address) if here else None
    host = local_host(inventory)
    made = (
        each.name
        for each in (host.links if host else ())
        if any(address in one.network for one in each.addresses)
    )
    return found.name if found else next(made, "")


def is_beside(inventory: Inventory, here: Namespace | None, declared: Guest) -> bool:
    """A guest on the LAN itself, past the host: on a bridge, a macvlan or a card, and the host has no part in it."""
    addresses = declared.nic.addresses
    past = declared.nic.network is None and any(
        (declared.nic.bridge, declared.nic.macvlan, declared.nic.card)
    )
    return past and not any(towards(inventory, here, each) for each in addresses)


def guest_with_subnet(snapshot: Snapshot, subnet: Network) -> str | None:
    """The guest whose Docker has an owned network on that subnet."""
    return next(
        (
            guest_of(place)
            for place, daemon in snapshot.daemons.items()
            for network in daemon.networks
            if _is_ours(place, network, snapshot)
            and subnet in {each.subnet for each in network.subnets}
        ),
        None,
    )


def _is_ours(place: Place, network: DockerNetwork, snapshot: Snapshot) -> bool:
    return LABEL in network.labels or snapshot.adopted(guest_of(place) or "", network)


def route_text(destination: Network, via: Address, link: str) -> str:
    return f"{destination} via {via} dev {link}" if link else f"{destination} via {via}"


def leads_there(here: Namespace, destination: Network, via: Address | None, link: str) -> bool:
    """Whether somebody else's route does all that ours would: then none of ours is wanted."""
    best = min(_routes_to(here, destination), key=lambda each: each.metric, default=None)
    if best is None or best.protocol == str(PROTOCOL) or best.kind != "unicast":
        return False
    return [(each.via, each.link) for each in best.hops] == [(via, link)]


def foreign_routes(here: Namespace, key: Key, place: Place, wanted: Wanted) -> Iterator[str]:
    """Messages about routes to exactly that destination that are not ours, with the ways out of each."""
    for each in _routes_to(here, wanted.destination):
        if each.protocol != str(PROTOCOL):
            way = f"via {each.via}" if each.via else "without a next hop"
            out = f"{way} dev {each.link}" if each.link else f"of type {each.kind}"
            said = (
                f"{place}: a route to {wanted.destination} {out} (proto {each.protocol}) "
                "is there and is not homelab's; "
            )
            rename = f"write another subnet for the network at {wanted.where}"
            if can_be_marked(each):
                yield said + ways_out(key, rename)
            else:
                kind = "" if each.kind == "unicast" else f"{each.kind} "
                yield f"{said}`ip route del {kind}{each.destination}` there, or {rename}"


def ways_out(key: Key, rename: str) -> str:
    """The three ways past a foreign thing: take it over as it is, move ours, take it over and change it."""
    return (
        f"take it over as it is: `homelab adopt {key.handle}`; or {rename}, then `homelab apply`; or have "
        f"it made as declared: `homelab apply --adopt {key.handle}`"
    )


def can_be_marked(route: Route) -> bool:
    """Whether a route is of the form that ours have, but for its protocol."""
    return route.kind == "unicast" and len(route.hops) == 1 and bool(route.via and route.link)


def marked_routes(snapshot: Snapshot, place: Place) -> Iterator[OurRoute]:
    """The routes of a place that bear our mark."""
    here = snapshot.namespace(place)
    for each in here.routes if here else ():
        if each.protocol == str(PROTOCOL) and each.table == MAIN and each.via and each.link:
            serves = guest_with_subnet(snapshot, each.destination)
            yield OurRoute(each.destination, each.via, each.link, serves)


def adoptable_routes(
    inventory: Inventory, snapshot: Snapshot, place: Place
) -> Iterator[tuple[OurRoute, tuple[Operation, ...]]]:
    """Foreign routes to exactly a declared subnet that can be marked as ours, with what marks them."""
    here = snapshot.namespace(place)
    if here is None:
        return
    for guest_there in local_guests(inventory):
        for subnet in (each for network in guest_there.networks for each in network.subnets):
            for route in _routes_to(here, subnet):
                foreign = route.protocol != str(PROTOCOL) and can_be_marked(route)
                if foreign and route.via and route.link:
                    found = OurRoute(subnet, route.via, route.link, guest_there.name)
                    yield found, (MarkRoute(place, route, str(PROTOCOL)),)


def _routes_to(here: Namespace, destination: Network) -> Iterator[Route]:
    return (each for each in here.routes if each.destination == destination and each.table == MAIN)
