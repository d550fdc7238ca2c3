"""VLAN links, bridges, their ports and cards: made, kept, changed, refused and taken back, in memory."""

from dataclasses import replace

import pytest

from homelab.errors import OperationError
from homelab.model.inventory import Inventory
from homelab.model.inverse import inverse
from homelab.model.kernel import BridgeVlan, Link, VirtualFunction
from homelab.model.operation import SetCard, SetOwnedLink, SetPort
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.report.commands import commands
from homelab.system.simulated import simulate
from homelab.workflow.objects import objects
from tests.resources.vlan_lab import (
    TEXT,
    blocked,
    bridge,
    carried_out,
    host,
    inventory,
    plan,
    with_card,
)

DECLARED = inventory()
PORT = """
vlans: {servers: {id: 20}, guests: {id: 30}}
hosts:
  nuc: {vlans: [servers, guests], bridges: {br9: {ports: {eth1: {tagged: [guests], untagged: servers}}}}}
"""
CARD = """
vlans: {servers: {id: 20}}
hosts:
  nuc: {vlans: [servers], cards: {eth1: {functions: 2, settings: {0: {vlan: servers, spoof_check: false}}}}}
"""


def link(snapshot: Snapshot, name: str) -> Link:
    return next(each for each in snapshot.namespaces[HOST].links if each.name == name)


def test_links_bridge_and_ports_are_made_once_and_destroyed_without_a_trace() -> None:
    before = host()
    assert not blocked(DECLARED, before)

    applied = carried_out(DECLARED, before)

    assert [each.key.name for each in plan(DECLARED, before).changes] == [
        "br0",
        "eth0.30",
        "s100",
        "br0.20",
        "eth1",
        "br0",
    ]
    assert link(applied, "eth0.30").mtu == 1400
    assert link(applied, "s100").options["vlan_protocol"] == "802.1ad"
    assert link(applied, "eth1").vlans == (
        BridgeVlan(20, 20),
        BridgeVlan(30, 30, pvid=True, untagged=True),
    )
    assert link(applied, "br0").vlans == (BridgeVlan(20, 20),)
    assert link(applied, "br0.20").carrier
    assert not plan(DECLARED, applied)
    assert objects(carried_out(Inventory(), applied)) == objects(before)


def test_a_change_of_addresses_leaves_a_link_and_another_id_makes_it_anew() -> None:
    applied = carried_out(DECLARED, host())
    moved = inventory(TEXT.replace("10.30.0.2/24", "10.30.0.3/24").replace("id: 100", "id: 101"))

    changes = plan(moved, applied).changes

    assert {each.key.name for each in changes} == {"eth0.30", "s100"}
    lines = [line for each in changes for one in each.operations for line in commands(one, applied)]
    assert lines[:2] == [
        "ip addr del 10.30.0.2/24 dev eth0.30",
        "ip addr add 10.30.0.3/24 dev eth0.30",
    ]
    assert lines[2] == "ip link del dev s100"
    assert [each.disruption for each in changes][1] is not None
    assert not plan(moved, carried_out(moved, applied))


def test_the_pvid_of_a_bridge_of_others_comes_back() -> None:
    before = host(bridge())
    port = replace(link(before, "eth1"), master=9, vlans=bridge().vlans)
    links = tuple(port if each.name == "eth1" else each for each in before.namespaces[HOST].links)
    before = replace(before, namespaces={HOST: replace(before.namespaces[HOST], links=links)})
    wanted = inventory(PORT)

    applied = carried_out(wanted, before)

    assert link(applied, "eth1").vlans == (
        BridgeVlan(1, 1, untagged=True),
        BridgeVlan(20, 20, pvid=True, untagged=True),
        BridgeVlan(30, 30),
    )
    assert link(applied, "eth1").alias == "homelab:port=1:up,20:-,30:-"
    assert not plan(wanted, applied)
    assert objects(carried_out(Inventory(), applied)) == objects(before)


def test_a_port_of_others_that_is_right_is_not_ours() -> None:
    rows = (BridgeVlan(20, 20, pvid=True, untagged=True), BridgeVlan(30, 30))
    there = Link(4, "eth2", "veth", master=9, vlans=rows)

    assert not plan(inventory(PORT.replace("eth1", "eth2")), host(bridge(), there))


