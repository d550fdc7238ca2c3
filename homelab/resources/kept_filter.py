"""An ingress filter kept for the next start of its guest, whose kernel forgets it: else the network stood open.

Kept on the host, and put into the guest's namespace by LXC before the guest's init (the hook: instance.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from homelab.model.ingress import IngressFilter
from homelab.model.inventory import Guest, Ingress, Inventory
from homelab.model.operation import ForgetFilter, KeepFilter, Operation
from homelab.model.place import HOST, Place, guest_of
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.ingress_filter import GuardedNetwork

FOLDER = "/var/lib/homelab/guests"
RUNTIMES = ("lxd.service", "incus.service")
"""Units whose daemon sees the host's files; that of the snap has a file system of its own."""


@dataclass(frozen=True, slots=True)
class FilterAtStart(Resource):
    place: Place
    filter: IngressFilter

    @property
    def key(self) -> Key:
        return Key("kept filter", self.filter.mark.rpartition(":")[0])

    @property
    def guest(self) -> str | None:
        return guest_of(self.place)

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        if has_hooks(snapshot):
            for each in GuardedNetwork.desired(inventory, snapshot):
                if snapshot.instance(each.guest or "") is not None:
                    yield cls(each.place, each.filter)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, machine in snapshot.persistence.items():
            yield from (cls(place, each) for each in machine.filters)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (KeepFilter(self.place, self.filter),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (ForgetFilter(self.place, self.filter),)

    def describe(self) -> str:
        return (
            f"{self.filter.chain} in {FOLDER}/{self.guest}.start; put here because the guest's kernel "
            "forgets it, and LXC runs this before the guest's init"
        )


def has_hooks(snapshot: Snapshot) -> bool:
    machine = snapshot.persistence.get(HOST)
    return machine is not None and any(each in RUNTIMES for each in machine.units)


def hook(wanted: Guest) -> str | None:
    """What LXC has to be told. A hook that fails would keep the guest from starting, so this one never does.

    LXC puts an ``exec`` before it (run_buffer in src/lxc/conf.c): a shell has to be named.
    """
    if all(each.ingress is Ingress.OPEN for each in wanted.networks):
        return None
    return f'lxc.hook.start-host = /bin/sh -c "{FOLDER}/{wanted.name}.start || :"'
