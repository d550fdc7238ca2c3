"""Which flows are probed around a change, how often, and what is made of their answers."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.inventory import Inventory
from homelab.model.place import HOST, Place
from homelab.model.plan import Plan
from homelab.model.trace import Target
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import change
from homelab.workflow.flows import PATIENT, TRIES, Door, fresh, lost, working
from homelab.workflow.objects import touched
from tests.workflow.test_workflow_rollback import APPLIED, BEFORE, DECLARED, MASQUERADE


class Probe:
    """Answers with the words in turn, the last of them for ever."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        self.asked: list[tuple[Target, ...]] = []

    def __call__(self, _: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        self.asked.append(tuple(targets))
        word = self.words.pop(0) if len(self.words) > 1 else self.words[0]
        if word == "gone":
            raise OperationError("host: it cannot be entered")
        return (word,) * len(targets)


PLANNED = change.plan(change.Goal(MASQUERADE), APPLIED)
SLOW = (op.RestartInstance(HOST, "web"),)


def subnets(flows: Sequence[Target]) -> set[str]:
    return {str(each.address).rpartition(".")[0] for each in flows}


@pytest.mark.parametrize("most", [0, 3, 5, 1000])
def test_a_sample_has_some_of_each_network(most: int) -> None:
    flows = working(PLANNED, Door(HOST, Probe("answered"), most))

    assert len(flows) == min(most, 12)
    assert len(subnets(flows)) == min(most, 3)


def test_only_what_answers_counts() -> None:
    assert working(PLANNED, Door(HOST, Probe("timeout"))) == ()
    assert working(PLANNED, Door(HOST, Probe("gone"))) == ()
    assert working(PLANNED, None) == ()


def test_nothing_outside_the_declared_subnets_is_probed() -> None:
    elsewhere = change.plan(change.Goal(MASQUERADE, frozenset({"web"})), APPLIED)
    only_web = replace(
        elsewhere,
        inventory=replace(MASQUERADE, guests=MASQUERADE.guests[:1]),
    )

    flows = working(only_web, Door(HOST, Probe("answered")))

    assert subnets(flows) == {"10.90.1"}


def test_without_an_inventory_what_ends_in_the_lab_is_probed() -> None:
    bare = change.plan(change.Goal(Inventory()), APPLIED)
    kept = replace(bare, plan=Plan())

    flows = working(kept, Door(HOST, Probe("answered")))

    assert subnets(flows) >= {"10.90.1", "10.90.3", "10.90.7"}
    assert all(str(each.address).startswith("10.") for each in flows)


def test_a_flow_that_comes_back_in_time_is_not_lost() -> None:
    pauses: list[int] = []
    probe = Probe("timeout", "gone", "answered")
    door = Door(HOST, probe, pause=lambda: pauses.append(1))

    flows = working(PLANNED, Door(HOST, Probe("answered"), 4))

    assert lost(flows, door, ()) == ()
    assert (len(probe.asked), len(pauses)) == (3, 2)
    assert lost(flows, None, ()) == ()


@pytest.mark.parametrize(("done", "tries"), [((), TRIES), (SLOW, PATIENT)])
def test_after_a_restart_it_is_asked_for_longer(done: Sequence[op.Operation], tries: int) -> None:
    probe = Probe("timeout")
    flows = working(PLANNED, Door(HOST, Probe("answered"), 2))

    gone = lost(flows, Door(HOST, probe), done)

    assert [(each.before, each.after) for each in gone] == [("answered", "timeout")] * 2
    assert len(probe.asked) == tries


def test_what_is_new_is_counted_and_named_when_it_is_silent() -> None:
    system = SimulatedSystem(APPLIED)
    planned = change.plan(change.Goal(DECLARED), BEFORE)
    known = working(PLANNED, Door(HOST, Probe("answered"), 2))

    assert fresh(planned, system.read(), known, None) == (0, ())
    assert fresh(planned, system.read(), known, Door(HOST, Probe("answered"), 4)) == (2, ())
    count, silent = fresh(planned, system.read(), known, Door(HOST, Probe("timeout")))
    assert count == len(silent) == 10
    assert {each.before for each in silent} == {"not probed"}
    removal = replace(planned, goal=change.Goal(DECLARED, removal=True))
    assert fresh(removal, system.read(), (), Door(HOST, Probe("answered"))) == (0, ())


def test_every_kind_of_operation_says_what_it_touches() -> None:
    from tests.load.test_load_journal import STEPS  # noqa: PLC0415 - one of each kind

    silent = {type(each).__name__ for each in STEPS if not [*touched(each)]}

    assert silent == {"RestartInstance", "StartContainer", "ForgetConnections"}
