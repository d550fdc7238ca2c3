"""Carry out a plan: probe, change, read again, probe again, and go back if it did not hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.operation import Operation
from homelab.model.plan import Applied, Execution, Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state
from homelab.planning.guard import refuse_if_unsafe
from homelab.planning.lanes import Batch
from homelab.resources import KINDS
from homelab.system import System
from homelab.workflow.change import Planned, plan
from homelab.workflow.flows import Door, Flows, fresh, lost, working
from homelab.workflow.hands import INTERRUPTED, Hands, Work, carry_out, joined
from homelab.workflow.mending import unmended
from homelab.workflow.rollback import Run, go_back

Tell: TypeAlias = Callable[[Operation], None]
Note: TypeAlias = Callable[[Sequence[Operation]], None]
ROUNDS = 2
ALONE = Hands()
"""One operation after the other."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user agreed to: interruptions of running containers, and a plan of unusual size."""

    disruption: bool = False
    accident: bool = False


def nothing(_: Operation) -> None:
    """Nobody is told."""


def nothing_noted(_: Sequence[Operation]) -> None:
    """Nothing is written down."""


def unheard(_: Flows) -> None:
    """Nobody hears of the flows that work."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who is told: of operations, before they are begun (``note``) and when (``tell``); of the flows that work.

    An ``OperationError`` of ``note`` stops there; of ``flows``, before anything is changed.
    """

    tell: Tell = nothing
    note: Note = nothing_noted
    flows: Callable[[Flows], None] = unheard


def apply(
    planned: Planned,
    system: System,
    door: Door | None,
    consent: Consent,
    witness: Witness,
    hands: Hands = ALONE,
) -> Applied:
    """Carry out the plan; verify by reading and by probing; go back if it did not hold."""
    refuse_without(consent, planned)
    flows = working(planned, door)
    witness.flows(flows)
    execution, remaining, after = _converge(planned, system, witness, hands)
    holds = execution.failure is None and not remaining
    gone = lost(flows, door, execution.done) if holds else ()
    applied = Applied(planned.plan, execution, remaining, gone, after=after, kept=len(flows))
    if holds and not gone:
        count, silent = fresh(planned, after, flows, door)
        return replace(applied, fresh=count, silent=silent)
    run = _telling(system.run, witness.tell)
    back = go_back(planned.snapshot, execution.started, system, run)
    return replace(
        applied,
        rollback=back.execution,
        residue=back.residue,
        fates=back.fates,
        still_lost=lost(flows, door, execution.started),
    )


def refuse_without(consent: Consent, planned: Planned) -> None:
    """Raise ``UnsafePlanError`` for what the plan does and nobody agreed to, before anything is written."""
    actual = actual_state(planned.snapshot, KINDS)
    refuse_if_unsafe(planned.plan, actual, disruption=consent.disruption, accident=consent.accident)


def _converge(
    planned: Planned, system: System, witness: Witness, hands: Hands
) -> tuple[Execution, Plan, Snapshot]:
    """Run the plan, read again, and run what is still missing.

    A guest that restarts loses what only its kernel held; that is seen after the first round.
    """
    work = _work(system, witness, hands)
    execution = carry_out(planned.plan.operations(), work, hands)
    now = system.read()
    for _ in range(ROUNDS):
        remaining = _remaining(planned, now)
        if execution.failure is not None or not remaining or _ends(planned, remaining):
            return execution, remaining, now
        execution = joined(execution, carry_out(remaining.operations(), work, hands))
        now = system.read()
    return execution, _remaining(planned, now), now


def _ends(planned: Planned, remaining: Plan) -> bool:
    return bool(planned.goal.mends or remaining.disruptions())


def _remaining(planned: Planned, now: Snapshot) -> Plan:
    """What is still to be done; a fix is never done twice, so it ends with the first round."""
    return unmended(planned, now) if planned.goal.mends else plan(planned.goal, now).plan


def _work(system: System, witness: Witness, hands: Hands) -> Work:
    def begin(batch: Batch) -> None:
        witness.note(batch)
        for each in batch:
            witness.tell(each)

    def run(batch: Batch) -> None:
        if hands.together is not None:
            hands.together(batch)
            return
        for each in batch:
            system.run(each)

    return Work(begin, run)


def _telling(run: Run, tell: Tell) -> Run:
    def told(operation: Operation) -> None:
        tell(operation)
        try:
            run(operation)
        except KeyboardInterrupt as error:
            raise OperationError(INTERRUPTED) from error

    return told
