"""A plan that looks like an accident, or that interrupts somebody, needs to be agreed to."""

import pytest

from homelab.errors import UnsafePlanError
from homelab.model.place import HOST
from homelab.model.plan import Create, Delete, Plan, Replace, State
from homelab.planning.guard import refuse_if_unsafe
from homelab.resources.forwarding import Forwarding


def things(count: int) -> tuple[Forwarding, ...]:
    return tuple(Forwarding(HOST, f"net.{at}", "1", "0") for at in range(count))


def state(count: int) -> State:
    return {each.key: each for each in things(count)}


def removing(count: int) -> Plan:
    return Plan(tuple(Delete(each, ()) for each in things(count)))


@pytest.mark.parametrize(("lost", "there"), [(10, 10), (3, 11), (0, 100)])
def test_a_small_lab_and_a_small_part_may_go(lost: int, there: int) -> None:
    refuse_if_unsafe(removing(lost), state(there), disruption=False, accident=False)


def test_most_of_a_lab_goes_only_by_force() -> None:
    with pytest.raises(UnsafePlanError, match=r"removes or replaces 4 of 11 .*--force"):
        refuse_if_unsafe(removing(4), state(11), disruption=True, accident=False)
    refuse_if_unsafe(removing(4), state(11), disruption=False, accident=True)


def test_a_replacement_counts_as_a_loss_and_something_new_does_not() -> None:
    replaced = Plan(tuple(Replace(each, each, ()) for each in things(11)))
    new = Plan(tuple(Create(each, ()) for each in things(11)))

    with pytest.raises(UnsafePlanError):
        refuse_if_unsafe(replaced, state(11), disruption=True, accident=False)
    refuse_if_unsafe(new, state(11), disruption=False, accident=False)


def test_whatever_hurts_is_said_before_it_needs_a_yes() -> None:
    (thing,) = things(1)
    plan = Plan((Delete(thing, (), "front loses its network"), Create(thing, (), "web restarts")))

    with pytest.raises(UnsafePlanError, match=r"front loses its network; web restarts; .*--yes"):
        refuse_if_unsafe(plan, {}, disruption=False, accident=True)
    refuse_if_unsafe(plan, {}, disruption=True, accident=False)
