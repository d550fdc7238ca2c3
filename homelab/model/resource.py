"""A resource is one thing homelab owns; a kind of resource is a subclass in its own file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.snapshot import Snapshot


class Key(NamedTuple):
    """Identity of a resource across time: same key, different value means a replacement."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def handle(self) -> str:
        """One word for it on a command line: ``docker-network:web/apps``."""
        return f"{self.kind.replace(' ', '-')}:{self.name.replace(' ', '/')}"


@dataclass(frozen=True, slots=True)
class Resource(ABC):
    """What a kind of resource must answer. All of it is pure."""

    @property
    @abstractmethod
    def key(self) -> Key: ...

    @property
    @abstractmethod
    def guest(self) -> str | None:
        """The guest this resource serves, for ``--only`` and for grouping."""

    @classmethod
    @abstractmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        """What should be. The snapshot only tells what the place needs (Docker's generation …)."""

    @classmethod
    @abstractmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        """What is there and bears our mark, and nothing else."""

    @classmethod
    def adoptable(
        cls, inventory: Inventory, snapshot: Snapshot
    ) -> Iterator[tuple[Self, tuple[Operation, ...]]]:
        """Foreign things that are where declared ones should be: as they are, with what marks them as ours."""
        return iter(())

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        """Foreign things that stand where this should be: each a whole error message."""
        return iter(())

    @abstractmethod
    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]: ...

    @abstractmethod
    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]: ...

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (*old.delete(snapshot), *self.create(snapshot))

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        """What running containers notice when this is created or replaces ``old``; None: nothing."""
        return None

    def removal(self, snapshot: Snapshot) -> str | None:
        """What running containers notice when this is deleted; None: nothing."""
        return None

    @abstractmethod
    def describe(self) -> str:
        """The resource's value in one line, for a plan: ``10.90.1.0/24 via 10.77.0.11``."""


Kinds: TypeAlias = tuple[type[Resource], ...]
