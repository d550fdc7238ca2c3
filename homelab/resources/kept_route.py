"""A route of ours in the file that brings it back at boot: of the host, and of a router that we log in to.

The mark is a comment in the file, which is homelab's own. Who sets the route's link up decides which file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from homelab.model.inventory import Inventory
from homelab.model.operation import ForgetRoute, KeepRoute, Operation
from homelab.model.persistence import KeptRoute
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.host_route import HostRoute
from homelab.resources.keeper import keeper
from homelab.resources.lab import guest_with_subnet, route_text
from homelab.resources.router_route import RouterRoute


@dataclass(frozen=True, slots=True)
class RouteAtBoot(Resource):
    place: Place
    route: KeptRoute
    serves: str | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        return Key("kept route", f"{self.place} {self.route.destination}")

    @property
    def guest(self) -> str | None:
        return self.serves

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        for each in HostRoute.desired(inventory, snapshot):
            yield from cls._of(snapshot, HOST, each)
        for one in RouterRoute.desired(inventory, snapshot):
            yield from cls._of(snapshot, ROUTER, one)

    @classmethod
    def _of(cls, snapshot: Snapshot, place: Place, live: HostRoute | RouterRoute) -> Iterator[Self]:
        by = keeper(snapshot, place, live.link)
        if by is not None and live.via is not None and live.link:
            route = KeptRoute(live.destination, live.via, live.link, by.name, by.file)
            yield cls(place, route, live.serves, by.why)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, machine in snapshot.persistence.items():
            for each in machine.routes:
                yield cls(place, each, guest_with_subnet(snapshot, each.destination))

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        machine = snapshot.persistence.get(self.place)
        if machine is not None and self.route.file in machine.foreign:
            yield (
                f"{self.place}: {self.route.file}: it is there and bears no mark of homelab; move it away, "
                f"or put its content into a file of another name: `mv {self.route.file} DIFFERENT-NAME`"
            )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (KeepRoute(self.place, self.route),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (ForgetRoute(self.place, self.route),)

    def describe(self) -> str:
        live = route_text(self.route.destination, self.route.via, self.route.link)
        why = f"; put here because {self.why}" if self.why else ""
        edited = "" if self.route.whole else ", which somebody edited"
        return f"{live} in {self.route.file}{edited}{why}"
