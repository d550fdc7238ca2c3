"""Route on the LAN's router to each container network, through the host or, in a VLAN, the guest; its mark is proto 201.

Where somebody else's route leads there in the same way already, none of ours is wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from homelab.model.inventory import Guest, Inventory, Router
from homelab.model.kernel import NextHop, Route
from homelab.model.operation import AddRoute, DeleteRoute, Operation
from homelab.model.place import ROUTER, Address, Network
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import PROTOCOL, Snapshot
from homelab.resources.lab import (
    Wanted,
    adoptable_routes,
    foreign_routes,
    leads_there,
    link_towards,
    local_guests,
    local_host,
    marked_routes,
)


@dataclass(frozen=True, slots=True)
class RouterRoute(Resource):
    destination: Network
    via: Address | None
    link: str
    serves: str | None = field(default=None, compare=False)
    where: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        return Key("router route", str(self.destination))

    @property
    def guest(self) -> str | None:
        return self.serves

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        router = _router(inventory)
        if router is None:
            return
        here = snapshot.namespace(ROUTER)
        for each in local_guests(inventory):
            for network in each.networks:
                for subnet in network.subnets:
                    via, link = _next_hop(snapshot, each, subnet.version)
                    if not (here and leads_there(here, subnet, via, link)):
                        yield cls(subnet, via, link, each.name, str(network.where))

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        return (cls(*each) for each in marked_routes(snapshot, ROUTER))

    @classmethod
    def adoptable(
        cls, inventory: Inventory, snapshot: Snapshot
    ) -> Iterator[tuple[Self, tuple[Operation, ...]]]:
        if _router(inventory) is None:
            return
        for found, mark in adoptable_routes(inventory, snapshot, ROUTER):
            yield cls(*found), mark

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        here = snapshot.namespace(ROUTER)
        if here is None:
            why = snapshot.unread.get(ROUTER, "not read")
            yield f"router: {why}; mend its connection, or write `connection: none`"
            return
        if self.via is None:
            yield "router: it shares no subnet with the host; set the host's `uplink`"
        wanted = Wanted(self.destination, self.where)
        yield from foreign_routes(here, self.key, ROUTER, wanted)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (AddRoute(ROUTER, self._route()),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (DeleteRoute(ROUTER, self._route()),)

    def describe(self) -> str:
        return f"{self.destination} via {self.via} dev {self.link}"

    def _route(self) -> Route:
        return Route(self.destination, (NextHop(self.via, self.link),), protocol=str(PROTOCOL))


def _router(inventory: Inventory) -> Router | None:
    """The local host's router, if it is one that we program."""
    host = local_host(inventory)
    router = inventory.router(host.router) if host else None
    if router is None or router.kind != "linux" or router.connection.kind in ("none", "local"):
        return None
    return router


def _next_hop(snapshot: Snapshot, declared: Guest, family: int) -> tuple[Address | None, str]:
    """The guest itself where the router is in its VLAN, else the host."""
    router, address = snapshot.namespace(ROUTER), declared.address(family)
    past = any((declared.nic.bridge, declared.nic.macvlan, declared.nic.card))
    link = link_towards(router, address) if router and address and past else None
    return (address, link.name) if link else _towards_host(snapshot, family)


def _towards_host(snapshot: Snapshot, family: int) -> tuple[Address | None, str]:
    """The host's address on a subnet that the router is on too, and the router's link there."""
    host, router = snapshot.host_namespace, snapshot.namespace(ROUTER)
    if host is None or router is None:
        return None, ""
    for each in host.addresses:
        address = each.interface.ip
        if each.scope != "global" or address.version != family:
            continue
        link = link_towards(router, address)
        if link is not None:
            return address, link.name
    return None, ""
