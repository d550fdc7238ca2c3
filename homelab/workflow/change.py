"""Plan, apply and destroy: from an inventory and a snapshot to a lab that is as declared, or as before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from homelab.diagnosis.expect import put_to_the_test
from homelab.diagnosis.judge import judge
from homelab.diagnosis.target import parse_target
from homelab.diagnosis.tracer import Tracer
from homelab.errors import ConflictError, OperationError
from homelab.model.finding import Judgement, Trial
from homelab.model.inventory import Ingress, Inventory
from homelab.model.operation import Operation
from homelab.model.place import HOST, Place
from homelab.model.plan import Applied, Execution, Plan, ProbeLost, State
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target
from homelab.planning.allocate import allocate
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.execute import execute, undo
from homelab.planning.guard import refuse_if_unsafe
from homelab.planning.overlaps import problems
from homelab.resources import KINDS
from homelab.system import System
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.look import Probe
from homelab.workflow.rollback import Run, go_back

Tell: TypeAlias = Callable[[Operation], None]


def nothing(_: Operation) -> None:
    """Nobody is told."""


INTERRUPTED = "interrupted"
"""The failure of an execution that a signal ended; what was done of it is taken back."""
ROUNDS = 2
KEPT = (Outcome.DELIVERED, Outcome.UNKNOWN)
SAMPLE = 256
"""How many flows that work before a change are probed again after it."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the lab shall be like: as the inventory says, or (``removal``) without us.

    ``only`` limits a goal to some guests; empty means all. ``back_to`` is a lab of the past, whose owned
    things shall be again, whatever the inventory says.
    """

    inventory: Inventory
    only: frozenset[str] = frozenset()
    removal: bool = False
    back_to: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """The way from a snapshot to a goal, what stands in it, and what the model sees now and after.

    ``inventory`` is the goal's with every subnet allocated. ``trials`` are its expectations now,
    ``trials_after`` the same after the plan.
    """

    goal: Goal
    inventory: Inventory
    snapshot: Snapshot
    plan: Plan
    obstacles: tuple[str, ...] = ()
    before: tuple[Judgement, ...] = ()
    after: tuple[Judgement, ...] = ()
    trials: tuple[Trial, ...] = ()
    trials_after: tuple[Trial, ...] = ()


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


def plan(goal: Goal, snapshot: Snapshot) -> Planned:
    """What has to change, without a look at what will be reachable."""
    inventory = goal.inventory if goal.removal else allocate(goal.inventory, snapshot)
    desired = _desired(goal, inventory, snapshot)
    actual = actual_state(snapshot, KINDS)
    return Planned(
        goal,
        inventory,
        snapshot,
        diff(desired, actual, snapshot, only=goal.only),
        (
            *_overlaps(goal, inventory, snapshot),
            *obstacles(desired, actual, snapshot, only=goal.only),
        ),
    )


def _desired(goal: Goal, inventory: Inventory, snapshot: Snapshot) -> State:
    if goal.removal:
        return {}
    if goal.back_to is not None:
        return actual_state(goal.back_to, KINDS)
    return desired_state(inventory, snapshot, KINDS)


def _overlaps(goal: Goal, inventory: Inventory, snapshot: Snapshot) -> Iterator[str]:
    """Subnets that something else in the lab has, with the line of the inventory that asks for them."""
    if goal.removal:
        return
    for each in problems(inventory, snapshot):
        if each.severity == "error":
            yield f"{each.where}: {each.text}"


def foresee(planned: Planned) -> Planned:
    """The same plan, run on the simulated system and traced again."""
    later = _future(planned)
    return replace(
        planned,
        before=judge(planned.inventory, planned.snapshot),
        after=judge(planned.inventory, later),
        trials=put_to_the_test(planned.inventory, planned.snapshot),
        trials_after=put_to_the_test(planned.inventory, later),
    )


def _future(planned: Planned) -> Snapshot:
    """The lab after the plan, as the simulated system has it."""
    system = SimulatedSystem(planned.snapshot)
    execute(planned.plan.operations(), system.run)
    return system.read()


def cut_off(planned: Planned) -> tuple[str, ...]:
    """Networks that work now and that the model does not reach after the plan."""
    if planned.goal.removal:
        return ()
    later = {each.name: each.reachable for each in planned.after}
    unwanted = {
        (each.guest, each.name)
        for each in planned.inventory.networks
        if each.ingress is Ingress.NONE
    }
    return tuple(
        f"{each.name.guest}/{each.name.network}"
        for each in planned.before
        if each.reachable
        and later.get(each.name) is False
        and (each.name.guest, each.name.network) not in unwanted
    )


def spoiled(planned: Planned) -> tuple[str, ...]:
    """Expectations that hold now and that the model does not see met after the plan."""
    if planned.goal.removal:
        return ()
    return tuple(
        f"{now.expectation.where}: {now.expectation.origin} to {now.expectation.to} "
        f"{now.expectation.outcome.value}"
        for now, later in zip(planned.trials, planned.trials_after, strict=True)
        if now.holds and later.holds is False
    )


def touches_path_to(planned: Planned, client: str) -> bool:
    """Whether packets from the host to an address take another way after the plan, or none."""
    target = parse_target(client, planned.snapshot)
    if isinstance(target, str):
        return False
    before, after = (
        Tracer(each).trace(HOST, target) for each in (planned.snapshot, _future(planned))
    )
    return (before.outcome, before.forward, before.back) != (
        after.outcome,
        after.forward,
        after.back,
    )


def refuse_obstacles(planned: Planned) -> None:
    """Raise ``ConflictError`` with every foreign thing in the way, before anything is touched."""
    if planned.obstacles:
        raise ConflictError("\n".join(planned.obstacles))


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
    later = Tracer(_future(planned))
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
