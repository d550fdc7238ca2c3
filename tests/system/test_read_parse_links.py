"""What `ip -d -j addr` and bridge(8) print becomes links as ip(8) means them."""

import json
from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.model.kernel import BridgePort, BridgeVlan, FdbEntry, Link
from homelab.system.parse_links import parse_fdb, parse_links, parse_vlans, with_vlans
from homelab.system.rows import UnparsableError

ETH0 = {
    "ifindex": 2,
    "ifname": "eth0",
    "flags": ["BROADCAST", "UP", "LOWER_UP"],
    "mtu": 1400,
    "operstate": "UP",
    "link_type": "ether",
    "address": "02:FC:00:00:00:01",
}


def one(**more: object) -> Link:
    links, _ = parse_links(json.dumps([ETH0 | more]))
    return links[0]


def test_a_link_is_read_with_its_state() -> None:
    assert one() == Link(2, "eth0", mac="02:fc:00:00:00:01", mtu=1400)


@pytest.mark.parametrize(
    ("flags", "up", "carrier"),
    [
        (["NO-CARRIER", "UP"], True, False),
        (["BROADCAST"], False, False),
        (["UP", "LOWER_UP"], True, True),
    ],
)
def test_up_is_what_the_administrator_wants_and_carrier_what_the_cable_does(
    flags: list[str], *, up: bool, carrier: bool
) -> None:
    link = one(flags=flags)

    assert (link.up, link.carrier) == (up, carrier)


def test_the_peer_in_another_namespace_is_an_index_and_a_netns_id() -> None:
    link = one(link_index=7, link_netnsid=3, linkinfo={"info_kind": "veth"})

    assert (link.kind, link.peer, link.peer_netns) == ("veth", 7, 3)


def test_the_peer_in_this_namespace_is_printed_by_name_and_kept_by_index() -> None:
    other = ETH0 | {"ifindex": 5, "ifname": "veth1", "link": "eth0"}

    links, _ = parse_links(json.dumps([ETH0, other]))

    assert (links[1].peer, links[1].peer_netns) == (2, None)


def test_a_peer_without_a_name_is_kept_by_the_index_that_ip_prints_for_it() -> None:
    assert one(link="if42").peer == 42
    assert one(link="gone").peer is None


def test_a_port_of_a_bridge_tells_its_master_and_its_flags() -> None:
    bridge = ETH0 | {"ifindex": 9, "ifname": "br0", "linkinfo": {"info_kind": "bridge"}}
    info = {
        "info_slave_kind": "bridge",
        "info_slave_data": {
            "state": "blocking",
            "hairpin": True,
            "isolated": False,
            "flood": False,
            "bcast_flood": False,
            "mcast_flood": False,
            "neigh_suppress": True,
            "locked": True,
        },
    }

    links, _ = parse_links(json.dumps([bridge, ETH0 | {"master": "br0", "linkinfo": info}]))

    assert links[1].master == 9
    assert links[1].port == BridgePort(
        "blocking",
        hairpin=True,
        flood=False,
        bcast_flood=False,
        mcast_flood=False,
        neigh_suppress=True,
        locked=True,
    )
    assert links[1].options == {"slave_kind": "bridge"}


def test_a_vlan_link_tells_its_id_and_protocol_and_no_timers() -> None:
    info = {
        "info_kind": "vlan",
        "info_data": {"id": 20, "protocol": "802.1Q", "flags": ["REORDER_HDR"], "timer": 0.5},
    }

    assert one(linkinfo=info).options == {"vlan_id": "20", "vlan_protocol": "802.1Q"}


def test_options_are_text_and_a_program_at_the_link_is_told() -> None:
    link = one(linkinfo={"info_kind": "x", "info_data": {"a": True, "b": "c"}}, xdp={"mode": 1})

    assert link.options == {"a": "1", "b": "c", "xdp": "attached"}


def test_flags_of_odd_links() -> None:
    link = one(flags=["LOOPBACK", "POINTOPOINT", "NOARP"], link_type="none", altnames=["enp1"])

    assert link.loopback
    assert link.pointopoint
    assert link.noarp
    assert link.mac is None
    assert link.altnames == ("enp1",)


