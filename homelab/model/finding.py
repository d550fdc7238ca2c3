"""A fault seen in one place, with its evidence, and the change that mends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from homelab.model.inventory import Expectation, Inventory
from homelab.model.operation import Operation
from homelab.model.place import Network, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Target, Trace


class NetworkName(NamedTuple):
    """A Docker network of a guest of a host."""

    host: str
    guest: str
    network: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """One network, and the packets by which its reachability is judged.

    ``declared`` tells whether the inventory wants it reachable. ``traces`` are what the model says of
    each target; ``reachable`` is None when that is unknown, or when there is nothing to send to.
    """

    name: NetworkName
    place: Place
    subnets: tuple[Network, ...]
    origin: str
    targets: tuple[Target, ...]
    traces: tuple[Trace, ...]
    reachable: bool | None
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """An expectation put to the test: one trace for each address that it speaks of.

    ``holds`` is None when that is unknown; ``why`` says what kept it from being asked at all.
    """

    expectation: Expectation
    traces: tuple[Trace, ...] = ()
    holds: bool | None = None
    why: str = ""

    @property
    def against(self) -> tuple[Trace, ...]:
        """The traces that do not end as expected."""
        wanted = self.expectation.outcome
        return tuple(each for each in self.traces if each.outcome is not wanted)


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at. ``inventory`` is empty when there is none.

    ``trials`` are its expectations now, ``trials_mended`` the same after all fixes that were found.
    """

    inventory: Inventory
    snapshot: Snapshot
    judgements: tuple[Judgement, ...]
    trials: tuple[Trial, ...] = ()
    trials_mended: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """The smallest change that mends a fault, in the owner's own knob.

    ``operations`` is what ``diagnose --fix`` runs; empty when only a person can do it, and then
    ``commands`` is what that person types. ``opens`` says what else becomes reachable.
    """

    text: str
    operations: tuple[Operation, ...] = ()
    commands: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    fault: str
    severity: str
    at: Place
    explains: str
    cause: Cause | None = None
    fix: Fix | None = None
    affects: tuple[NetworkName, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Check:
    """One fault of the field. ``page`` is what ``homelab explain CODE`` prints."""

    code: str
    title: str
    page: str
    find: Callable[[Case], Iterator[Finding]]


Checks: TypeAlias = tuple[Check, ...]
