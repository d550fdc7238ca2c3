"""Each host of a lab by itself: every kind plans for one host, and what it plans gets the lab's names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeAlias

from homelab.model.inventory import Host as Inventoried
from homelab.model.inventory import Inventory
from homelab.model.kernel import LinkAddress
from homelab.model.operation import Operation
from homelab.model.resource import Key, Resource
from homelab.model.several import Names, names_in, seen_from
from homelab.model.snapshot import Snapshot
from homelab.model.view import view

Addresses: TypeAlias = Mapping[str, tuple[LinkAddress, ...]]


@dataclass(frozen=True, slots=True)
class OnHost(Resource):
    """A resource of one host among several. Its host works in its own names, and on what it has itself."""

    names: Names = field(compare=False)
    inner: Resource

    @property
    def key(self) -> Key:
        kind, name = self.inner.key
        return Key(kind, f"{name}{self.names.suffix}")

    @property
    def guest(self) -> str | None:
        inside = self.inner.guest
        return None if inside is None else self.names.guest(inside)

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        """It is no kind by itself."""
        return iter(())

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        """As above."""
        return iter(())

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        there = f"{self.names.host}: " if self.names.number else ""
        return (f"{there}{each}" for each in self.inner.obstacles(self._seen(snapshot)))

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return self._named(self.inner.create(self._seen(snapshot)))

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return self._named(self.inner.delete(self._seen(snapshot)))

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return self._named(self.inner.replace(old.inner, self._seen(snapshot)))

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        return self.inner.disruption(old.inner if old else None, self._seen(snapshot))

    def removal(self, snapshot: Snapshot) -> str | None:
        return self.inner.removal(self._seen(snapshot))

    def describe(self) -> str:
        return self.inner.describe()

    def _seen(self, snapshot: Snapshot) -> Snapshot:
        return view(snapshot, self.names)

    def _named(self, operations: Iterable[Operation]) -> tuple[Operation, ...]:
        return tuple(map(self.names.operation, operations))


@dataclass(frozen=True, slots=True)
class Host:
    """``names`` is None for the host of a lab that has no other. ``addresses`` are those of all, by name."""

    seen: Snapshot
    names: Names | None = None
    addresses: Addresses = field(default_factory=dict)

    def inventory(self, declared: Inventory) -> Inventory:
        """The inventory as that host would read it."""
        if self.names is not None:
            return _with_addresses(seen_from(declared, self.names.host), self.addresses)
        primary = declared.primary
        is_far = primary is not None and primary.connection.kind != "local"
        return seen_from(declared, primary.name) if primary and is_far else declared

    def placed(self, found: Iterable[Resource]) -> Iterator[Resource]:
        """What is found on it, as the lab has it."""
        if self.names is None:
            yield from found
        else:
            yield from (OnHost(self.names, each) for each in found)


def hosts(lab: Snapshot) -> tuple[Host, ...]:
    """The hosts of a lab, the first one first."""
    if not lab.others:
        return (Host(lab),)
    seen = {each: view(lab, each) for each in names_in(lab)}
    addresses = {each.host: _addresses(own) for each, own in seen.items()}
    return tuple(Host(own, each, addresses) for each, own in seen.items())


def _addresses(host: Snapshot) -> tuple[LinkAddress, ...]:
    here = host.host_namespace
    return tuple(each for each in here.addresses if each.scope == "global") if here else ()


def _with_addresses(declared: Inventory, found: Addresses) -> Inventory:
    """Where the inventory does not say how a host is reached by others: by its uplink, if that is named."""

    def reached(each: Inventoried) -> Inventoried:
        every = found.get(each.name, ())
        best = [one for one in every if one.link == each.uplink] or every
        own = each.addresses or tuple(one.interface.ip for one in best)
        return replace(each, addresses=own)

    return replace(declared, hosts=tuple(map(reached, declared.hosts)))


def named(host: Host, operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Operations of a host, as the lab has them."""
    return tuple(operations if host.names is None else map(host.names.operation, operations))
