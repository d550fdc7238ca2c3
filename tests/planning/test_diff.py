"""What diff makes of two states: nothing where they agree, and an order that can be carried out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from hypothesis import given
from hypothesis import strategies as st

from homelab.model.inventory import Inventory
from homelab.model.operation import ForgetSysctl, KeepSysctl, Operation
from homelab.model.place import HOST
from homelab.model.plan import Create, Delete, Replace, State
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles

NOTHING = Snapshot()


@dataclass(frozen=True, slots=True)
class Thing(Resource):
    name: str
    value: int
    serves: str | None = field(default=None, compare=False)

    @property
    def key(self) -> Key:
        return Key("thing", self.name)

    @property
    def guest(self) -> str | None:
        return self.serves

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        yield from (cls(each.name, 1, each.name) for each in inventory.guests)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        yield from (cls(key, int(value)) for key, (value, _) in snapshot.kept_sysctls.items())

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        yield f"something stands where {self.name} should be"

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (KeepSysctl(HOST, self.name, str(self.value), ""),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (ForgetSysctl(HOST, self.name, str(self.value), ""),)

    def describe(self) -> str:
        return str(self.value)


def state(*things: Thing) -> State:
    return {each.key: each for each in things}


def carried_out(before: State, operations: tuple[Operation, ...]) -> State:
    now = {key.name: each.describe() for key, each in before.items()}
    for each in operations:
        if isinstance(each, ForgetSysctl):
            assert now.pop(each.key) == each.value
        elif isinstance(each, KeepSysctl):
            assert each.key not in now
            now[each.key] = each.value
    return state(*(Thing(name, int(value)) for name, value in now.items()))


STATES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)).map(
    lambda found: state(*(Thing(name, value) for name, value in found.items()))
)


@given(STATES, STATES)
def test_the_operations_of_a_plan_lead_from_what_is_to_what_should_be(
    desired: State, actual: State
) -> None:
    plan = diff(desired, actual, NOTHING)

    assert carried_out(actual, plan.operations()) == desired
    assert bool(plan) is (desired != actual)


@given(STATES, STATES)
def test_what_goes_goes_first_and_the_last_built_before_the_first(
    desired: State, actual: State
) -> None:
    changes = diff(desired, actual, NOTHING).changes
    gone = [each.key for each in changes if isinstance(each, Delete)]

    assert all(isinstance(each, Delete) for each in changes[: len(gone)])
    assert gone == [key for key in reversed(list(actual)) if key not in desired]


def test_each_difference_is_a_change_of_its_own_kind() -> None:
    desired = state(Thing("new", 1), Thing("other", 2), Thing("same", 3))
    actual = state(Thing("other", 1), Thing("same", 3), Thing("old", 1))

    kinds = [type(each) for each in diff(desired, actual, NOTHING).changes]
    assert kinds == [Delete, Create, Replace]


def test_what_is_as_it_should_be_has_no_obstacles_and_a_message_comes_once() -> None:
    desired = state(Thing("a", 1), Thing("b", 1))

    said = obstacles(desired, state(Thing("a", 1)), NOTHING)
    assert said == ("something stands where b should be",)
    assert obstacles(desired, desired, NOTHING) == ()


def test_states_are_what_the_kinds_say() -> None:
    snapshot = Snapshot(kept_sysctls={"a": ("2", "")})

    assert actual_state(snapshot, (Thing,)) == state(Thing("a", 2))
    assert desired_state(Inventory(), snapshot, (Thing,)) == {}


def test_one_guest_gets_its_own_and_what_serves_all_and_nothing_of_another_moves() -> None:
    desired = state(Thing("web", 1, "web"), Thing("db", 1, "db"), Thing("host", 1))
    actual = state(Thing("old-web", 1, "web"), Thing("old-db", 1, "db"), Thing("old-host", 1))

    changes = diff(desired, actual, NOTHING, only=frozenset({"web"})).changes

    assert [each.key.name for each in changes] == ["old-web", "web", "host"]


def test_what_is_there_is_found_also_when_nobody_knows_whom_it_serves() -> None:
    """A route whose network went by hand serves nobody; adding it once more would be refused."""
    wanted, web = state(Thing("route", 1, "web")), frozenset({"web"})

    assert not diff(wanted, state(Thing("route", 1)), NOTHING, only=web)
    assert obstacles(wanted, state(Thing("route", 1)), NOTHING, only=web) == ()


def test_what_another_guest_is_to_have_is_not_removed() -> None:
    desired = state(Thing("route", 1, "db"))

    assert not diff(desired, state(Thing("route", 2, "web")), NOTHING, only=frozenset({"web"}))