def test_functions_of_a_card_are_made_set_and_taken_away() -> None:
    before, wanted = with_card(host(), "eth1"), inventory(CARD)
    assert not blocked(wanted, before)

    applied = carried_out(wanted, before)

    assert link(applied, "eth1").vfs == (
        VirtualFunction(0, vlan=20, spoof_check=False),
        VirtualFunction(1, spoof_check=True),
    )
    assert applied.cards["eth1"].now == 2
    assert not plan(wanted, applied)
    (operation,) = plan(wanted, before).operations()
    assert commands(operation, before) == (
        "sh -c 'echo 2 >/sys/class/net/eth1/device/sriov_numvfs'",
        "ip link set dev eth1 vf 0 vlan 20 spoofchk off",
        "ip link set dev eth1 alias homelab:card=0,0:0s",
    )
    assert objects(carried_out(Inventory(), applied)) == objects(before)


OBSTACLES = {
    "a link of that name": (
        TEXT,
        host(Link(5, "eth0.30", "dummy")),
        "host: there is a link eth0.30 already, a dummy, and it is not homelab's",
    ),
    "a kernel without VLANs": (TEXT, host(lacks=("8021q",)), "its kernel has no 802.1Q"),
    "a kernel whose bridges know no VLANs": (
        TEXT,
        host(lacks=("vlan_filtering",)),
        "its kernel's bridges do not filter VLANs",
    ),
    "a VLAN that another link has": (
        TEXT,
        host(Link(5, "lan", "vlan", peer=2, options={"vlan_id": "30", "vlan_protocol": "802.1Q"})),
        "host: lan is VLAN 30 of eth0 already",
    ),
    "an MTU bigger than the parent's": (
        TEXT.replace("mtu: 1400", "mtu: 1504"),
        host(),
        "host: eth0 has an MTU of 1500, eth0.30 shall have 1504",
    ),
    "a parent that is not there": (
        TEXT.replace("parent: eth0,", "parent: eth7,"),
        host(),
        "host: there is no link eth7 for eth0.30",
    ),
    "a port that has the host's address": (
        TEXT.replace("eth1:", "eth0:"),
        host(),
        "host: eth0 has 10.0.0.2/24, and a port hears nothing for itself",
    ),
    "a port of another bridge": (
        TEXT.replace("eth1:", "eth2:"),
        host(bridge("br9"), Link(4, "eth2", "veth", master=9)),
        "host: eth2 is a port of br9",
    ),
    "a bridge that does not filter": (
        PORT,
        host(bridge(vlan_filtering="0")),
        "host: br9 does not filter VLANs",
    ),
    "an alias of somebody else": (
        PORT.replace("eth1", "eth2"),
        host(bridge(), Link(4, "eth2", "veth", alias="to the attic")),
        "host: eth2 has the alias 'to the attic', and homelab's mark stands there",
    ),
    "a card that is none": (CARD, host(), "host: eth1 is no SR-IOV card"),
    "a card with functions of others": (
        CARD,
        with_card(host(), "eth1", now=4),
        "host: eth1 has 4 functions that are not homelab's",
    ),
    "a card that has fewer": (
        CARD,
        with_card(host(), "eth1", total=1),
        "host: eth1 can have 1 functions, not 2",
    ),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_stands_in_the_way_is_said_before_anything_is_touched(name: str) -> None:
    text, snapshot, said = OBSTACLES[name]

    assert any(each.startswith(said) or said in each for each in blocked(inventory(text), snapshot))


def test_every_step_has_a_way_back() -> None:
    before = with_card(host(), "eth1")
    for text in (TEXT, CARD):
        snapshot = before
        for each in plan(inventory(text), before).operations():
            after = simulate(snapshot, each)
            (back,) = inverse(each)
            assert objects(simulate(after, back)) == objects(snapshot)
            snapshot = after


def test_a_link_that_is_not_as_planned_for_is_refused() -> None:
    operations = plan(DECLARED, host()).operations()
    made = next(each for each in operations if isinstance(each, SetOwnedLink))
    port = next(each for each in operations if isinstance(each, SetPort))
    (card,) = plan(inventory(CARD), with_card(host(), "eth1")).operations()
    assert isinstance(card, SetCard)

    for each, there in (
        (made, host(Link(5, "br0", "bridge"))),
        (port, host()),
        (SetOwnedLink(HOST, None, made.now), host(Link(5, "br0", "bridge"))),
        (card, replace(host(), namespaces={HOST: replace(host().namespaces[HOST], links=())})),
    ):
        with pytest.raises(OperationError):
            simulate(there, each)
