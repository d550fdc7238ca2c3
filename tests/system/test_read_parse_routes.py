"""What `ip route`, `ip rule` and `ip neigh` print, with names or numbers, becomes one and the same."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from homelab.model.kernel import Neighbour, NextHop, PolicyRule, Route
from homelab.system.parse_routes import neighbour, route, rule
from homelab.system.rows import UnparsableError

VIA = {"type": "unicast", "dst": "10.0.0.0/8", "gateway": "10.1.0.1", "dev": "eth0", "flags": []}


def test_a_route_by_name_and_by_number_is_the_same() -> None:
    named = VIA | {"table": "main", "protocol": "boot", "scope": "link", "type": "unicast"}
    numbered = VIA | {"table": "254", "protocol": "3", "scope": "253", "type": "1"}

    assert route(named, 4) == route(numbered, 4)
    assert route(named, 4) == Route(
        ip_network("10.0.0.0/8"), (NextHop(ip_address("10.1.0.1"), "eth0"),), scope="link"
    )


def test_the_protocol_that_marks_our_own_routes_stays_a_number() -> None:
    assert route(VIA | {"protocol": "201"}, 4).protocol == "201"


@pytest.mark.parametrize(
    ("dst", "family", "destination"),
    [
        ("default", 4, "0.0.0.0/0"),
        ("default", 6, "::/0"),
        ("10.9.0.7", 4, "10.9.0.7/32"),
        ("fd00::7", 6, "fd00::7/128"),
    ],
)
def test_a_destination_is_a_network(dst: str, family: int, destination: str) -> None:
    assert route({"dst": dst, "dev": "eth0"}, family).destination == ip_network(destination)


@pytest.mark.parametrize(
    ("row", "table"),
    [({}, 254), ({"table": "local"}, 255), ({"table": "unspec"}, 0), ({"table": "1001"}, 1001)],
)
def test_a_table_is_a_number(row: dict[str, Any], table: int) -> None:
    assert route(VIA | row, 4).table == table


def test_a_route_that_refuses_has_no_next_hop() -> None:
    blackhole = route({"type": "6", "dst": "10.9.0.0/16", "dev": "lo"}, 4)

    assert (blackhole.kind, blackhole.hops) == ("blackhole", ())
    assert route({"dst": "10.9.0.0/16"}, 4).hops == ()


def test_several_next_hops_with_weights_and_flags() -> None:
    hops = [
        {"gateway": "10.1.0.1", "dev": "a", "weight": 2, "flags": ["onlink"]},
        {"via": {"family": "inet6", "host": "fe80::1"}, "dev": "b", "flags": ["dead", "linkdown"]},
    ]

    found = route({"dst": "default", "flags": [], "nexthops": hops}, 4)

    assert found.hops == (
        NextHop(ip_address("10.1.0.1"), "a", 2, onlink=True),
        NextHop(ip_address("fe80::1"), "b", dead=True, linkdown=True),
    )


def test_source_metric_and_mtu() -> None:
    found = route(VIA | {"prefsrc": "10.1.0.2", "metric": 100, "metrics": [{"mtu": 1400}]}, 4)

    assert (found.source, found.metric, found.mtu) == (ip_address("10.1.0.2"), 100, 1400)
    short = route(VIA | {"metrics": [{"advmss": 1000}]}, 4)
    assert (short.mtu, short.advmss) == (None, 1000)


def test_kinds_and_scopes_that_nobody_has_named_yet_stay_as_they_are() -> None:
    found = route(VIA | {"type": "77", "scope": "99"}, 4)

    assert (found.kind, found.scope) == ("77", "99")


def test_the_standard_rule() -> None:
    assert rule({"priority": 0, "src": "all", "table": "local"}, 4) == PolicyRule(0, 4, table=255)


def test_a_rule_with_every_selector() -> None:
    row = {
        "priority": 100,
        "not": None,
        "src": "10.0.0.0",
        "srclen": 8,
        "dst": "10.1.2.3",
        "iif": "eth0",
        "oif": "eth1",
        "fwmark": "0x10",
        "fwmask": "0xff",
        "tos": "0x10",
        "ipproto": "tcp",
        "sport_start": 1,
        "sport_end": 9,
        "dport": 80,
        "uid_start": 0,
        "uid_end": 1000,
        "table": "100",
        "suppress_prefixlen": 0,
        "suppress_ifgroup": "5",
    }

    assert rule(row, 4) == PolicyRule(
        100,
        4,
        table=100,
        inverted=True,
        source=ip_network("10.0.0.0/8"),
        destination=ip_network("10.1.2.3/32"),
        iif="eth0",
        oif="eth1",
        fwmark=16,
        fwmask=255,
        tos=16,
        protocol=6,
        source_ports=(1, 9),
        destination_ports=(80, 80),
        uid_range=(0, 1000),
        suppress_prefixlength=0,
        suppress_ifgroup="5",
    )


@pytest.mark.parametrize(
    ("row", "action"),
    [
        ({"goto": 200, "action": "goto"}, "goto"),
        ({"nop": None}, "nop"),
        ({"l3mdev": None}, "l3mdev"),
        ({"to_tbl": "8"}, "prohibit"),
        ({"action": "blackhole"}, "blackhole"),
        ({"to_tbl": "77"}, "77"),
        ({"table": "main"}, "lookup"),
    ],
)
def test_the_action_of_a_rule(row: dict[str, Any], action: str) -> None:
    assert rule({"priority": 1, "src": "all"} | row, 4).action == action


@pytest.mark.parametrize(
    ("written", "number"), [("ipproto-47", 47), ("udp", 17), ("ipv6-icmp", 58), ("47", 47)]
)
def test_the_protocol_of_a_rule_is_a_number(written: str, number: int) -> None:
    assert rule({"priority": 1, "ipproto": written}, 4).protocol == number


def test_a_prefix_of_length_zero_is_printed_as_the_address_zero() -> None:
    assert rule({"priority": 1, "src": "0", "srclen": 0}, 6).source == ip_network("::/0")
    assert rule({"priority": 1, "dst": "0", "dstlen": 0}, 4).destination == ip_network("0.0.0.0/0")


def test_neighbours_and_proxies() -> None:
    row = {"dst": "10.0.0.9", "dev": "eth0", "lladdr": "AA:BB:CC:00:00:01", "state": ["STALE"]}

    assert neighbour(row) == Neighbour(
        "eth0", ip_address("10.0.0.9"), "aa:bb:cc:00:00:01", ("STALE",)
    )
    assert neighbour({"dst": "fd00::9", "dev": "eth0"}, proxy=True) == Neighbour(
        "eth0", ip_address("fd00::9"), proxy=True
    )


@pytest.mark.parametrize(
    "row",
    [
        {"dst": "10.0.0.0/33"},
        {"dst": 5},
        {"dst": "default", "gateway": "nowhere", "dev": "eth0"},
        {"dst": "default", "table": "a name that only a file knows"},
        {"dst": "default", "nexthops": [5]},
    ],
)
def test_another_shape_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(UnparsableError):
        route(row, 4)


@pytest.mark.parametrize("selector", ["dscp", "tun_id", "flowlabel"])
def test_a_rule_with_a_selector_that_the_model_lacks_says_so(selector: str) -> None:
    assert (
        rule({"priority": 10, "src": "all", selector: "1", "table": "99"}, 4).action == "unmodelled"
    )
