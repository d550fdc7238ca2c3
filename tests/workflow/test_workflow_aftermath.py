"""Each object that a change touched is told how it is after the change was taken back."""

from dataclasses import replace

import pytest

from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.kernel import NextHop, Route
from homelab.model.place import HOST, Place
from homelab.model.plan import FateKind
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import change
from homelab.workflow.aftermath import fates
from homelab.workflow.objects import objects, touched
from homelab.workflow.rollback import go_back
from tests.workflow.test_workflow_rollback import APPLIED, BEFORE, CHANGES, DECLARED, MASQUERADE

NEW = change.plan(change.Goal(DECLARED), BEFORE).plan.operations()
ANEW = change.plan(change.Goal(MASQUERADE), APPLIED).plan.operations()


def ran(snapshot: Snapshot, *operations: op.Operation) -> Snapshot:
    system = SimulatedSystem(snapshot)
    for each in operations:
        system.run(each)
    return system.read()


@pytest.mark.parametrize("name", CHANGES)
def test_taken_back_whole_every_object_is_restored_or_gone(name: str) -> None:
    before, goal = CHANGES[name]
    operations = change.plan(goal, before).plan.operations()

    returned = go_back(before, operations, SimulatedSystem(ran(before, *operations)))

    names = dict.fromkeys(each for one in operations for each in touched(one))
    assert [each.name for each in returned.fates] == [*names]
    kinds = {each.name: each.kind for each in returned.fates}
    there = objects(before)
    assert kinds == {each: FateKind.RESTORED if each in there else FateKind.GONE for each in names}


def test_what_is_still_as_the_change_wanted_it_has_failed() -> None:
    told = {each.name: each for each in fates(BEFORE, NEW, ran(BEFORE, *NEW))}

    assert {each.kind for each in told.values()} == {FateKind.FAILED}
    assert told["host: route 10.90.1.0/24"].text == "it is still as the change wanted it"


def test_a_network_that_was_not_made_again_has_failed() -> None:
    at = next(i for i, each in enumerate(ANEW) if isinstance(each, op.RemoveDockerNetwork))
    started = ANEW[: at + 1]

    told = {each.name: each for each in fates(APPLIED, started, ran(APPLIED, *started))}

    removed = started[-1]
    assert isinstance(removed, op.RemoveDockerNetwork)
    fate = told[f"{removed.place}: Docker network {removed.network.name}"]
    assert (fate.kind, "not there" in fate.text) == (FateKind.FAILED, True)


def test_what_somebody_else_wrote_meanwhile_is_theirs() -> None:
    ours = next(each for each in NEW if isinstance(each, op.AddRoute) and each.place == HOST)
    theirs = Route(ours.route.destination, (NextHop(link="lxdbr0"),), protocol="static")
    host = BEFORE.namespaces[HOST]
    now = replace(
        BEFORE,
        namespaces={**BEFORE.namespaces, HOST: replace(host, routes=(*host.routes, theirs))},
    )

    (fate,) = fates(BEFORE, [ours], now)

    assert fate.kind is FateKind.FOREIGN


def test_of_a_place_that_is_not_read_any_more_nothing_is_known() -> None:
    made = next(each for each in NEW if isinstance(each, op.CreateDockerNetwork))
    now = replace(BEFORE, daemons={}, unread={f"{made.place}/docker": "no answer"})

    (fate,) = fates(BEFORE, [made], now)

    assert (fate.kind, fate.text) == (
        FateKind.FAILED,
        f"not known: {made.place}/docker: no answer",
    )


def test_a_restart_touches_nothing_that_stays() -> None:
    assert not [*touched(op.RestartInstance(HOST, "web"))]
    assert not [*touched(op.StartContainer(Place("guest:web"), "front"))]


def test_an_operation_that_the_model_refuses_headed_nowhere() -> None:
    route = Route(
        next(each for each in NEW if isinstance(each, op.AddRoute)).route.destination,
        (NextHop(link="nowhere"),),
        protocol="201",
    )
    with pytest.raises(OperationError):
        ran(BEFORE, op.AddRoute(HOST, route))

    (fate,) = fates(BEFORE, [op.AddRoute(HOST, route)], BEFORE)

    assert fate.kind is FateKind.GONE
