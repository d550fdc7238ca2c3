"""A repair is made at once, then ever later, and ends before it becomes a fight."""

from hypothesis import given
from hypothesis import strategies as st

from homelab.model.resource import Key
from homelab.planning.restraint import (
    FIRST_PAUSE,
    MOST,
    NOTHING,
    WINDOW,
    Tally,
    counted,
    due,
    is_given_up,
)

ROUTE, OTHER = Key("host route", "10.90.1.0/24"), Key("host route", "10.90.7.0/24")
ONE = frozenset((ROUTE,))


def repaired(times: int) -> tuple[Tally, float]:
    """The tally after so many repairs, each made as soon as it may be, and the time of the last."""
    tally, now = NOTHING, 100.0
    for _ in range(times):
        now = due(tally, ROUTE, now)
        tally = counted(tally, ONE, now)
    return tally, now


def test_the_first_repair_is_made_at_once() -> None:
    assert due(NOTHING, ROUTE, 7.0) == 7.0


def test_each_pause_is_twice_the_one_before() -> None:
    pauses = []
    for times in range(1, MOST):
        tally, now = repaired(times)
        pauses.append(due(tally, ROUTE, now) - now)

    assert pauses == [FIRST_PAUSE * 2**each for each in range(MOST - 1)]


def test_after_too_many_repairs_the_thing_is_left_alone_until_the_window_has_passed() -> None:
    tally, now = repaired(MOST)

    assert is_given_up(tally, ROUTE, now)
    assert due(tally, ROUTE, now) == 100.0 + WINDOW
    assert not is_given_up(tally, ROUTE, 100.0 + WINDOW)


def test_other_things_are_repaired_all_the_same() -> None:
    tally, now = repaired(MOST)

    assert (is_given_up(tally, OTHER, now), due(tally, OTHER, now)) == (False, now)


def test_what_lies_before_the_window_is_forgotten() -> None:
    tally = counted(NOTHING, ONE, 1.0)

    assert counted(tally, frozenset((OTHER,)), 2.0 + WINDOW) == {OTHER: (2.0 + WINDOW,)}


@given(st.lists(st.floats(0, 1e4), max_size=60))
def test_nobody_ever_sees_more_repairs_than_the_most_in_a_window(waits: list[float]) -> None:
    tally, now, made = NOTHING, 0.0, list[float]()
    for wait in waits:
        now += wait
        if due(tally, ROUTE, now) <= now:
            tally = counted(tally, ONE, now)
            made.append(now)

    assert all(sum(at - WINDOW < each <= at for each in made) <= MOST for at in made)
