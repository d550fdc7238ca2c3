"""Back to the lab as it was: after a failure, after a kill at any instant, or because somebody says so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.inverse import inverse
from homelab.model.operation import Operation
from homelab.model.plan import Execution
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, diff
from homelab.planning.execute import execute, execute_each
from homelab.resources import KINDS
from homelab.system import System
from homelab.system.simulated import SimulatedSystem

Run: TypeAlias = Callable[[Operation], None]


@dataclass(frozen=True, slots=True)
class Returned:
    """What was done to get back, and what still differs from before; ``residue`` empty: nothing does."""

    execution: Execution
    residue: tuple[str, ...] = ()


def go_back(
    before: Snapshot, started: Sequence[Operation], system: System, run: Run | None = None
) -> Returned:
    """Take back what was started; then whatever still differs, by a plan to the state before.

    ``run`` carries out an operation, ``system.run`` unless given. The second step is for what others
    did meanwhile: a container that joined a network just made.
    """
    run = run or system.run
    first = execute_each(way_back(started, system.read()), run)
    now = system.read()
    owned = actual_state(before, KINDS)
    different = diff(owned, actual_state(now, KINDS), now)
    if not different:
        return Returned(first, (first.failure,) if first.failure else ())
    second = execute(different.operations(), run)
    now = system.read()
    remains = diff(owned, actual_state(now, KINDS), now)
    residue = tuple(str(each.key) for each in remains.changes)
    failures = tuple(each.failure for each in (first, second) if each.failure)
    done = Execution((*first.done, *second.done), "; ".join(failures) or None)
    return Returned(done, (*failures, *residue) if residue else ())


def way_back(started: Sequence[Operation], now: Snapshot) -> tuple[Operation, ...]:
    """What of it is still to be undone, last first.

    An inverse that the simulated system refuses has nothing to undo: its operation was never done, or
    is taken back already. In a place that was not read nobody can tell: there it is tried.
    """
    return tuple(_steps_back(started, SimulatedSystem(now)))


def _steps_back(started: Sequence[Operation], system: SimulatedSystem) -> Iterator[Operation]:
    for operation in reversed(started):
        for back in inverse(operation):
            if not _is_seen(back, system.read()):
                yield back
                continue
            try:
                system.run(back)
            except OperationError:
                continue
            yield back


def _is_seen(operation: Operation, snapshot: Snapshot) -> bool:
    """Whether the snapshot shows the place that an operation would change."""
    match operation:
        case op.SetInstanceConfig() | op.SetInstanceDevice() | op.RestartInstance():
            return snapshot.runtime is not None
        case (
            op.CreateDockerNetwork(place)
            | op.RemoveDockerNetwork(place)
            | op.ConnectContainer(place)
            | op.DisconnectContainer(place)
            | op.StartContainer(place)
        ):
            return place in snapshot.daemons
        case _:
            return snapshot.namespace(operation.place) is not None
