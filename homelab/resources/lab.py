"""What several kinds ask of an inventory and a snapshot: which guests are here, and what they run."""

from collections.abc import Iterator
from hashlib import blake2s

from homelab.model.docker import LABEL, Daemon, DockerNetwork
from homelab.model.inventory import ContainerNetwork, Guest, Host, Inventory
from homelab.model.kernel import MAIN, Link, Namespace
from homelab.model.place import Address, Network, Place, guest_of
from homelab.model.snapshot import Snapshot

NAT_UNPROTECTED = 28
"""The Docker release that brought gateway mode nat-unprotected (release notes of Engine 28.0)."""


def local_host(inventory: Inventory) -> Host | None:
    return next((each for each in inventory.hosts if each.connection.kind == "local"), None)


def local_guests(inventory: Inventory) -> Iterator[Guest]:
    here = local_host(inventory)
    if here is not None:
        yield from inventory.guests_of(here.name)


def running_guests(inventory: Inventory, snapshot: Snapshot) -> Iterator[tuple[Guest, Daemon]]:
    """Guests whose Docker daemon was read."""
    for each in local_guests(inventory):
        daemon = snapshot.daemon(each.name)
        if daemon is not None:
            yield each, daemon


def bridge_name(network: ContainerNetwork) -> str:
    """Name of the network's bridge in the guest: at most 15 characters (IFNAMSIZ)."""
    plain = f"hl-{network.name}".replace(".", "-")
    if len(plain) <= 15:
        return plain
    return f"{plain[:9]}{blake2s(network.name.encode(), digest_size=3).hexdigest()}"


def docker_network(daemon: Daemon, name: str) -> DockerNetwork | None:
    return next((each for each in daemon.networks if each.name == name), None)


def link_towards(here: Namespace, address: Address) -> Link | None:
    """The link on whose subnet an address lies."""
    names = [
        each.link
        for each in here.addresses
        if each.link != "lo" and address in each.interface.network
    ]
    return next((each for each in here.links if each.name in names), None)


def guest_with_subnet(snapshot: Snapshot, subnet: Network) -> str | None:
    """The guest whose Docker has an owned network on that subnet."""
    return next(
        (
            guest_of(place)
            for place, daemon in snapshot.daemons.items()
            for network in daemon.networks
            if LABEL in network.labels and subnet in {each.subnet for each in network.subnets}
        ),
        None,
    )


def route_text(destination: Network, via: Address, link: str) -> str:
    return f"{destination} via {via} dev {link}"


def foreign_routes(
    here: Namespace, place: Place, destination: Network, protocol: str
) -> Iterator[str]:
    """Messages about routes to exactly that destination that are not ours."""
    for each in here.routes:
        if each.destination == destination and each.table == MAIN and each.protocol != protocol:
            way = f"via {each.via}" if each.via else "without a next hop"
            yield (
                f"{place}: a route to {destination} {way} dev {each.link} (proto {each.protocol}) "
                "is there and is not homelab's; remove it, or give the network another subnet"
            )
