"""The difference between two states, and the operations that remove it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from homelab.model.operation import Operation, RestartInstance
from homelab.model.place import Place, guest_of
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot

State: TypeAlias = Mapping[Key, Resource]


@dataclass(frozen=True, slots=True)
class Create:
    new: Resource
    operations: tuple[Operation, ...]
    disruption: str | None = None

    @property
    def key(self) -> Key:
        return self.new.key


@dataclass(frozen=True, slots=True)
class Replace:
    old: Resource
    new: Resource
    operations: tuple[Operation, ...]
    disruption: str | None = None

    @property
    def key(self) -> Key:
        return self.new.key


@dataclass(frozen=True, slots=True)
class Delete:
    old: Resource
    operations: tuple[Operation, ...]
    disruption: str | None = None

    @property
    def key(self) -> Key:
        return self.old.key


@dataclass(frozen=True, slots=True)
class Adopt:
    """Something foreign gets our mark, and stays as it is."""

    new: Resource
    operations: tuple[Operation, ...]
    disruption: str | None = None

    @property
    def key(self) -> Key:
        return self.new.key


@dataclass(frozen=True, slots=True)
class Mend:
    """A fix of a diagnosis, done once: nothing of it is homelab's to keep, a rule apart that bears its mark."""

    fault: str
    at: Place
    text: str
    operations: tuple[Operation, ...]
    disruption: str | None = None

    @property
    def key(self) -> Key:
        return Key("fix", f"{self.fault} at {self.at}")


Change: TypeAlias = Create | Replace | Delete | Adopt | Mend


def guest_of_change(change: Change) -> str | None:
    """The guest that a change serves."""
    match change:
        case Mend(at=place):
            return guest_of(place)
        case Delete(old):
            return old.guest
        case _:
            return change.new.guest


@dataclass(frozen=True, slots=True)
class Plan:
    """An ordered set of changes; falsy when there is nothing to do."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def operations(self) -> tuple[Operation, ...]:
        """All operations in order; a guest that several changes restart is restarted once, at the last."""
        every = [each for change in self.changes for each in change.operations]
        last = {each: at for at, each in enumerate(every) if isinstance(each, RestartInstance)}
        return tuple(
            each
            for at, each in enumerate(every)
            if not isinstance(each, RestartInstance) or last[each] == at
        )

    def disruptions(self) -> tuple[str, ...]:
        return tuple(each.disruption for each in self.changes if each.disruption)


@dataclass(frozen=True, slots=True)
class Execution:
    """What really happened; ``failure`` is set when an operation did not go through.

    ``unsure`` are others that were begun beside the one that failed, and did not go through either.
    """

    done: tuple[Operation, ...] = ()
    failure: str | None = None
    failed: Operation | None = None
    unsure: tuple[Operation, ...] = ()

    @property
    def started(self) -> tuple[Operation, ...]:
        """All that may have changed something."""
        return (*self.done, *((self.failed,) if self.failed else ()), *self.unsure)


@dataclass(frozen=True, slots=True)
class ProbeLost:
    """A flow that worked before, or that was declared, and that does not work after the change."""

    origin: str
    target: str
    before: str
    after: str


class FateKind(Enum):
    """How an object is that a change touched, after the change was taken back."""

    RESTORED = "restored"
    GONE = "gone"
    FOREIGN = "changed by somebody else"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one object: gone means that it is not there, as before; ``text`` says why not."""

    name: str
    kind: FateKind
    text: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """The whole story of one apply; ``rollback`` is set when it had to be taken back.

    ``after`` is the lab as it was read after the change, ``kept`` how many flows worked before it.
    ``still_lost`` are the flows that worked before and do not work after the rollback either.
    ``fresh`` is how many flows were declared and did not work before, ``silent`` those of them that the
    model sees arrive and that do not answer. ``fates`` has each object touched, after a rollback.
    """

    plan: Plan
    execution: Execution = Execution()
    remaining: Plan = Plan()
    lost: tuple[ProbeLost, ...] = ()
    rollback: Execution | None = None
    residue: tuple[str, ...] = ()
    still_lost: tuple[ProbeLost, ...] = ()
    after: Snapshot | None = None
    kept: int = 0
    fresh: int = 0
    silent: tuple[ProbeLost, ...] = ()
    fates: tuple[Fate, ...] = ()
