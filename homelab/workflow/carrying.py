"""Carry out a plan: probe, change, read again, probe again, and go back if it did not hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from homelab.diagnosis.judge import judge
from homelab.diagnosis.tracer import Tracer
from homelab.errors import OperationError
from homelab.model.operation import Operation
from homelab.model.place import Place
from homelab.model.plan import Applied, Execution, Plan, ProbeLost
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target
from homelab.planning.diff import actual_state
from homelab.planning.execute import execute, undo
from homelab.planning.guard import refuse_if_unsafe
from homelab.resources import KINDS
from homelab.system import System
from homelab.workflow.change import Planned, plan
from homelab.workflow.foresight import future
from homelab.workflow.look import Probe
from homelab.workflow.rollback import Run, go_back

Tell: TypeAlias = Callable[[Operation], None]
INTERRUPTED = "interrupted"
"""The failure of an execution that a signal ended; what was done of it is taken back."""
ROUNDS = 2
KEPT = (Outcome.DELIVERED, Outcome.UNKNOWN)
SAMPLE = 256
"""How many flows that work before a change are probed again after it."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user agreed to: interruptions of running containers, and a plan of unusual size."""

    disruption: bool = False
    accident: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """From where real packets are sent, and by what."""

    origin: Place
    probe: Probe


def nothing(_: Operation) -> None:
    """Nobody is told."""


def apply(
    planned: Planned,
    system: System,
    door: Door | None,
    consent: Consent,
    tell: Tell,
    note: Tell = nothing,
) -> Applied:
    """Carry out the plan; verify by reading and by probing; go back if it did not hold.

    ``note`` hears of each operation before it is begun; an ``OperationError`` of it stops there.
    """
    refuse_without(consent, planned)
    flows = tuple(_working(planned, door))
    execution, remaining, after = _converge(planned, system, tell, note)
    lost = _lost(flows, door) if door is not None else ()
    applied = Applied(planned.plan, execution, remaining, lost, after=after, kept=len(flows))
    if execution.failure is None and not remaining and not lost:
        return applied
    back = go_back(planned.snapshot, _started(execution), system, _telling(system.run, tell))
    still = _lost(flows, door) if door is not None else ()
    return replace(applied, rollback=back.execution, residue=back.residue, still_lost=still)


def _started(execution: Execution) -> tuple[Operation, ...]:
    return (*execution.done, *((execution.failed,) if execution.failed else ()))


def refuse_without(consent: Consent, planned: Planned) -> None:
    """Raise ``UnsafePlanError`` for what the plan does and nobody agreed to, before anything is written."""
    actual = actual_state(planned.snapshot, KINDS)
    refuse_if_unsafe(planned.plan, actual, disruption=consent.disruption, accident=consent.accident)


def _converge(
    planned: Planned, system: System, tell: Tell, note: Tell
) -> tuple[Execution, Plan, Snapshot]:
    """Run the plan, read again, and run what is still missing.

    A guest that restarts loses what only its kernel held; that is seen after the first round.
    """
    run = _noting(_telling(system.run, tell), note)
    execution = execute(planned.plan.operations(), run)
    now = system.read()
    for _ in range(ROUNDS):
        remaining = plan(planned.goal, now).plan
        if execution.failure is not None or not remaining or remaining.disruptions():
            return execution, remaining, now
        more = execute(remaining.operations(), run)
        execution = Execution((*execution.done, *more.done), more.failure, more.failed)
        now = system.read()
    return execution, plan(planned.goal, now).plan, now


def run_fix(operations: Sequence[Operation], system: System, tell: Tell) -> Execution:
    """Run a fix; on failure take back what was done of it."""
    execution = execute(tuple(operations), _telling(system.run, tell))
    if execution.failure is not None:
        undo(execution, system.run)
    return execution


def _noting(run: Run, note: Tell) -> Run:
    def noted(operation: Operation) -> None:
        note(operation)
        run(operation)

    return noted


def _telling(run: Run, tell: Tell) -> Run:
    def told(operation: Operation) -> None:
        tell(operation)
        try:
            run(operation)
        except KeyboardInterrupt as error:
            raise OperationError(INTERRUPTED) from error

    return told


def _working(planned: Planned, door: Door | None) -> Iterator[Target]:
    """Targets of declared networks that answer a real packet now, and that the plan does not close."""
    if door is None or planned.goal.removal:
        return
    later = Tracer(future(planned))
    targets = tuple(
        target
        for each in judge(planned.inventory, planned.snapshot)
        if each.declared
        for target in each.targets
        if later.trace(door.origin, target).outcome in KEPT
    )[:SAMPLE]
    for target, said in zip(targets, door.probe(door.origin, targets), strict=True):
        if said == "answered":
            yield target


def _lost(flows: Sequence[Target], door: Door) -> tuple[ProbeLost, ...]:
    """Flows that answered before and do not answer any more."""
    said = door.probe(door.origin, flows) if flows else ()
    return tuple(
        ProbeLost(door.origin, str(target), "answered", now)
        for target, now in zip(flows, said, strict=True)
        if now != "answered"
    )
