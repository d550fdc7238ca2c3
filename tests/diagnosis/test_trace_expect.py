"""Expectations put to the test on recorded labs: each answer, and what kept it from being one."""

from dataclasses import replace
from pathlib import Path

import pytest

from homelab.diagnosis.expect import put_to_the_test
from homelab.load.flows import destination
from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Trial
from homelab.model.inventory import Expectation, Inventory
from homelab.model.place import guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome

RECORDED = Path(__file__).parents[1] / "recorded"
APPLIED, BROKEN = (load_snapshot(RECORDED / f"{each}.json") for each in ("applied", "broken"))


def trial(seen: Snapshot, origin: str, to: str, outcome: str = "delivered") -> Trial:
    wanted = Expectation(origin, destination(to), Outcome(outcome))
    (found,) = put_to_the_test(Inventory(expect=(wanted,)), seen)
    return found


def test_nothing_expected_is_nothing_asked() -> None:
    assert put_to_the_test(Inventory(), APPLIED) == ()


@pytest.mark.parametrize("origin", ["lan", "router", "host", "guest:db", "container:db/pg", "netns:client"])  # fmt: skip
def test_every_place_may_be_where_a_packet_comes_from(origin: str) -> None:
    assert trial(APPLIED, origin, "web/apps").holds is True


def test_a_network_is_every_container_on_it() -> None:
    found = trial(APPLIED, "lan", "web/apps")

    assert {str(each.target) for each in found.traces} == {"10.90.1.10", "10.90.1.11"}


def test_a_port_of_a_network_is_for_those_that_listen_there() -> None:
    found = trial(APPLIED, "lan", "web/apps:80")

    assert [str(each.target) for each in found.traces] == ["10.90.1.10:80/tcp"]
    assert found.holds is True


def test_a_port_where_nobody_listens_is_refused_by_all() -> None:
    found = trial(APPLIED, "lan", "web/apps:81")

    assert found.holds is False
    assert len(found.against) == 2


def test_what_must_not_be_reached_is_asked_of_every_container() -> None:
    found = trial(APPLIED, "lan", "web/apps:80", "dropped")

    assert found.holds is False
    assert {each.outcome for each in found.against} == {Outcome.DELIVERED, Outcome.REJECTED}


def test_what_is_dropped_as_expected_holds() -> None:
    assert trial(BROKEN, "lan", "db/data:5432", "dropped").holds is True
    assert trial(BROKEN, "lan", "db/data:5432").holds is False


def test_a_container_is_found_by_its_name_with_a_guest_or_without() -> None:
    assert trial(APPLIED, "lan", "pg:5432").holds is True
    assert trial(APPLIED, "lan", "container:db/pg:5432").holds is True


@pytest.mark.parametrize(
    ("origin", "to", "why"),
    [
        ("lan", "nobody", "nobody: no container of that name was observed"),
        ("lan", "container:web/pg", "container:web/pg: no container of that name was observed"),
        ("lan", "web/other", "guest web: Docker has no network other"),
        ("lan", "nas/apps", "guest nas: its Docker was not observed"),
        ("guest:nas", "web/apps", "guest:nas: no such place"),
        ("packet:eth9:10.0.0.9", "web/apps", "the host has no link eth9"),
        ("packet:eth0:fd00::9", "10.90.1.10", "its source is IPv6, and the target IPv4"),
    ],
)
def test_what_cannot_be_asked_is_unknown_and_says_why(origin: str, to: str, why: str) -> None:
    found = trial(APPLIED, origin, to)

    assert found.holds is None
    assert found.traces == ()
    assert why in found.why


def test_a_name_that_two_guests_have_is_told_apart_by_the_guest() -> None:
    web, db = APPLIED.daemons[guest("web")], APPLIED.daemons[guest("db")]
    twins = replace(db, containers=tuple(replace(each, name="front") for each in db.containers[:1]))
    seen = replace(APPLIED, daemons={guest("web"): web, guest("db"): twins})

    assert "write one of container:db/front, container:web/front" in trial(seen, "lan", "front").why
    assert trial(seen, "lan", "container:web/front").holds is True


def test_a_network_without_containers_and_a_container_without_network_are_unknown() -> None:
    web = APPLIED.daemons[guest("web")]
    alone = tuple(replace(each, attachments=()) for each in web.containers)
    seen = replace(APPLIED, daemons={guest("web"): replace(web, containers=alone)})

    assert trial(seen, "lan", "web/apps").why == "web/apps: no container is on it"
    assert trial(seen, "lan", "front").why == "front: the container has no address of a network"


def test_one_answer_that_is_not_known_leaves_the_whole_unknown() -> None:
    spaces = {place: each for place, each in APPLIED.namespaces.items() if place != "container:web/front"}  # fmt: skip
    found = trial(replace(APPLIED, namespaces=spaces), "lan", "web/apps")

    assert found.holds is None
    assert len(found.against) == 1
