"""The main job, on the real lab: apply, reach every container, do nothing twice, leave no trace."""

import json

import pytest

from tests.live.the_lab import ADDRESSES, Lab

pytestmark = pytest.mark.lab

FOREIGN = {
    "host": "ip route add 198.51.100.0/24 via 10.77.0.1 dev lxdbr0 onlink;"
    " iptables -A FORWARD -s 198.51.100.7 -j ACCEPT; nft add table inet mine;"
    " lxc config set web user.note=mine",
    "router": "ip route add 203.0.113.0/24 via 10.0.0.2",
    "web": "docker network create --subnet 192.168.44.0/24 own; iptables -I DOCKER-USER -s 198.51.100.8 -j DROP",
    "app": "docker network create --subnet 192.168.45.0/24 own",
}
CLEAN = {
    "host": "ip route del 198.51.100.0/24; iptables -D FORWARD -s 198.51.100.7 -j ACCEPT;"
    " nft delete table inet mine; lxc config unset web user.note",
    "router": "ip route del 203.0.113.0/24",
    "web": "docker network rm own; iptables -D DOCKER-USER -s 198.51.100.8 -j DROP",
    "app": "docker network rm own",
}
LOOK = {
    "host": "ip -4 route; ip -6 route; ip rule; iptables-save; ip6tables-save; nft list ruleset;"
    " for g in web db app; do lxc config show $g; done; lxc network show lxdbr0 | grep -v used_by",
    "router": "ip -4 route; ip -6 route; iptables-save; nft list ruleset",
    "web": "ip -4 route; docker network ls -q | sort; iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'",
    "db": "ip -4 route; docker network ls -q | sort; iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'",
    "app": "ip -4 route; docker network ls -q | sort; iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'",
}


def look(lab: Lab) -> dict[str, str]:
    return {place: _steady(lab.sh(place, script)) for place, script in LOOK.items()}


def _steady(text: str) -> str:
    """Without what moves by itself: counters, comments with times, volatile state of a running guest."""
    moving = ("#", "volatile.", "packets ", "[")
    return "\n".join(
        line.partition(" [")[0] if line.startswith(":") else line
        for line in text.splitlines()
        if not line.strip().startswith(moving)
    )


def test_every_container_of_three_docker_generations_answers_at_its_own_address(
    applied: Lab,
) -> None:
    for address, port in ADDRESSES:
        assert applied.pings(address, tries=3), address
        assert applied.serves(address, port), address


def test_a_second_apply_changes_nothing_and_says_so(applied: Lab) -> None:
    before = look(applied)

    done = applied.homelab("apply")

    assert done.returncode == 0, done.stderr
    assert "nothing to change" in done.stdout
    assert applied.document("apply", "--check")["changes"] == []
    assert look(applied) == before


def test_diagnose_finds_a_healthy_lab_and_the_probes_agree(applied: Lab) -> None:
    document = applied.document("diagnose")

    assert [each["reachable"] for each in document["networks"]] == [True, True, True]
    assert {each["verdict"] for each in document["probes"]} == {"agrees"}
    assert sum(each["said"] == "answered" for each in document["probes"]) >= len(ADDRESSES)


def test_destroy_leaves_everything_foreign_byte_for_byte(lab: Lab) -> None:
    lab.homelab("destroy", "--yes")
    for place, script in FOREIGN.items():
        lab.sh(place, script)
    try:
        before = look(lab)
        assert lab.homelab("apply", "--yes").returncode == 0
        lab.wait_for_containers()
        assert lab.homelab("apply", "--yes").returncode == 0

        done = lab.homelab("destroy", "--yes")

        assert done.returncode == 0, done.stdout + done.stderr
        assert look(lab) == before
        assert lab.document("destroy", "--yes")["changes"] == []
    finally:
        for place, script in CLEAN.items():
            lab.sh(place, script)


def test_plan_says_what_will_be_reachable_and_touches_nothing(lab: Lab) -> None:
    lab.homelab("destroy", "--yes")
    before = look(lab)

    document = lab.document("plan", "--check", codes=(1,))

    assert {each["kind"] for each in document["changes"]} >= {"docker network", "host route"}
    assert look(lab) == before


def test_a_snapshot_gives_the_same_diagnosis_byte_for_byte(applied: Lab) -> None:
    file = "tests/lab/.run-snapshot.json"
    assert applied.homelab("snapshot", "-o", file).returncode == 0
    try:
        words = ("diagnose", "--snapshot", file, "--json")
        first, second = applied.homelab(*words), applied.homelab(*words)

        assert first.stdout == second.stdout
        assert json.loads(first.stdout)["schema"] == "homelab.diagnosis/1"
    finally:
        applied.sh("host", f"rm -f {file}")
