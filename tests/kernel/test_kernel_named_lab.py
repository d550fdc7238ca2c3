"""A lab of named namespaces alone, without a daemon or an inventory: its networks are found and judged."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


def diagnosed(built: World, code: int) -> Any:
    """As the person types it in the namespace of the host; elsewhere than in a folder with an inventory."""
    command = [sys.executable, "-m", "homelab", "diagnose", "--json"]
    done = subprocess.run(
        ["ip", "netns", "exec", built.names["host"], *command],
        capture_output=True,
        cwd="/",
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_healthy_lab_has_one_network_that_the_lan_reaches(built: World) -> None:
    document = diagnosed(built, 0)

    (network,) = document["networks"]
    assert (network["guest"], network["network"]) == (built.place("guest"), "br-app")
    assert network["reachable"] is True
    assert document["findings"] == []


@pytest.mark.parametrize(
    ("broken", "script", "fault"),
    [
        ("router", "ip route del 10.4.0.0/24", "router-no-route"),
        ("router", "sysctl -qw net.ipv4.ip_forward=0", "router-forwarding-off"),
        ("router", "iptables -I FORWARD -d 10.4.0.0/24 -j DROP", "router-firewall"),
        ("router", "ip route replace blackhole 10.4.0.0/24", "router-wrong-next-hop"),
        ("host", "ip route del 10.4.0.0/24", "host-no-route"),
        ("host", "sysctl -qw net.ipv4.ip_forward=0", "host-forwarding-off"),
        ("guest", "iptables -P FORWARD DROP", "guest-forward-policy-drop"),
        ("guest", "sysctl -qw net.ipv4.ip_forward=0", "guest-forwarding-off"),
        ("app", "ip route del default", "container-no-route-back"),
        ("app", "iptables -A INPUT -j DROP", "container-own-firewall"),
    ],
)
def test_a_broken_lab_gets_its_fault_at_its_place(
    built: World, broken: str, script: str, fault: str
) -> None:
    built.run(broken, script)

    document = diagnosed(built, 1)

    first = document["findings"][0]
    place = "host" if broken == "host" else built.place(broken)
    assert (first["fault"], first["at"]) == (fault, place)
    assert document["networks"][0]["reachable"] is False
