"""Filters kept for a guest's next start, and the line that makes LXC run them."""

from dataclasses import replace
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import dump_snapshot, load_snapshot, parse_snapshot
from homelab.model.ingress import AllowEntry, IngressFilter
from homelab.model.inventory import Ingress, Inventory
from homelab.model.operation import ForgetFilter, KeepFilter, RestartInstance
from homelab.model.persistence import Persistence
from homelab.model.place import HOST, Place, guest
from homelab.model.plan import Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff
from homelab.resources import KINDS
from homelab.resources.ingress_filter import GuardedNetwork
from homelab.system.kept_filters import filters_text, keep_filter, parse_filters, read_filters
from homelab.system.simulated import simulate

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
WEB = guest("web")
HOOK = 'lxc.hook.start-host = /bin/sh -c "/var/lib/homelab/guests/web.start || :"'
ENTRIES = tuple(
    AllowEntry(subnet.subnets[0]) for each in DECLARED.guests for subnet in each.networks
)
FILTER = IngressFilter("ingress-apps", "hl-apps", "web/apps:0a1b2c3d", ENTRIES)
OTHER = IngressFilter(
    "ingress-b", "hl-b", "web/b:0a1b2c3d", (AllowEntry(ENTRIES[0].source, "tcp", (80, 81)),)
)


def guarded(ingress: Ingress = Ingress.NONE) -> Inventory:
    """The network of web lets nobody in."""
    guests = (
        replace(each, networks=tuple(replace(one, ingress=ingress) for one in each.networks))
        if each.name == "web"
        else each
        for each in DECLARED.guests
    )
    return replace(DECLARED, guests=tuple(guests))


def lab(unit: str = "lxd.service") -> Snapshot:
    return replace(APPLIED, persistence={HOST: Persistence(units=(unit,))})


def plan(declared: Inventory, snapshot: Snapshot) -> Plan:
    desired = desired_state(declared, snapshot, KINDS)
    return diff(desired, actual_state(snapshot, KINDS), snapshot)


def carried_out(snapshot: Snapshot, wanted: Plan) -> Snapshot:
    for change in wanted.changes:
        for each in change.operations:
            snapshot = simulate(snapshot, each)
    return snapshot


def raw(snapshot: Snapshot) -> str | None:
    instance = snapshot.instance("web")
    assert instance is not None
    return instance.config.get("raw.lxc")


def test_a_guarded_network_is_kept_and_its_guest_is_not_restarted_for_that() -> None:
    wanted = plan(guarded(), lab())
    kept = carried_out(lab(), wanted)

    said = "\n".join(f"{each.key} {each.disruption}" for each in wanted.changes)
    assert "kept filter web/apps None" in said
    assert "guest setting web raw.lxc None" in said
    assert (raw(kept) or "").splitlines()[-1] == HOOK
    assert plan(guarded(), kept).changes == ()
    assert parse_snapshot(dump_snapshot(kept).encode(), "kept") == kept
    again = simulate(kept, RestartInstance(HOST, "web"))
    assert [each.filter for each in GuardedNetwork.actual(again)] == list(
        kept.persistence[WEB].filters
    )

    back = carried_out(kept, plan(guarded(Ingress.OPEN), kept))
    assert WEB not in back.persistence
    assert raw(back) == raw(APPLIED)


def test_lines_of_others_stay_before_ours() -> None:
    runtime = APPLIED.runtime
    assert runtime is not None
    theirs = {"raw.lxc": "lxc.cgroup.dir = theirs"}
    instances = tuple(
        replace(each, expanded_config={**each.expanded_config, **theirs})
        for each in runtime.instances
    )
    snapshot = replace(lab(), runtime=replace(runtime, instances=instances))

    kept = carried_out(snapshot, plan(guarded(), snapshot))

    assert raw(kept) == f"lxc.cgroup.dir = theirs\n{HOOK}"


@pytest.mark.parametrize("unit", ["snap.lxd.daemon.service", ""])
def test_where_the_daemon_does_not_see_the_host_no_hook_is_set(unit: str) -> None:
    snapshot = lab(unit) if unit else APPLIED

    kinds = {each.key.kind for each in plan(guarded(), snapshot).changes}

    assert "ingress filter" in kinds
    assert not kinds & {"kept filter", "guest setting"}


def test_what_is_written_is_read_back_and_goes_with_the_last(tmp_path: Path) -> None:
    file = tmp_path / "guests" / "web.start"
    for each in (FILTER, OTHER):
        keep_filter(KeepFilter(WEB, each), file.parent)

    assert read_filters(file.parent) == {WEB: Persistence(filters=(FILTER, OTHER))}
    assert file.stat().st_mode & 0o777 == 0o755
    assert file.read_text().count("create chain inet homelab") == 2

    for each in (FILTER, OTHER):
        keep_filter(ForgetFilter(WEB, each), file.parent)
    assert list(file.parent.iterdir()) == []
    assert read_filters(tmp_path / "none") == {}


@pytest.mark.parametrize("place", ["guest:../x", "host", "guest:a b", "container:web/app"])
def test_only_a_guest_has_a_file(place: str, tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="for guests only"):
        keep_filter(KeepFilter(Place(place), FILTER), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", ["symlink", "foreign"])
def test_what_is_not_ours_is_left_alone(make: str, tmp_path: Path) -> None:
    file = tmp_path / "web.start"
    other = tmp_path / "other"
    other.write_text(filters_text((FILTER,)) if make == "symlink" else "theirs\n")
    if make == "symlink":
        file.symlink_to(other)
    else:
        file.write_text("theirs\n")

    with pytest.raises(OperationError, match="move it away"):
        keep_filter(KeepFilter(WEB, OTHER), tmp_path)

    assert file.read_text() == other.read_text()
    assert read_filters(tmp_path) == {}


def test_a_mark_that_is_none_of_ours_means_nothing() -> None:
    text = filters_text((FILTER,))

    assert parse_filters(text) == (FILTER,)
    for bad in ("{}", "[", '{"chain": 1, "bridge": "b", "mark": "m", "entries": [1]}', "null"):
        assert parse_filters(f"# homelab: filter {bad}\n") == ()
