"""Route on the host to each container network, through its guest or the host it is on; its mark is proto 201.

A guest in a VLAN in which the host has no address is reached past the host, and the host needs no route.
Where somebody else's route leads there in the same way already, none of ours is wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from homelab.model.inventory import Inventory
from homelab.model.kernel import Namespace, NextHop, Route
from homelab.model.operation import AddRoute, DeleteRoute, Operation
from homelab.model.place import HOST, Address, Network
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import PROTOCOL, Snapshot
from homelab.resources.lab import (
    Wanted,
    adoptable_routes,
    foreign_routes,
    is_beside,
    leads_there,
    local_guests,
    marked_routes,
    peers,
    route_text,
    towards,
    way_to,
)


@dataclass(frozen=True, slots=True)
class HostRoute(Resource):
    destination: Network
    via: Address
    link: str
    serves: str | None = field(default=None, compare=False)
    where: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        return Key("host route", str(self.destination))

    @property
    def guest(self) -> str | None:
        return self.serves

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        here = snapshot.host_namespace
        for each in local_guests(inventory):
            if is_beside(inventory, here, each):
                continue
            for network in each.networks:
                for subnet in network.subnets:
                    via = each.address(subnet.version)
                    name = towards(inventory, here, via) if via else ""
                    if via is not None and not (here and leads_there(here, subnet, via, name)):
                        yield cls(subnet, via, name, each.name, str(network.where))
        if here is not None:
            yield from cls._through_peers(inventory, here)

    @classmethod
    def _through_peers(cls, inventory: Inventory, here: Namespace) -> Iterator[Self]:
        """What lies behind another host on one of our subnets; elsewhere the router knows the way."""
        for each in peers(inventory):
            for network in (
                one for there in inventory.guests_of(each.name) for one in there.networks
            ):
                for subnet in network.subnets if network.managed else ():
                    found = way_to(here, each, subnet.version)
                    if found is not None and not leads_there(here, subnet, *found):
                        via, link = found
                        yield cls(subnet, via, link, where=str(network.where))

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        return (cls(*each) for each in marked_routes(snapshot, HOST))

    @classmethod
    def adoptable(
        cls, inventory: Inventory, snapshot: Snapshot
    ) -> Iterator[tuple[Self, tuple[Operation, ...]]]:
        for found, mark in adoptable_routes(inventory, snapshot, HOST):
            yield cls(*found), mark

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        here = snapshot.host_namespace
        if here is None:
            yield f"host: {snapshot.unread.get(HOST, 'not read')}; run homelab as root"
            return
        if not self.link:
            yield (
                f"guest {self.serves}: no link of the host has a subnet with {self.via} in it; "
                "give the guest's nic an address of the network it is on"
            )
        wanted = Wanted(self.destination, self.where)
        yield from foreign_routes(here, self.key, HOST, wanted)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (AddRoute(HOST, self._route()),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (DeleteRoute(HOST, self._route()),)

    def describe(self) -> str:
        return route_text(self.destination, self.via, self.link)

    def _route(self) -> Route:
        return Route(self.destination, (NextHop(self.via, self.link),), protocol=str(PROTOCOL))
