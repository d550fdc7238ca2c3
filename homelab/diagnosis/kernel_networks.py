"""Container networks that no daemon told of: Podman's, a plain bridge's, or Docker's while its daemon is down.

The kernel shows them: a bridge with an address of its own, in a guest or in a named namespace, on whose ports
hang veth pairs that end in other namespaces.
"""

from collections.abc import Iterator
from typing import NamedTuple

from homelab.diagnosis.box import Box
from homelab.diagnosis.world import World
from homelab.model.kernel import Link
from homelab.model.place import HOST, Address, Network, Place


class KernelNetwork(NamedTuple):
    """A bridge, its subnets, and what answers in them: each address with the place that has it."""

    place: Place
    bridge: str
    subnets: tuple[Network, ...]
    members: tuple[tuple[Place, Address], ...]


def kernel_networks(world: World, routers: frozenset[Place]) -> Iterator[KernelNetwork]:
    """Those with members behind the host, seen from its routers; not the host's own.

    Its own bridges carry the guests themselves, and a bridge with the host on it is a LAN.
    """
    behind = world.joined(HOST, routers) - world.snapshot.daemons.keys() - {HOST}
    for box in world.boxes():
        for link in box.here.links if box.place in behind else ():
            subnets = _subnets(box, link.name) if link.kind == "bridge" else ()
            members = tuple(_members(world, box, link, subnets)) if subnets else ()
            if members:
                yield KernelNetwork(box.place, link.name, subnets, members)


def _subnets(box: Box, link: str) -> tuple[Network, ...]:
    found = (each.interface for each in box.here.addresses if each.link == link)
    return tuple(dict.fromkeys(each.network for each in found if not each.ip.is_link_local))


def _members(
    world: World, box: Box, bridge: Link, subnets: tuple[Network, ...]
) -> Iterator[tuple[Place, Address]]:
    ports = (each for each in box.here.links if each.master == bridge.index)
    ends = [end for each in ports if (end := world.peer(box.place, each))]
    if HOST in (place for place, _ in ends):
        return
    for place, link in ends:
        for each in world.observed(place).here.addresses if place != box.place else ():
            address = each.interface.ip
            if each.link == link and any(_holds(subnet, address) for subnet in subnets):
                yield place, address


def _holds(subnet: Network, address: Address) -> bool:
    return subnet.version == address.version and address in subnet
