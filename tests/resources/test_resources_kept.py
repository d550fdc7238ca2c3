"""Where a route is kept over reboots, why there, and what becomes of it with the lab."""

from dataclasses import replace
from pathlib import Path

import pytest

from homelab.load.inventory import load_inventory
from homelab.load.snapshot import dump_snapshot, load_snapshot, parse_snapshot
from homelab.model.persistence import Persistence
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.plan import Create, Delete, Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.resources import KINDS
from homelab.resources.keeper import keeper
from homelab.system.simulated import simulate

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
LXD = Persistence(units=("lxd.service",), services={"networkd": "/run/x"})
UNIT = "/etc/systemd/system/lxd.service.d/50-homelab.conf"


def lab(**machines: Persistence) -> Snapshot:
    return replace(APPLIED, persistence={Place(name): each for name, each in machines.items()})


def plan(snapshot: Snapshot) -> Plan:
    return diff(desired_state(DECLARED, snapshot, KINDS), actual_state(snapshot, KINDS), snapshot)


def carried_out(snapshot: Snapshot, wanted: Plan) -> Snapshot:
    for change in wanted.changes:
        for each in change.operations:
            snapshot = simulate(snapshot, each)
    return snapshot


def test_where_no_network_service_is_seen_nothing_is_kept() -> None:
    assert plan(APPLIED).changes == plan(lab(host=Persistence())).changes == ()


def test_a_route_through_a_bridge_of_lxd_is_kept_in_the_unit_that_sets_it_up() -> None:
    changes = plan(lab(host=LXD)).changes

    assert len(changes) == 3
    for each in changes:
        assert isinstance(each, Create)
        assert UNIT in each.new.describe()
        assert (
            "put here because lxd.service sets lxdbr0 up anew at each start" in each.new.describe()
        )
        assert each.new.guest in {"web", "db", "app"}


def test_what_is_kept_is_as_wanted_afterwards_and_goes_with_the_lab() -> None:
    kept = carried_out(lab(host=LXD), plan(lab(host=LXD)))

    assert plan(kept).changes == ()
    assert parse_snapshot(dump_snapshot(kept).encode(), "kept") == kept
    gone = diff({}, actual_state(kept, KINDS), kept)
    mine = [each for each in gone.changes if each.key.kind == "kept route"]
    assert [type(each) for each in mine] == [Delete] * 3
    after = carried_out(kept, replace(gone, changes=tuple(mine)))
    assert after.persistence[HOST].routes == ()


def test_a_file_that_somebody_edited_is_written_anew() -> None:
    kept = carried_out(lab(host=LXD), plan(lab(host=LXD)))
    edited = tuple(replace(each, whole=False) for each in kept.persistence[HOST].routes)
    seen = lab(host=replace(LXD, routes=edited))

    assert len(plan(seen).changes) == 3
    assert "somebody edited" in next(iter(actual_state(seen, KINDS).values())).describe() or any(
        "somebody edited" in each.describe() for each in actual_state(seen, KINDS).values()
    )
    assert carried_out(seen, plan(seen)).persistence == kept.persistence


def test_a_foreign_file_is_an_obstacle_with_a_way_out() -> None:
    snapshot = lab(host=replace(LXD, foreign=(UNIT,)))

    said = list(
        obstacles(desired_state(DECLARED, snapshot, KINDS), actual_state(snapshot, KINDS), snapshot)
    )

    assert said
    assert UNIT in said[0]
    assert "move it away" in said[0]


@pytest.mark.parametrize(
    ("machine", "file", "why"),
    [
        (
            Persistence({"networkd": "x"}, links={"eth1": "/etc/systemd/network/10-lan.network"}),
            "/etc/systemd/network/10-lan.network.d/50-homelab.conf",
            "deletes what that does not say",
        ),
        (
            Persistence(
                {"networkd": "x", "netplan": "y"},
                links={"eth1": "/run/systemd/network/10-netplan-eth1.network"},
            ),
            "/etc/systemd/network/10-netplan-eth1.network.d/50-homelab.conf",
            "netplan, which writes that file",
        ),
        (
            Persistence({"networkmanager": "x", "ifupdown": "y"}),
            "/etc/NetworkManager/dispatcher.d/50-homelab",
            "NetworkManager drops it",
        ),
        (
            Persistence({"ifupdown2": "x"}),
            "/etc/network/if-up.d/homelab",
            "ifupdown2 brings eth1 up",
        ),
        (Persistence({"ifupdown": "x"}), "/etc/network/if-up.d/homelab", "ifupdown brings eth1 up"),
    ],
)
def test_elsewhere_it_is_kept_by_who_sets_the_link_up(
    machine: Persistence, file: str, why: str
) -> None:
    found = keeper(lab(router=machine), ROUTER, "eth1")

    assert found is not None
    assert found.file == file
    assert why in found.why


def test_nobody_keeps_a_route_through_a_link_that_networkd_does_not_set_up() -> None:
    assert keeper(lab(router=Persistence({"networkd": "x"})), ROUTER, "eth1") is None
    assert keeper(lab(host=Persistence({"ifupdown": "x"})), HOST, "lxdbr0") is None
