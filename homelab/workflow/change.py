"""What has to change: from a goal and a snapshot to a plan, and what stands in its way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from homelab.errors import ConflictError, UsageError
from homelab.model.finding import Judgement, Trial
from homelab.model.inventory import Inventory
from homelab.model.plan import Adopt, Mend, Plan, State
from homelab.model.snapshot import Snapshot
from homelab.planning.adopt import adoptable
from homelab.planning.allocate import allocate
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.execute import execute
from homelab.planning.overlaps import problems
from homelab.resources import KINDS
from homelab.system.simulated import SimulatedSystem


@dataclass(frozen=True, slots=True)
class Goal:
    """What the lab shall be like: as the inventory says, or (``removal``) without us.

    ``only`` limits a goal to some guests; empty means all. ``back_to`` is a lab of the past, whose owned
    things shall be again, whatever the inventory says. ``mends`` are the fixes of a diagnosis: with them
    nothing else is wanted. ``adopt`` are the handles of foreign things that are taken over first, and with
    ``as_it_is`` that is all.
    """

    inventory: Inventory
    only: frozenset[str] = frozenset()
    removal: bool = False
    back_to: Snapshot | None = None
    mends: tuple[Mend, ...] = ()
    adopt: frozenset[str] = frozenset()
    as_it_is: bool = False


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


def plan(goal: Goal, snapshot: Snapshot) -> Planned:
    """What has to change, without a look at what will be reachable."""
    inventory = goal.inventory if goal.removal else allocate(goal.inventory, snapshot)
    adopted = tuple(_adopted(goal, inventory, snapshot))
    if goal.as_it_is:
        return Planned(goal, inventory, snapshot, Plan(adopted))
    now = _marked(adopted, snapshot)
    desired = _desired(goal, inventory, now)
    actual = actual_state(now, KINDS)
    return Planned(
        goal,
        inventory,
        snapshot,
        Plan((*adopted, *diff(desired, actual, now, only=goal.only).changes)),
        (
            *_overlaps(goal, inventory, now),
            *obstacles(desired, actual, now, only=goal.only),
        ),
    )


def _adopted(goal: Goal, inventory: Inventory, snapshot: Snapshot) -> Iterator[Adopt]:
    """The changes that take over what the goal names; what is ours already needs none."""
    if goal.adopt:
        found = adoptable(inventory, snapshot, KINDS)
        yield from (each for handle, each in found.items() if handle in goal.adopt)


def _marked(adopted: Sequence[Adopt], snapshot: Snapshot) -> Snapshot:
    """The lab with the marks of what is taken over: the rest of the plan is made for that one."""
    system = SimulatedSystem(snapshot)
    for each in adopted:
        execute(each.operations, system.run)
    return system.read()


def refuse_unknown(goal: Goal, snapshot: Snapshot) -> None:
    """Raise ``UsageError`` for a handle that names nothing that could be taken over."""
    found = adoptable(allocate(goal.inventory, snapshot), snapshot, KINDS)
    unknown = sorted(goal.adopt - found.keys())
    if unknown:
        there = ", ".join(sorted(found)) or "nothing"
        raise UsageError(
            f"{', '.join(unknown)}: no foreign thing of that name stands where the inventory declares "
            f"one; there is: {there}"
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


def refuse_obstacles(planned: Planned) -> None:
    """Raise ``ConflictError`` with every foreign thing in the way, before anything is touched."""
    if planned.obstacles:
        raise ConflictError("\n".join(planned.obstacles))
