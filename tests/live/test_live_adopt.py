"""A network and a route that somebody made by hand are taken over on the real lab, and nothing moves."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab

NETWORK, ROUTE = "docker-network:web/apps", "host-route:10.90.1.0/24"
CREATE = (
    "docker network create --subnet 10.90.1.0/24 --gateway 10.90.1.1 "
    "-o com.docker.network.bridge.enable_ip_masquerade=false apps"
)
SEEN = "docker network inspect apps -f '{{.Id}} {{.Labels}} {{len .Containers}}'"


@pytest.fixture
def by_hand(lab: Lab) -> Iterator[Lab]:
    """The bare lab, in which somebody made a part of it without us."""
    assert lab.homelab("destroy", "--yes").returncode == 0
    lab.sh("web", CREATE)
    lab.sh("host", "ip route add 10.90.1.0/24 via 10.77.0.12 dev lxdbr0 proto static")
    yield lab
    lab.sh("web", "docker network rm apps 2>/dev/null || true")
    lab.sh("host", "ip route del 10.90.1.0/24 2>/dev/null || true")
    assert lab.homelab("apply", "--yes").returncode == 0
    lab.wait_for_containers()


def settled(lab: Lab) -> str:
    """What is seen once the containers that start by themselves have started."""
    seen, deadline = lab.sh("web", SEEN), time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(4)
        now = lab.sh("web", SEEN)
        if now == seen:
            return now
        seen = now
    raise AssertionError("the containers never settled")


def test_what_was_made_by_hand_is_taken_over_as_it_is(by_hand: Lab) -> None:
    refused = by_hand.homelab("apply", "--yes")
    before = settled(by_hand)

    assert refused.returncode == 1
    for each in (NETWORK, ROUTE):
        assert f"`homelab adopt {each}`" in refused.stderr
        assert f"`homelab apply --adopt {each}`" in refused.stderr
    listed = json.loads(by_hand.homelab("adopt", "--json").stdout)["objects"]
    assert {NETWORK, ROUTE} <= {each["object"] for each in listed}

    adopted = by_hand.homelab("adopt", NETWORK, ROUTE)

    assert adopted.returncode == 0, adopted.stderr
    assert by_hand.sh("web", SEEN) == before
    assert "via 10.77.0.12 proto 201" in by_hand.sh("host", "ip route show 10.90.1.0/24 dev lxdbr0")
    assert "the next apply: ~ host route 10.90.1.0/24" in adopted.stderr
    assert by_hand.document("history")["revisions"][-1]["command"] == "adopt"

    applied = by_hand.homelab("apply", "--yes")
    assert applied.returncode == 0, applied.stderr
    assert by_hand.sh("web", SEEN).split()[0] == before.split()[0]
    assert by_hand.pings("10.90.1.10", tries=15)
    assert by_hand.homelab("destroy", "--yes").returncode == 0
    assert "apps" not in by_hand.sh("web", "docker network ls")
    assert "user.homelab" not in by_hand.sh("host", "lxc config show web")


def test_what_is_in_the_way_is_made_as_declared_when_that_is_asked_for(by_hand: Lab) -> None:
    applied = by_hand.homelab("apply", "--yes", "--adopt", NETWORK, "--adopt", ROUTE)

    assert applied.returncode == 0, applied.stdout + applied.stderr
    by_hand.wait_for_containers()
    assert "nothing to change" in by_hand.homelab("apply").stdout
