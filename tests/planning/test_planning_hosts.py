"""Two hosts: the recorded lab, and its twin under other names and addresses, behind one router."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.load.inventory import parse_inventory
from homelab.load.snapshot import parse_snapshot
from homelab.model import operation as op
from homelab.model.inventory import Connection, Inventory
from homelab.model.operation import Operation
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.several import host_of, merged, names_of
from homelab.model.snapshot import Snapshot
from homelab.planning.lanes import waves
from homelab.report.plan_text import changes_in_words
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import change
from homelab.workflow.rollback import go_back

ROOT = Path(__file__).parents[2]
FACTS = (ROOT / "tests/recorded/applied.json").read_text()
WORDS = (ROOT / "inventory/lab.yaml").read_text()
TWIN = {
    r"\b10\.90\.": "10.91.",
    r"\b10\.77\.": "10.78.",
    r"\b10\.0\.0\.2\b": "10.0.0.3",
    r"\bfd([0-9]{2}):": r"fc\1:",
    r"(?<![a-zA-Z0-9])(web|db|app)(?![a-zA-Z0-9])": r"\1-2",
    r"\bnuc\b": "nas",
}
NAS = Place("host@nas")


def twin(text: str) -> str:
    for one, other in TWIN.items():
        text = re.sub(one, other, text)
    return text


def both() -> tuple[Inventory, Snapshot]:
    first = parse_inventory([("lab.yaml", WORDS.encode())], "lab.yaml")
    second = parse_inventory([("twin.yaml", twin(WORDS).encode())], "twin.yaml")
    (there,) = second.hosts
    far = replace(there, connection=Connection("ssh", "root@10.0.0.3"))
    declared = replace(
        first,
        hosts=(*first.hosts, far),
        guests=(*first.guests, *second.guests),
        pools=(*first.pools, *second.pools),
        expect=(),
    )
    here = parse_snapshot(FACTS.encode(), "here")
    seen = parse_snapshot(twin(FACTS).encode(), "there")
    elsewhere = (ROUTER, *(each for each in seen.namespaces if each.startswith("netns:")))
    own = {place: each for place, each in seen.namespaces.items() if place not in elsewhere}
    seen = replace(seen, namespaces=own, aliases={})
    nuc, nas = names_of(declared)
    return declared, merged([(nuc, here), (nas, seen)], {"nas": ROUTER})


DECLARED, LAB = both()


def operations(goal: change.Goal, lab: Snapshot) -> tuple[Operation, ...]:
    return change.plan(goal, lab).plan.operations()


def after(lab: Snapshot, steps: tuple[Operation, ...]) -> Snapshot:
    system = SimulatedSystem(lab)
    for each in steps:
        system.run(each)
    return system.read()


def ways(steps: tuple[Operation, ...], place: Place) -> Iterator[str]:
    for each in steps:
        if isinstance(each, op.AddRoute) and each.place == place:
            yield f"{each.route.destination} via {each.route.via}"


def test_each_host_leads_to_the_networks_of_the_other_and_the_router_to_both() -> None:
    steps = operations(change.Goal(DECLARED), LAB)

    behind_nas = [f"10.91.{n}.0/24 via 10.0.0.3" for n in (1, 3, 7)]
    assert sorted(ways(steps, HOST)) == behind_nas
    assert sorted(ways(steps, NAS)) == [f"10.90.{n}.0/24 via 10.0.0.2" for n in (1, 3, 7)]
    assert sorted(ways(steps, ROUTER)) == behind_nas


def test_a_lab_of_two_hosts_that_was_made_is_as_declared() -> None:
    made = after(LAB, operations(change.Goal(DECLARED), LAB))

    assert operations(change.Goal(DECLARED), made) == ()


def test_destroy_takes_away_what_is_ours_on_both() -> None:
    made = after(LAB, operations(change.Goal(DECLARED), LAB))
    steps = operations(change.Goal(DECLARED, removal=True), made)
    bare = after(made, steps)

    assert {host_of(made, each.place) for each in steps if each.place != ROUTER} == {"nuc", "nas"}
    assert operations(change.Goal(DECLARED, removal=True), bare) == ()
    built = operations(change.Goal(DECLARED), bare)
    assert operations(change.Goal(DECLARED), after(bare, built)) == ()


def test_the_hosts_are_changed_side_by_side_and_the_router_after_them() -> None:
    steps = operations(change.Goal(DECLARED), LAB)
    waved = [
        {each.place for lane in lanes for batch in lane for each in batch} for lanes in waves(steps)
    ]
    lanes = [len(each) for each in waves(steps)]

    assert {HOST, NAS} in waved
    assert lanes[waved.index({HOST, NAS})] == 2
    assert waved.index({HOST, NAS}) < waved.index({ROUTER})


@pytest.mark.parametrize("done", [1, 4, 8])
def test_a_change_of_both_is_taken_back_on_both(done: int) -> None:
    steps = operations(change.Goal(DECLARED), LAB)[:done]
    system = SimulatedSystem(after(LAB, steps))

    returned = go_back(LAB, steps, system)

    assert returned.residue == ()
    again = operations(change.Goal(DECLARED), system.read())
    assert again == operations(change.Goal(DECLARED), LAB)


def test_only_the_guests_of_one_host() -> None:
    made = after(LAB, operations(change.Goal(DECLARED), LAB))
    bare = after(made, operations(change.Goal(DECLARED, removal=True), made))

    steps = operations(change.Goal(DECLARED, frozenset({"web-2"})), bare)
    assert {each.place for each in steps} <= {NAS, HOST, ROUTER, Place("guest:web-2")}
    assert Place("guest:web-2") in {each.place for each in steps}


def test_a_host_that_does_not_answer_is_in_the_way_and_named() -> None:
    nuc, nas = names_of(DECLARED)
    here = parse_snapshot(FACTS.encode(), "here")
    dead = Snapshot(host="nas", unread={"host": "the connection ended"})
    lab = merged([(nuc, here), (nas, dead)], {"nas": ROUTER})

    planned = change.plan(change.Goal(DECLARED), lab)

    assert any("nas: host: the connection ended" in each for each in planned.obstacles)


def test_a_plan_names_the_host_of_each_change() -> None:
    words = changes_in_words(change.plan(change.Goal(DECLARED), LAB).plan)

    assert any(each.startswith("+ host route 10.90.1.0/24@nas ") for each in words)
    assert any(each.startswith("+ host route 10.91.1.0/24 ") for each in words)
