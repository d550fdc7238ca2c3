"""What was applied is put back; what nobody applied, what interrupts, and what is foreign, is not."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.inventory import Egress
from homelab.model.kernel import Namespace, NextHop, Route
from homelab.model.operation import Operation
from homelab.model.place import HOST
from homelab.model.plan import State
from homelab.model.resource import Key
from homelab.model.snapshot import PROTOCOL, Snapshot
from homelab.planning.diff import desired_state
from homelab.planning.restraint import MOST, NOTHING
from homelab.resources import KINDS
from homelab.resources.host_route import HostRoute
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.keeping import Drift, drift, owned, repair

ROOT = Path(__file__).parents[2]
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
WANTED = owned(APPLIED)
ROUTE = Key("host route", "10.90.1.0/24")
NOW = 1000.0


def host(snapshot: Snapshot, change: Callable[[Namespace], Namespace]) -> Snapshot:
    return replace(
        snapshot, namespaces={**snapshot.namespaces, HOST: change(snapshot.namespaces[HOST])}
    )


def without_routes(here: Namespace) -> Namespace:
    return replace(here, routes=tuple(each for each in here.routes if each.protocol != "201"))


def hijacked(here: Namespace) -> Namespace:
    """Each of our routes is somebody else's now."""
    return replace(
        here,
        routes=tuple(
            replace(each, protocol="static") if each.protocol == "201" else each
            for each in here.routes
        ),
    )


LOST = host(APPLIED, without_routes)


def keys(found: Drift) -> set[Key]:
    return {each.key for each in found.repairs.changes}


def test_a_lab_as_applied_has_no_drift() -> None:
    assert drift(WANTED, APPLIED, NOTHING, NOW) == Drift()
    assert WANTED


def test_a_lost_route_is_put_back_and_then_there_is_no_drift() -> None:
    system = SimulatedSystem(LOST)
    found = drift(WANTED, LOST, NOTHING, NOW)
    noted = list[Operation]()

    done = [repair(each, system.run, noted.append) for each in found.repairs.changes]

    assert ROUTE in keys(found) == found.keys()
    assert {each.key for each in done if each.failure is None} == keys(found)
    assert [type(each) for each in noted] == [op.AddRoute] * len(noted)
    assert drift(WANTED, system.read(), NOTHING, NOW) == Drift()


def test_what_is_ours_and_was_not_applied_is_never_removed() -> None:
    assert drift({}, APPLIED, NOTHING, NOW) == Drift()


def test_a_foreign_thing_in_the_place_of_ours_is_left_and_named() -> None:
    found = drift(WANTED, host(APPLIED, hijacked), NOTHING, NOW)

    assert not found.repairs
    assert "is not homelab's" in found.left[ROUTE]


def test_what_cannot_be_done_yet_is_left_and_costs_no_attempt() -> None:
    """A bridge that is just being set up again has no address for a while."""
    bare = host(LOST, lambda here: replace(here, routes=()))

    found = drift(WANTED, bare, NOTHING, NOW)

    assert ROUTE in found.left
    assert ROUTE not in keys(found)


def test_what_cannot_be_seen_is_left() -> None:
    found = drift(WANTED, Snapshot(unread={HOST: "run as root"}), NOTHING, NOW)

    assert not found.repairs
    assert found.left[ROUTE] == "host is not there, or not read: run as root"


def test_what_interrupts_somebody_is_left_to_a_person() -> None:
    """A network that masquerades again is made anew, and its containers notice."""
    declared = load_inventory(ROOT / "inventory")
    guests = tuple(
        replace(
            each, networks=tuple(replace(one, egress=Egress.MASQUERADE) for one in each.networks)
        )
        for each in declared.guests
    )
    other = desired_state(replace(declared, guests=guests), APPLIED, KINDS)

    found = drift(other, APPLIED, NOTHING, NOW)

    networks = [text for key, text in found.left.items() if key.kind == "docker network"]
    assert networks
    assert all("run `homelab apply`" in text for text in networks)


def test_a_repair_of_unusual_size_is_left_to_a_person() -> None:
    """Half of a dozen routes that go another way now are no drift but somebody's intent."""
    routes = [
        HostRoute(ip_network(f"10.91.{each}.0/24"), ip_address("10.77.0.11"), "lxdbr0")
        for each in range(12)
    ]
    wanted: State = {each.key: each for each in routes}
    moved = host(
        APPLIED,
        lambda here: replace(
            here,
            routes=(
                *here.routes,
                *(
                    Route(
                        each.destination,
                        (NextHop(ip_address("10.77.0.12"), "lxdbr0"),),
                        protocol=str(PROTOCOL),
                    )
                    for each in routes
                ),
            ),
        ),
    )

    found = drift(wanted, moved, NOTHING, NOW)

    assert not found.repairs
    assert {"more than 30%" in text for text in found.left.values()} == {True}


def test_a_repair_too_soon_is_put_off_and_one_too_many_is_given_up() -> None:
    soon = drift(WANTED, LOST, {ROUTE: (NOW,)}, NOW)
    fought = drift(WANTED, LOST, {ROUTE: (NOW,) * MOST}, NOW)

    assert ROUTE in soon.later
    assert ROUTE in fought.fought
    assert ROUTE not in keys(soon) | keys(fought)
    assert soon.keys() == fought.keys()


@pytest.mark.parametrize("stuck", [False, True])
def test_a_change_that_fails_half_way_is_taken_back(*, stuck: bool) -> None:
    change = next(
        each for each in drift(WANTED, LOST, NOTHING, NOW).repairs.changes if each.key == ROUTE
    )
    twice = replace(change, operations=(*change.operations, *change.operations))
    done = list[Operation]()

    def run(operation: Operation) -> None:
        if (done and isinstance(operation, op.AddRoute)) or (stuck and done):
            raise OperationError("the machine does not want it")
        done.append(operation)

    repaired = repair(twice, run, lambda _: None)

    assert (repaired.failure, repaired.stuck) == ("the machine does not want it", stuck)
    assert [type(each) for each in done] == [op.AddRoute, op.DeleteRoute][: 2 - stuck]
