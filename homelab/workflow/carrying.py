"""Carry out a plan: probe, change, read again, probe again, and go back if it did not hold."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.operation import Operation
from homelab.model.plan import Applied, Execution, Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state
from homelab.planning.execute import execute
from homelab.planning.guard import refuse_if_unsafe
from homelab.resources import KINDS
from homelab.system import System
from homelab.workflow.change import Planned, plan
from homelab.workflow.flows import Door, Flows, fresh, lost, working
from homelab.workflow.mending import unmended
from homelab.workflow.rollback import Run, go_back

Tell: TypeAlias = Callable[[Operation], None]
INTERRUPTED = "interrupted"
"""The failure of an execution that a signal ended; what was done of it is taken back."""
ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user agreed to: interruptions of running containers, and a plan of unusual size."""

    disruption: bool = False
    accident: bool = False


def nothing(_: Operation) -> None:
    """Nobody is told."""


def unheard(_: Flows) -> None:
    """Nobody hears of the flows that work."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who is told: of each operation, before (``note``) and when it is begun (``tell``); of the flows that work.

    An ``OperationError`` of ``note`` stops there; of ``flows``, before anything is changed.
    """

    tell: Tell = nothing
    note: Tell = nothing
    flows: Callable[[Flows], None] = unheard


def apply(
    planned: Planned, system: System, door: Door | None, consent: Consent, witness: Witness
) -> Applied:
    """Carry out the plan; verify by reading and by probing; go back if it did not hold."""
    refuse_without(consent, planned)
    flows = working(planned, door)
    witness.flows(flows)
    execution, remaining, after = _converge(planned, system, witness)
    holds = execution.failure is None and not remaining
    gone = lost(flows, door, execution.done) if holds else ()
    applied = Applied(planned.plan, execution, remaining, gone, after=after, kept=len(flows))
    if holds and not gone:
        count, silent = fresh(planned, after, flows, door)
        return replace(applied, fresh=count, silent=silent)
    run = _telling(system.run, witness.tell)
    back = go_back(planned.snapshot, _started(execution), system, run)
    return replace(
        applied,
        rollback=back.execution,
        residue=back.residue,
        fates=back.fates,
        still_lost=lost(flows, door, _started(execution)),
    )


def _started(execution: Execution) -> tuple[Operation, ...]:
    return (*execution.done, *((execution.failed,) if execution.failed else ()))


def refuse_without(consent: Consent, planned: Planned) -> None:
    """Raise ``UnsafePlanError`` for what the plan does and nobody agreed to, before anything is written."""
    actual = actual_state(planned.snapshot, KINDS)
    refuse_if_unsafe(planned.plan, actual, disruption=consent.disruption, accident=consent.accident)


def _converge(
    planned: Planned, system: System, witness: Witness
) -> tuple[Execution, Plan, Snapshot]:
    """Run the plan, read again, and run what is still missing.

    A guest that restarts loses what only its kernel held; that is seen after the first round.
    """
    run = _noting(_telling(system.run, witness.tell), witness.note)
    execution = execute(planned.plan.operations(), run)
    now = system.read()
    for _ in range(ROUNDS):
        remaining = _remaining(planned, now)
        if execution.failure is not None or not remaining or _ends(planned, remaining):
            return execution, remaining, now
        more = execute(remaining.operations(), run)
        execution = Execution((*execution.done, *more.done), more.failure, more.failed)
        now = system.read()
    return execution, _remaining(planned, now), now


def _ends(planned: Planned, remaining: Plan) -> bool:
    return bool(planned.goal.mends or remaining.disruptions())


def _remaining(planned: Planned, now: Snapshot) -> Plan:
    """What is still to be done; a fix is never done twice, so it ends with the first round."""
    return unmended(planned, now) if planned.goal.mends else plan(planned.goal, now).plan


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