def test_an_alias_is_data_whatever_it_holds() -> None:
    printed = json.dumps([ETH0 | {"ifalias": "X"}]).replace("X", '\x1b[31m\x01\\"info_kind')

    assert parse_links(printed)[0][0].alias == '\x1b[31m\x01"info_kind'


def test_addresses_of_both_families_and_no_others() -> None:
    info = [
        {"family": "inet", "local": "10.0.0.1", "prefixlen": 24, "scope": "global"},
        {
            "family": "inet6",
            "local": "fe80::1",
            "prefixlen": 64,
            "scope": "link",
            "tentative": True,
        },
        {"family": "inet6", "local": "fd00::1", "prefixlen": 64, "dadfailed": True},
        {"family": "mctp", "local": "8"},
    ]

    _, addresses = parse_links(json.dumps([ETH0 | {"addr_info": info}]))

    assert [each.interface for each in addresses] == [
        ip_interface("10.0.0.1/24"),
        ip_interface("fe80::1/64"),
        ip_interface("fd00::1/64"),
    ]
    assert [each.tentative for each in addresses] == [False, True, True]


def test_the_prefix_of_a_point_to_point_address_is_that_of_its_peer() -> None:
    info = [{"family": "inet", "local": "10.0.0.1", "address": "10.9.0.0", "prefixlen": 24}]

    _, (address,) = parse_links(json.dumps([ETH0 | {"addr_info": info}]))

    assert address.interface == ip_interface("10.0.0.1/32")
    assert address.peer == ip_interface("10.9.0.0/24")


def test_vlans_of_a_port_are_ranges_with_flags() -> None:
    printed = json.dumps(
        [
            {
                "ifname": "eth0",
                "vlans": [
                    {"vlan": 1, "flags": ["PVID", "Egress Untagged"]},
                    {"vlan": 20, "vlanEnd": 29},
                ],
            }
        ]
    )

    links = with_vlans((Link(2, "eth0"), Link(3, "eth1")), parse_vlans(printed))

    assert links[0].vlans == (BridgeVlan(1, 1, pvid=True, untagged=True), BridgeVlan(20, 29))
    assert links[1].vlans == ()


def test_entries_of_the_forwarding_table() -> None:
    printed = json.dumps(
        [
            {
                "mac": "AA:00:00:00:00:01",
                "ifname": "v1",
                "vlan": 1,
                "flags": [],
                "master": "br0",
                "state": "permanent",
            },
            {
                "mac": "aa:00:00:00:00:03",
                "ifname": "v2",
                "flags": ["sticky"],
                "master": "br0",
                "state": "static",
            },
            {"mac": "aa:00:00:00:00:02", "ifname": "v1", "flags": ["self"], "state": ""},
        ]
    )

    assert parse_fdb(printed) == (
        FdbEntry("v1", "aa:00:00:00:00:01", 1, permanent=True, master="br0"),
        FdbEntry("v2", "aa:00:00:00:00:03", static=True, sticky=True, master="br0"),
        FdbEntry("v1", "aa:00:00:00:00:02"),
    )


@pytest.mark.parametrize(
    "printed",
    [
        "{}",
        "[5]",
        "[",
        "[" * 100_000,
        '[{"ifindex": true, "ifname": "x"}]',
        '[{"ifindex": [1], "ifname": "x"}]',
        '[{"ifname": 5}]',
        '[{"ifname": "x", "flags": "UP"}]',
        '[{"ifname": "x", "flags": [5]}]',
        '[{"ifname": "x", "linkinfo": 5}]',
        '[{"ifname": "x", "addr_info": [{"family": "inet", "local": "10.0.0.256"}]}]',
    ],
)
def test_another_shape_is_refused_and_never_read_as_less(printed: str) -> None:
    with pytest.raises(UnparsableError):
        parse_links(printed)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists) | st.text())
def test_nothing_else_is_raised(value: object) -> None:
    try:
        links, _ = parse_links(json.dumps([{"ifname": "x", "flags": value, "address": value}]))
    except UnparsableError:
        return
    assert links
