"""A lab of named namespaces alone, without a daemon or an inventory: its networks are found and judged."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


def homelab(built: World, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As the person types it in the namespace of the host; elsewhere than in a folder with an inventory."""
    return subprocess.run(
        ["ip", "netns", "exec", built.names["host"], sys.executable, "-m", "homelab", *words],
        capture_output=True,
        cwd=folder,
        text=True,
        check=False,
        env={**os.environ, "HOMELAB_STATE": str(folder / "state")},
    )


def diagnosed(built: World, folder: Path, code: int) -> Any:
    done = homelab(built, folder, "diagnose", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_healthy_lab_has_one_network_that_the_lan_reaches(built: World, tmp_path: Path) -> None:
    document = diagnosed(built, tmp_path, 0)

    (network,) = document["networks"]
    assert (network["guest"], network["network"]) == (built.place("guest"), "br-app")
    assert network["reachable"] is True
    assert document["findings"] == []


DROP_TOO_BIG = "iptables -A OUTPUT -p icmp --icmp-type 3/4 -j DROP"
NFT_DROP = (
    "nft 'add table inet x; add chain inet x f { type filter hook forward priority 0; };"
    " add rule inet x f ip daddr 10.4.0.0/24 drop'"
)
FAULTS = [
    ("router", "ip route del 10.4.0.0/24", "router-no-route"),
    ("router", "sysctl -qw net.ipv4.ip_forward=0", "router-forwarding-off"),
    ("router", "iptables -I FORWARD -d 10.4.0.0/24 -j DROP", "router-firewall"),
    ("router", "ip route replace blackhole 10.4.0.0/24", "router-wrong-next-hop"),
    ("host", "ip route del 10.4.0.0/24", "host-no-route"),
    ("host", "ip route replace 10.4.0.0/24 via 10.3.0.77", "host-wrong-next-hop"),
    ("host", "ip route replace 10.4.0.0/24 dev br0", "host-route-without-next-hop"),
    ("host", "ip route replace blackhole 10.4.0.0/24", "host-route-blackholed"),
    ("host", "sysctl -qw net.ipv4.ip_forward=0", "host-forwarding-off"),
    ("host", "iptables -A FORWARD -d 10.4.0.10 -j DROP", "host-firewall-drop"),
    ("host", "ip link set vguest down", "host-link-down"),
    (
        "host",
        "ip neigh replace 10.3.0.2 lladdr 02:00:00:00:00:99 dev br0 nud permanent",
        "host-neighbour-failed",
    ),
    (
        "host",
        "sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route add 10.2.0.128/25 dev br0",
        "host-rp-filter",
    ),
    ("host", "sysctl -qw net.ipv6.conf.all.forwarding=0", "ipv6-forwarding-off"),
    ("guest", "iptables -P FORWARD DROP", "guest-forward-policy-drop"),
    ("guest", "ip6tables -P FORWARD DROP", "ipv6-forward-policy-drop"),
    ("guest", "iptables -A FORWARD -d 10.4.0.10 -j DROP", "guest-foreign-firewall"),
    ("guest", NFT_DROP, "guest-foreign-firewall"),
    ("guest", "sysctl -qw net.ipv4.ip_forward=0", "guest-forwarding-off"),
    ("guest", "ip route del default", "guest-no-default-route"),
    ("guest", "ip route add blackhole 10.4.0.10/32", "dropped-by-route"),
    (
        "guest",
        "sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route replace 10.2.0.0/24 dev br-app",
        "guest-rp-filter",
    ),
    ("app", "ip route del default", "container-no-route-back"),
    ("app", "iptables -A INPUT -j DROP", "container-own-firewall"),
    ("app", "sysctl -qw net.ipv4.icmp_echo_ignore_all=1", "dropped-by-sysctl"),
]


@pytest.mark.parametrize(("broken", "script", "fault"), FAULTS)
def test_a_broken_lab_gets_its_fault_at_its_place_and_a_fix_that_holds(
    built: World, tmp_path: Path, broken: str, script: str, fault: str
) -> None:
    built.run(broken, script)

    document = diagnosed(built, tmp_path, 1)

    first = document["findings"][0]
    place = "host" if broken == "host" else built.place(broken)
    assert (first["fault"], first["at"]) == (fault, place)
    assert document["networks"][0]["reachable"] is False
    assert {each["verdict"] for each in document["probes"]} <= {"agrees", "not compared"}
    if first["fix"]["verified_on_model"]:
        _carry_out(built, document)
        assert diagnosed(built, tmp_path, 0)["networks"][0]["reachable"] is True


def _carry_out(built: World, document: Any) -> None:
    """The commands of every fix, as they are printed, by hand."""
    for finding in document["findings"]:
        for command in finding["fix"]["commands"]:
            built.run("host", command)


def test_a_path_that_passes_ping_and_loses_large_packets_is_told(
    built: World, tmp_path: Path
) -> None:
    built.run("host", f"ip link set eth0 mtu 1400; {DROP_TOO_BIG}")

    document = diagnosed(built, tmp_path, 0)

    assert [each["fault"] for each in document["findings"]] == ["mtu-black-hole"]


def test_what_nobody_can_tell_is_unknown_and_names_the_match(built: World, tmp_path: Path) -> None:
    built.run("guest", "iptables -A FORWARD -m limit --limit 1/s -j DROP")

    document = diagnosed(built, tmp_path, 3)

    (finding,) = document["findings"]
    assert (finding["fault"], finding["at"]) == ("unmodelled", built.place("guest"))
    assert "limit" in finding["cause"]["rule"]
