"""What has to change: from a goal and a snapshot to a plan, and what stands in its way."""

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.errors import ConflictError
from homelab.model.finding import Judgement, Trial
from homelab.model.inventory import Inventory
from homelab.model.plan import Mend, Plan, State
from homelab.model.snapshot import Snapshot
from homelab.planning.allocate import allocate
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.overlaps import problems
from homelab.resources import KINDS


@dataclass(frozen=True, slots=True)
class Goal:
    """What the lab shall be like: as the inventory says, or (``removal``) without us.

    ``only`` limits a goal to some guests; empty means all. ``back_to`` is a lab of the past, whose owned
    things shall be again, whatever the inventory says. ``mends`` are the fixes of a diagnosis: with them
    nothing else is wanted.
    """

    inventory: Inventory
    only: frozenset[str] = frozenset()
    removal: bool = False
    back_to: Snapshot | None = None
    mends: tuple[Mend, ...] = ()


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


def refuse_obstacles(planned: Planned) -> None:
    """Raise ``ConflictError`` with every foreign thing in the way, before anything is touched."""
    if planned.obstacles:
        raise ConflictError("\n".join(planned.obstacles))
