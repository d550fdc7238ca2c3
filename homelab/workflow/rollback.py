"""Back to the lab as it was: after a failure, after a kill at any instant, or because somebody says so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.inverse import inverse
from homelab.model.operation import Operation
from homelab.model.plan import Execution, Fate, ProbeLost
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, diff
from homelab.planning.execute import execute_each
from homelab.resources import KINDS
from homelab.system import System
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.aftermath import fates

Run: TypeAlias = Callable[[Operation], None]
ROUNDS = 3
"""How often a plan back is made while others still move."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What was done to get back, and what still differs from before; ``residue`` empty: nothing does.

    ``fates`` has each object that was touched; ``lost`` flows that worked before and do not now.
    """

    execution: Execution
    residue: tuple[str, ...] = ()
    fates: tuple[Fate, ...] = ()
    lost: tuple[ProbeLost, ...] = ()


def go_back(
    before: Snapshot, started: Sequence[Operation], system: System, run: Run | None = None
) -> Returned:
    """Take back what was started; then whatever still differs, by plans to the state before.

    ``run`` carries out an operation, ``system.run`` unless given. The plans are for what others do
    meanwhile: containers that come and go on a network just made.
    """
    run = run or system.run
    owned = actual_state(before, KINDS)
    waiting = way_back(started, system.read())
    done: list[Operation] = []
    for _ in range(ROUNDS):
        execution = execute_each(waiting, run)
        done.extend(execution.done)
        now = system.read()
        undone = needed([each for each in waiting if each not in execution.done], now)
        different = diff(owned, actual_state(now, KINDS), now)
        waiting = (*undone, *different.operations())
        if not waiting:
            return Returned(Execution(tuple(done)), fates=fates(before, started, now))
    why = execution.failure or "somebody else keeps changing it"
    residue = (why, *(str(each.key) for each in different.changes))
    return Returned(Execution(tuple(done), why), residue, fates(before, started, now))


def way_back(started: Sequence[Operation], now: Snapshot) -> tuple[Operation, ...]:
    """What of it is still to be undone, last first."""
    return needed([back for each in reversed(started) for back in inverse(each)], now)


def needed(operations: Sequence[Operation], now: Snapshot) -> tuple[Operation, ...]:
    """Those of the way back that have something to undo.

    What the simulated system refuses has nothing: its operation was never done, or is taken back
    already. In a place that was not read nobody can tell: there it is tried.
    """
    return tuple(_accepted(operations, SimulatedSystem(now)))


def _accepted(operations: Sequence[Operation], system: SimulatedSystem) -> Iterator[Operation]:
    for operation in operations:
        if is_seen(operation, system.read()):
            try:
                system.run(operation)
            except OperationError:
                continue
        yield operation


def is_seen(operation: Operation, snapshot: Snapshot) -> bool:
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
