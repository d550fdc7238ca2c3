"""The real lab is read whole: every place, both ends of every cable, every daemon."""

import json

import pytest

from homelab.load.redact import redact
from homelab.load.snapshot import dump_snapshot, parse_snapshot
from homelab.model.place import HOST, Place, container, guest
from homelab.model.snapshot import Snapshot
from tests.live.the_lab import CONTAINERS, ROOT, Lab

pytestmark = pytest.mark.lab

READ = (
    "from homelab.system.live import LiveSystem;"
    "from homelab.load.snapshot import dump_snapshot;"
    "print(dump_snapshot(LiveSystem().read()))"
)


@pytest.fixture(scope="module")
def lab() -> Snapshot:
    run = Lab()
    up = run.run("up", timeout=1800)
    assert up.returncode == 0, up.stderr
    done = run.homelab("apply", "--yes")
    assert done.returncode == 0, done.stderr
    run.wait_for_containers()
    done = run.host(str(ROOT / ".venv/bin/python"), "-c", READ)
    assert done.returncode == 0, done.stderr
    return parse_snapshot(done.stdout.encode(), "lab")


def test_every_place_of_the_lab_is_read_without_a_gap(lab: Snapshot) -> None:
    places = {HOST, *map(guest, CONTAINERS), Place("netns:router"), Place("netns:client")}
    places |= {container(name, each) for name, inside in CONTAINERS.items() for each in inside}

    assert places <= set(lab.namespaces)
    assert lab.unread == {}
    assert {place: each.unread for place, each in lab.namespaces.items() if each.unread} == {}
    assert lab.aliases == {"netns:host": HOST}


def test_every_veth_pair_between_places_is_known_from_both_ends(lab: Snapshot) -> None:
    inodes = {each.inode: each for each in lab.namespaces.values()}

    for here in lab.namespaces.values():
        for link in here.links:
            if link.kind == "veth" and link.peer_netns is not None:
                there = inodes[here.netns_ids[link.peer_netns]]
                other = next(each for each in there.links if each.index == link.peer)
                assert other.peer == link.index
                assert there.netns_ids[other.peer_netns or 0] == here.inode


def test_every_container_has_its_address_in_docker_and_in_its_kernel(lab: Snapshot) -> None:
    for name, inside in CONTAINERS.items():
        daemon = lab.daemon(name)
        assert daemon is not None
        containers = {each.name: each for each in daemon.containers}
        for each, (address, port) in inside.items():
            seen = lab.namespaces[container(name, each)]
            assert address in {str(one.ipv4) for one in containers[each].attachments}
            assert address in {str(one.interface.ip) for one in seen.addresses}
            assert port in {one.port for one in seen.listeners}


def test_three_generations_of_docker_answer(lab: Snapshot) -> None:
    majors = {name: daemon.major for name in CONTAINERS if (daemon := lab.daemon(name))}

    assert majors == {"web": 20, "db": 26, "app": 28}


def test_the_rules_of_each_guest_are_there_in_both_forms(lab: Snapshot) -> None:
    for name in CONTAINERS:
        text = {each.tool: each.text for each in lab.namespaces[guest(name)].rulesets}
        assert ":FORWARD " in text["iptables-nft"]
        assert json.loads(text["nft-json"])["nftables"]


def test_a_redacted_lab_can_be_read_again(lab: Snapshot) -> None:
    hidden = redact(lab)

    assert parse_snapshot(dump_snapshot(hidden).encode(), "lab") == hidden
    assert "volatile.uuid" not in dump_snapshot(hidden).replace('"volatile.uuid": "redacted"', "")
