"""The note that a Docker network was taken over as it was: a key of its guest in LXD or Incus.

Docker cannot label a network that exists, and one that is made anew loses its containers for a moment.
The note goes as soon as the network bears a label of its own, or is not there any more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from homelab.model.inventory import Inventory
from homelab.model.lxc import ADOPTED
from homelab.model.operation import Operation, SetInstanceConfig
from homelab.model.place import HOST
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.docker_network import GuestNetwork


@dataclass(frozen=True, slots=True)
class AdoptedNetwork(Resource):
    """``subnets`` is what the network had when it was adopted."""

    inside: str
    name: str
    subnets: str

    @property
    def key(self) -> Key:
        return Key("adoption", f"{self.inside}/{self.name}")

    @property
    def guest(self) -> str | None:
        return self.inside

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        """Of networks that are declared as they are: one that has to be made anew gets a label."""
        wanted = set(GuestNetwork.desired(inventory, snapshot))
        kept = {each.key.name for each in GuestNetwork.actual(snapshot) if each in wanted}
        return (each for each in cls.actual(snapshot) if each.key.name in kept)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for instance in snapshot.runtime.instances if snapshot.runtime else ():
            for key, subnets in sorted(instance.config.items()):
                if key.startswith(ADOPTED):
                    yield cls(instance.name, key.removeprefix(ADOPTED), subnets)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (self._note(None, self.subnets),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (self._note(self.subnets, None),)

    def describe(self) -> str:
        return f"{self.subnets}, as it was found"

    def _note(self, was: str | None, now: str | None) -> Operation:
        key = ADOPTED + self.name
        return SetInstanceConfig(HOST, self.inside, {key: now}, {key: was})
