"""Wherever a change is cut short, the way back leads to the lab as it was."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.inventory import Egress, Inventory
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state
from homelab.planning.execute import execute
from homelab.resources import KINDS
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import carrying, change, foresight
from homelab.workflow.rollback import go_back, way_back

ROOT = Path(__file__).parents[2]
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
DECLARED = load_inventory(ROOT / "inventory")
MASQUERADE = replace(
    DECLARED,
    guests=tuple(
        replace(
            each, networks=tuple(replace(one, egress=Egress.MASQUERADE) for one in each.networks)
        )
        for each in DECLARED.guests
    ),
)


def bare() -> Snapshot:
    """The lab without us."""
    system = SimulatedSystem(APPLIED)
    removal = change.plan(change.Goal(DECLARED, removal=True), APPLIED).plan
    assert execute(removal.operations(), system.run).failure is None
    return system.read()


BEFORE = bare()
CHANGES = {
    "new": (BEFORE, change.Goal(DECLARED)),
    "gone": (APPLIED, change.Goal(DECLARED, removal=True)),
    "made anew": (APPLIED, change.Goal(MASQUERADE)),
}
CUTS = [
    (name, cut)
    for name, (before, goal) in CHANGES.items()
    for cut in range(len(change.plan(goal, before).plan.operations()) + 1)
]


def attached(snapshot: Snapshot) -> set[tuple[str, str, str]]:
    return {
        (place, each.name, one.network)
        for place, daemon in snapshot.daemons.items()
        for each in daemon.containers
        for one in each.attachments
    }


@pytest.mark.parametrize(("name", "cut"), CUTS)
def test_a_kill_at_any_operation_is_taken_back(name: str, cut: int) -> None:
    """The last operation that was started may have been done, or not."""
    before, goal = CHANGES[name]
    operations = change.plan(goal, before).plan.operations()
    for done in {cut, max(0, cut - 1)}:
        system = SimulatedSystem(before)
        execute(operations[:done], system.run)

        returned = go_back(before, operations[:cut], system)

        now = system.read()
        assert returned.residue == ()
        assert actual_state(now, KINDS) == actual_state(before, KINDS)
        assert attached(now) == attached(before)


def test_what_is_taken_back_is_not_taken_back_again() -> None:
    operations = change.plan(change.Goal(DECLARED), BEFORE).plan.operations()
    system = SimulatedSystem(BEFORE)
    execute(operations, system.run)
    go_back(BEFORE, operations, system)

    again = way_back(operations, system.read())

    quiet = (op.SetSysctl, op.SetInstanceConfig, op.SetInstanceDevice, op.ForgetSysctl)
    assert all(isinstance(each, quiet) for each in again)


def test_in_a_place_that_was_not_read_it_is_tried() -> None:
    operations = change.plan(change.Goal(DECLARED), BEFORE).plan.operations()
    blind = replace(BEFORE, namespaces={}, daemons={}, runtime=None)

    tried = {type(each) for each in way_back(operations, blind)}

    assert tried >= {op.RemoveDockerNetwork, op.DeleteRoute, op.DeleteFilterRule}
    assert op.SetInstanceConfig in tried


def test_what_cannot_be_taken_back_is_named() -> None:
    operations = change.plan(change.Goal(DECLARED), BEFORE).plan.operations()
    system = SimulatedSystem(BEFORE)
    execute(operations, system.run)

    def run(operation: op.Operation) -> None:
        if isinstance(operation, op.DeleteRoute):
            raise OperationError("host: no")
        system.run(operation)

    returned = go_back(BEFORE, operations, system, run)

    assert returned.residue[0].startswith("host: no")
    assert {each for each in returned.residue if "route" in each} == {
        f"{kind} route {subnet}"
        for kind in ("host", "router")
        for subnet in ("10.90.1.0/24", "10.90.3.0/24", "10.90.7.0/24")
    }


def test_a_lab_of_the_past_is_a_plan_like_any_other() -> None:
    system = SimulatedSystem(APPLIED)
    planned = change.plan(change.Goal(Inventory(), back_to=BEFORE), APPLIED)
    consent = carrying.Consent(disruption=True, accident=True)

    applied = carrying.apply(planned, system, None, consent, carrying.Witness())

    assert applied.execution.failure is None
    assert actual_state(system.read(), KINDS) == actual_state(BEFORE, KINDS)
    assert applied.after is not None


def test_no_operation_is_begun_that_could_not_be_written_down() -> None:
    system = SimulatedSystem(BEFORE)
    planned = change.plan(change.Goal(DECLARED), BEFORE)
    noted: list[op.Operation] = []

    def note(operations: Sequence[op.Operation]) -> None:
        if len(noted) == 3:
            raise OperationError("the disk is full")
        noted.extend(operations)

    consent = carrying.Consent(disruption=True, accident=True)
    applied = carrying.apply(planned, system, None, consent, carrying.Witness(note=note))

    assert applied.execution.failure == "the disk is full"
    assert applied.execution.done == tuple(noted)
    assert actual_state(system.read(), KINDS) == actual_state(BEFORE, KINDS)
    assert applied.residue == ()


@pytest.mark.parametrize(("client", "touched"), [("10.90.1.10", True), ("10.0.0.9", False)])
def test_a_plan_knows_whether_it_touches_the_path_of_a_session(client: str, touched: bool) -> None:
    planned = change.plan(change.Goal(DECLARED), BEFORE)

    assert foresight.touches_path_to(planned, client) is touched


def test_a_client_that_is_no_address_touches_nothing() -> None:
    assert not foresight.touches_path_to(change.plan(change.Goal(DECLARED), BEFORE), "UNKNOWN")
