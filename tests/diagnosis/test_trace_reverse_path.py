"""Martian addresses, addresses of one's own, and rp_filter in its three values."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.diagnosis.box import Box
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.reverse_path import martian, refusal
from homelab.model.kernel import LOCAL, Link, LinkAddress, Namespace, NextHop, PolicyRule, Route
from homelab.model.place import HOST

HERE = Namespace(
    links=(Link(1, "lo", loopback=True), Link(2, "eth0"), Link(3, "eth1")),
    addresses=(LinkAddress("eth0", ip_interface("10.0.0.1/24")),),
    routes=(
        Route(ip_network("10.0.0.0/24"), (NextHop(link="eth0"),)),
        Route(ip_network("10.0.0.1/32"), (NextHop(link="eth0"),), LOCAL, "local"),
        Route(ip_network("10.0.0.255/32"), (NextHop(link="eth0"),), LOCAL, "broadcast"),
        Route(ip_network("10.7.0.0/16"), (NextHop(link="eth1"),)),
        Route(ip_network("10.8.0.0/16"), kind="blackhole"),
        Route(ip_network("0.0.0.0/0"), (NextHop(ip_address("10.0.0.9"), "eth0"),), 99),
    ),
)


def box(**sysctls: str) -> Box:
    """``all_rp_filter="1"``: of all links."""
    keys = {"net.ipv4.conf." + each.replace("_", ".", 1): value for each, value in sysctls.items()}
    return Box(HOST, replace(HERE, sysctls=keys))


def packet(source: str, destination: str = "10.0.0.1", mark: int = 0) -> Packet:
    return Packet(ip_address(source), ip_address(destination), "tcp", mark=mark)


@pytest.mark.parametrize(
    ("source", "destination", "key"),
    [
        ("127.0.0.1", "10.0.0.1", "net.ipv4.conf.eth0.route_localnet"),
        ("10.0.0.2", "127.0.0.1", "net.ipv4.conf.eth0.route_localnet"),
        ("224.0.0.1", "10.0.0.1", None),
        ("255.255.255.255", "10.0.0.1", None),
        ("0.0.0.1", "10.0.0.1", None),
    ],
)
def test_martian_addresses(source: str, destination: str, key: str | None) -> None:
    found = martian(box(), packet(source, destination), "eth0")

    assert found is not None
    assert found.key == key
    assert martian(box(), packet(source, destination), "lo") is None


def test_loopback_may_be_routed_and_others_are_no_martians() -> None:
    assert martian(box(), packet("10.0.0.2"), "eth0") is None
    assert martian(box(eth0_route_localnet="1"), packet("127.0.0.1"), "eth0") is None
    assert martian(box(all_route_localnet="1"), packet("127.0.0.1"), "eth0") is None
    assert martian(box(), Packet(ip_address("::1"), ip_address("fd00::1"), "tcp"), "eth0") is None


def blamed(here: Box, source: str, iif: str = "eth0", mark: int = 0) -> str | None:
    found = refusal(here, packet(source, mark=mark), iif)
    return None if found is None else (found.key or found.kind)


def test_ones_own_address_does_not_come_from_outside() -> None:
    assert blamed(box(), "10.0.0.1") == "net.ipv4.conf.eth0.accept_local"
    assert blamed(box(all_accept_local="1"), "10.0.0.1") is None
    strict = {"eth1_accept_local": "1", "eth1_rp_filter": "1"}
    assert blamed(box(**strict), "10.0.0.1", "eth1") == "net.ipv4.conf.eth1.rp_filter"
    assert blamed(box(), "10.0.0.1", "lo") is None


def test_a_broadcast_address_is_no_source() -> None:
    assert blamed(box(), "10.0.0.255") == "route"


@pytest.mark.parametrize(
    ("level", "source", "passes"),
    [
        ("0", "10.7.0.1", True),
        ("1", "10.7.0.1", False),
        ("2", "10.7.0.1", True),
        ("1", "10.0.0.7", True),
        ("2", "10.99.0.1", False),
        ("0", "10.99.0.1", True),
        ("2", "10.8.0.1", False),
        ("0", "10.8.0.1", True),
        ("nonsense", "10.7.0.1", True),
    ],
)
def test_strict_loose_and_off(level: str, source: str, passes: bool) -> None:
    assert (blamed(box(eth0_rp_filter=level), source) is None) == passes


def test_the_greater_value_counts_and_is_named() -> None:
    assert blamed(box(all_rp_filter="1"), "10.7.0.1") == "net.ipv4.conf.all.rp_filter"
    one = box(all_rp_filter="1", eth0_rp_filter="2")
    assert blamed(one, "10.7.0.1") is None
    assert blamed(box(all_rp_filter="1", eth0_rp_filter="1"), "10.7.0.1") == (
        "net.ipv4.conf.eth0.rp_filter"
    )
    found = refusal(box(all_rp_filter="1"), packet("10.99.0.1"), "eth0")
    assert found is not None
    assert "has no route" in found.text


def test_a_mark_counts_on_the_way_back_where_it_is_said() -> None:
    by_mark = PolicyRule(10, 4, table=99, fwmark=7)
    rules = (PolicyRule(0, 4, table=LOCAL), by_mark, PolicyRule(32766, 4, table=254))

    for valid, verdict in (("0", "net.ipv4.conf.eth0.rp_filter"), ("1", None)):
        here = box(eth0_rp_filter="1", eth0_src_valid_mark=valid)
        marked = Box(HOST, replace(here.here, rules=rules))
        assert blamed(marked, "10.7.0.1", mark=7) == verdict


def test_ipv6_has_no_such_filter() -> None:
    six = Packet(ip_address("fd99::1"), ip_address("fd00::1"), "tcp")

    assert refusal(box(eth0_rp_filter="1"), six, "eth0") is None


def test_a_rule_on_the_way_back_that_nobody_can_judge() -> None:
    rules = (PolicyRule(0, 4, table=LOCAL), PolicyRule(9, 4, table=254, suppress_ifgroup="7"))
    found = refusal(Box(HOST, replace(HERE, rules=rules)), packet("10.7.0.1"), "eth0")

    assert found is not None
    assert (found.kind, found.key) == ("unmodelled", "ip rule")


def test_without_a_filter_only_its_own_addresses_are_refused() -> None:
    near = tuple(replace(each, protocol="kernel") for each in HERE.routes)
    wide = Route(
        ip_network("10.9.0.0/24"), (NextHop(link="lo"),), LOCAL, "local", protocol="kernel"
    )
    plain = Box(HOST, replace(HERE, routes=(*near, wide)))
    custom = Box(HOST, replace(HERE, routes=(*near, replace(wide, protocol="static"))))

    assert refusal(plain, packet("10.9.0.9"), "eth0") is None
    assert refusal(plain, packet("10.0.0.255"), "eth0") is None
    assert blamed(plain, "10.0.0.1") == "net.ipv4.conf.eth0.accept_local"
    assert blamed(custom, "10.9.0.9") == "net.ipv4.conf.eth0.accept_local"


def test_the_way_back_is_looked_up_as_if_it_came_from_where_the_packet_goes() -> None:
    keys = {"net.ipv4.conf.all.rp_filter": "2"}
    of_its_own = PolicyRule(10, 4, action="unreachable", iif="lo")
    here = Box(
        HOST, replace(HERE, rules=(of_its_own, PolicyRule(32766, 4, table=254)), sysctls=keys)
    )

    assert refusal(here, packet("10.7.0.1"), "eth1") is not None
    assert refusal(here, packet("10.7.0.1"), "eth1", "eth0") is None
