"""Two faults at once in labs of named namespaces, across hops, languages and versions of IP: both named, both mended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.named import Broken, arrives, carry_out, diagnosed, follow
from tests.kernel.test_kernel_named_ways import APP, APP6, FAULTS
from tests.kernel.worlds import World, world
from tests.live.rows_double import DOUBLE as IN_THE_LAB

pytestmark = pytest.mark.kernel
AGREED = 20
"""So many double faults, in the lab and in namespaces together."""


def nft(family: str, rule: str) -> str:
    chain = "{ type filter hook forward priority 5; }"
    return (
        f"nft 'add table {family} y; add chain {family} y f {chain}; add rule {family} y f {rule}'"
    )


SINGLE = {
    "no IPv6 route on the router": Broken(
        "router-no-route",
        "router",
        APP6,
        {"router": "ip -6 route del fd04::/64"},
        {"kind": "route"},
    ),
    "nft of the router in IPv6": Broken(
        "router-firewall",
        "router",
        APP6,
        {"router": nft("ip6", "ip6 daddr fd04::/64 drop")},
        {"family": "ip6", "table": "y", "rule": "ip6 daddr fd04::/64 drop"},
    ),
    "legacy iptables of the router": Broken(
        "router-firewall",
        "router",
        APP,
        {"router": "iptables-legacy -A FORWARD -d 10.4.0.0/24 -j DROP"},
        {"rule": "-A FORWARD -d 10.4.0.0/24 -j DROP", "tool": "iptables-legacy"},
    ),
    "forwarding off in the router": Broken(
        "router-forwarding-off",
        "router",
        APP,
        {"router": "sysctl -qw net.ipv4.ip_forward=0"},
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
    ),
    "nft of the host in IPv6": Broken(
        "host-firewall-drop",
        "host",
        APP6,
        {"host": nft("inet", "ip6 daddr fd04::10 reject")},
        {
            "family": "inet",
            "table": "y",
            "rule": "ip6 daddr fd04::10 reject with icmpv6 port-unreachable",
        },
    ),
    "legacy iptables of the host": Broken(
        "host-firewall-drop",
        "host",
        APP,
        {"host": "iptables-legacy -A FORWARD -d 10.4.0.10 -j DROP"},
        {"rule": "-A FORWARD -d 10.4.0.10/32 -j DROP", "tool": "iptables-legacy"},
    ),
    "legacy ip6tables of the host": Broken(
        "ipv6-forward-policy-drop",
        "host",
        APP6,
        {"host": "ip6tables-legacy -P FORWARD DROP"},
        {"kind": "policy", "tool": "ip6tables-legacy"},
    ),
    "a wrong next hop of IPv6 on the host": Broken(
        "host-wrong-next-hop",
        "host",
        APP6,
        {"host": "ip -6 route replace fd04::/64 via fd03::77"},
    ),
    "a blackhole on the host": Broken(
        "host-route-blackholed",
        "host",
        APP,
        {"host": "ip route add blackhole 10.4.0.10/32"},
        {"kind": "route"},
    ),
    "an unreachable route of IPv6 on the host": Broken(
        "host-route-blackholed",
        "host",
        APP6,
        {"host": "ip -6 route add unreachable fd04::/80"},
        {"kind": "route"},
    ),
    "forwarding off on the host's link": Broken(
        "host-forwarding-off",
        "host",
        APP,
        {"host": "sysctl -qw net.ipv4.conf.eth0.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv4.conf.eth0.forwarding"},
    ),
    "forwarding of IPv6 off in the guest": Broken(
        "ipv6-forwarding-off",
        "guest",
        APP6,
        {"guest": "sysctl -qw net.ipv6.conf.all.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv6.conf.all.forwarding"},
    ),
    "the guest's policy of IPv6": Broken(
        "ipv6-forward-policy-drop",
        "guest",
        APP6,
        {"guest": "ip6tables -P FORWARD DROP"},
        {"kind": "policy", "rule": "-P FORWARD DROP"},
    ),
    "the guest's legacy policy": Broken(
        "guest-forward-policy-drop",
        "guest",
        APP,
        {"guest": "iptables-legacy -P FORWARD DROP"},
        {"kind": "policy", "tool": "iptables-legacy"},
    ),
    "nft of the guest": Broken(
        "guest-foreign-firewall",
        "guest",
        APP,
        {"guest": nft("ip", "ip daddr 10.4.0.0/24 drop")},
        {"family": "ip", "table": "y", "rule": "ip daddr 10.4.0.0/24 drop"},
    ),
    "the guest has no default route": Broken(
        "guest-no-default-route",
        "guest",
        APP,
        {"guest": "ip route del default"},
        {"kind": "route", "direction": "return"},
    ),
    "the container has no default route": Broken(
        "container-no-route-back",
        "app",
        APP,
        {"app": "ip route del default"},
        {"kind": "route", "direction": "return"},
    ),
    "the container has no default route of IPv6": Broken(
        "container-no-route-back",
        "app",
        APP6,
        {"app": "ip -6 route del default"},
        {"kind": "route", "direction": "return"},
    ),
}
ALL = FAULTS | SINGLE
DOUBLE = (
    ("no IPv6 route on the router", "nft of the host in IPv6"),
    ("nft of the router in IPv6", "the guest's policy of IPv6"),
    ("legacy iptables of the router", "a blackhole on the host"),
    ("forwarding off in the router", "nft of the host in IPv6"),
    ("legacy iptables of the host", "the guest has no default route"),
    ("legacy ip6tables of the host", "forwarding of IPv6 off in the guest"),
    ("a wrong next hop of IPv6 on the host", "the container has no default route of IPv6"),
    ("an unreachable route of IPv6 on the host", "the guest's policy of IPv6"),
    ("forwarding off on the host's link", "nft of the guest"),
    ("the guest's legacy policy", "the container has no default route"),
    ("no IPv6 route on the router", "the container has no default route of IPv6"),
    ("forwarding off in the router", "a source that the guest cannot answer"),
    ("no IPv6 route on the router", "a guest that no longer hears advertisements"),
    ("br_netfilter and a policy", "nft of the guest"),
)


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


@pytest.mark.parametrize(("first", "second"), DOUBLE, ids=[" and ".join(each) for each in DOUBLE])
def test_of_two_faults_both_are_named_and_both_fixes_bring_the_packets_through(
    built: World, tmp_path: Path, first: str, second: str
) -> None:
    rows = ALL[first], ALL[second]
    for row in rows:
        carry_out(built, row.ground)
    assert all(arrives(built, row.probe) for row in rows)
    for row in rows:
        carry_out(built, row.inject)
    assert not any(arrives(built, row.probe) for row in rows)

    found = diagnosed(built, tmp_path, 1)["findings"]

    assert any(row.is_told_by(found[0], built) for row in rows), found
    for row in rows:
        assert any(row.is_told_by(each, built) for each in found), (row, found)
    follow(built, [each for each in found if each["severity"] == "error"])
    for row in rows:
        carry_out(built, row.afterwards)
    assert all(arrives(built, row.probe) for row in rows), found


def test_the_two_tables_have_twenty_pairs() -> None:
    assert len({*DOUBLE, *IN_THE_LAB}) >= AGREED
