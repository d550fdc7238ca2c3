"""Keep the lab as it was last applied: what has drifted, what of it may be repaired, and the repair.

Only what the last change left as homelab's own is put back. What would interrupt somebody, what stands
where something foreign is now, and what nobody applied yet, is left to a person.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from homelab.errors import UnsafePlanError
from homelab.model.operation import Operation
from homelab.model.plan import Change, Create, Execution, Plan, Replace, State
from homelab.model.resource import Key
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, diff
from homelab.planning.execute import execute, undo
from homelab.planning.guard import refuse_if_unsafe
from homelab.planning.restraint import Tally, due, is_given_up
from homelab.resources import KINDS
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.rollback import is_seen

Run: TypeAlias = Callable[[Operation], None]
Missing: TypeAlias = Create | Replace
CONSENT = "; that needs your consent: run `homelab apply`"


@dataclass(frozen=True, slots=True)
class Drift:
    """What is not as it was applied.

    ``repairs`` may be done now, ``later`` from a time on. ``left`` is not repaired, each with the
    reason; ``fought`` is what somebody else took away too often, each with when it is tried again.
    """

    repairs: Plan = field(default_factory=Plan)
    later: Mapping[Key, float] = field(default_factory=dict)
    left: Mapping[Key, str] = field(default_factory=dict)
    fought: Mapping[Key, float] = field(default_factory=dict)

    def keys(self) -> frozenset[Key]:
        """All that is not as it was applied, whatever becomes of it."""
        due_now = (each.key for each in self.repairs.changes)
        return frozenset((*due_now, *self.later, *self.left, *self.fought))


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one change; ``failure`` None: it is done. ``stuck``: half of it could not be taken back."""

    key: Key
    failure: str | None = None
    stuck: bool = False


def owned(snapshot: Snapshot) -> State:
    """What a lab has of homelab's own."""
    return actual_state(snapshot, KINDS)


def drift(wanted: State, now: Snapshot, tally: Tally, clock: float) -> Drift:
    """What of the wanted is not there or different, sorted by what may be done about it."""
    found = diff(wanted, owned(now), now).changes
    missing = [each for each in found if isinstance(each, Missing)]
    left = {each.key: why for each in missing if (why := _reason(each, now)) is not None}
    able = [each for each in missing if each.key not in left]
    fought = {each.key for each in able if is_given_up(tally, each.key, clock)}
    when = {each.key: due(tally, each.key, clock) for each in able}
    ready = tuple(each for each in able if when[each.key] <= clock)
    later = {key: at for key, at in when.items() if at > clock and key not in fought}
    return _guarded(Drift(Plan(ready), later, left, {key: when[key] for key in fought}), now)


def _guarded(found: Drift, now: Snapshot) -> Drift:
    """A repair of unusual size is no repair: it is left, as an apply would leave it."""
    try:
        refuse_if_unsafe(found.repairs, owned(now), disruption=False, accident=False)
    except UnsafePlanError as error:
        refused = {each.key: str(error) for each in found.repairs.changes}
        return Drift(Plan(), found.later, {**found.left, **refused}, found.fought)
    return found


def _reason(change: Missing, now: Snapshot) -> str | None:
    """Why the change is left to a person; None when it may be made."""
    unseen = next((each.place for each in change.operations if not is_seen(each, now)), None)
    if unseen is not None:
        return f"{unseen} is not there, or not read: {now.unread.get(unseen, 'nothing known')}"
    if change.disruption:
        return change.disruption + CONSENT
    return next(change.new.obstacles(now), None) or _refusal(change, now)


def _refusal(change: Missing, now: Snapshot) -> str | None:
    """Why the change cannot be made yet: no daemon runs that makes a chain, a next hop has no link."""
    system = SimulatedSystem(now)
    return execute(change.operations, system.run).failure


def repair(change: Change, run: Run, note: Run) -> Repaired:
    """Make one change, whole or not at all; ``note`` hears of each operation before it is begun."""

    def noted(operation: Operation) -> None:
        note(operation)
        run(operation)

    done = execute(change.operations, noted)
    if done.failure is None:
        return Repaired(change.key)
    back = undo(Execution(done.done), run)
    return Repaired(change.key, done.failure, stuck=back.failure is not None)
