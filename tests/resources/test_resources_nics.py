"""A guest's NIC in a VLAN: the device's keys, the ways of its networks, and what they were before."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.load.inventory import parse_inventory
from homelab.model.inventory import Inventory
from homelab.model.kernel import BridgeVlan, Link, LinkAddress, Namespace
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, ROUTER, guest
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state
from homelab.resources import KINDS
from homelab.resources.host_route import HostRoute
from homelab.resources.router_route import RouterRoute
from homelab.system.simulate_places import with_address
from tests.resources.vlan_lab import carried_out, plan

TEXT = """
vlans: {servers: {id: 20, subnet: 10.20.0.0/24}, guests: {id: 30, subnet: 10.30.0.0/24}}
hosts: {nuc: {vlans: [servers, guests], router: edge, bridges: {br0: {ports: {eth1: {tagged: [servers]}}}}}}
routers: {edge: {connection: "netns://router"}}
guests: {web: {nic: NIC, networks: {apps: {subnet: 10.90.1.0/24, ingress: [{from: "vlan:guests"}]}}}}
"""
BRIDGED = "{bridge: br0, vlan: servers, tagged: [guests], address: 10.20.0.12}"
BEFORE = {"type": "nic", "name": "eth0", "nictype": "bridged", "parent": "lan"}


def inventory(nic: str = BRIDGED, *, networks: bool = False) -> Inventory:
    text = TEXT.replace("NIC", nic)
    text = text if networks else text.partition(", networks")[0] + "}}"
    return parse_inventory([("lab.yaml", text.encode())], "lab.yaml")


def lab(device: dict[str, str] | None = None, *, in_vlan: bool = True) -> Snapshot:
    """A guest on the bridge ``lan``; the router is in VLAN 20 or not."""
    own = {"eth0": device or BEFORE}
    web = Instance("web", "Running", 7, devices=own, expanded_devices=own)
    lan = Link(4, "lan", "bridge")
    port = Link(5, "vethweb", "veth", master=4, peer=2, peer_netns=0)
    eth0 = Link(2, "eth0", "veth")
    host = Namespace(links=(Link(1, "lo", loopback=True), eth0, Link(3, "eth1", "veth"), lan, port))
    host = with_address(host, "eth0", ip_interface("10.0.0.2/24"), down=False)
    inside = Namespace(links=(Link(2, "eth0", "veth", peer=5, peer_netns=0),))
    there = [LinkAddress("lan0", ip_interface("10.0.0.1/24"))]
    there += [LinkAddress("t20", ip_interface("10.20.0.1/24"))] if in_vlan else []
    router = Namespace(
        links=(Link(2, "lan0", "veth"), Link(3, "t20", "vlan")), addresses=tuple(there)
    )
    return Snapshot(
        namespaces={HOST: host, guest("web"): inside, ROUTER: router},
        runtime=Runtime("lxd", "5.0.2", (web,)),
    )


def device(snapshot: Snapshot) -> dict[str, str]:
    found = snapshot.instance("web")
    assert found is not None
    return dict(found.devices["eth0"])


@pytest.mark.parametrize(
    ("nic", "keys"),
    [
        (BRIDGED, {"nictype": "bridged", "parent": "br0", "vlan": "20", "vlan.tagged": "30"}),
        (
            "{macvlan: eth1, vlan: servers, mac: '02:00:00:00:00:14', address: 10.20.0.12}",
            {"nictype": "macvlan", "parent": "eth1", "vlan": "20", "hwaddr": "02:00:00:00:00:14"},
        ),
        (
            "{card: eth1, vlan: servers, spoof_check: false, address: 10.20.0.12}",
            {
                "nictype": "sriov",
                "parent": "eth1",
                "vlan": "20",
                "security.mac_filtering": "false",
            },
        ),
    ],
)
def test_where_a_nic_is_becomes_keys_of_its_device_and_comes_back(
    nic: str, keys: dict[str, str]
) -> None:
    before, wanted = lab(), inventory(nic)

    applied = carried_out(wanted, before)

    assert device(applied) == {"type": "nic", "name": "eth0", **keys}
    nic_key = next(each for each in plan(wanted, before).changes if each.key.kind == "guest nic")
    assert "restarts for" in (nic_key.disruption or "")
    assert not [each for each in plan(wanted, applied).changes if each.key.kind == "guest nic"]
    assert device(carried_out(Inventory(), applied)) == BEFORE


def test_a_managed_network_gives_way_to_the_bridge() -> None:
    managed = {"type": "nic", "name": "eth0", "network": "lxdbr0"}

    applied = carried_out(inventory(), lab(managed))

    assert "network" not in device(applied)
    assert device(carried_out(Inventory(), applied)) == managed


def test_the_port_of_a_guest_that_moved_is_foreseen() -> None:
    applied = carried_out(inventory(), lab())

    here = applied.namespaces[HOST]
    links = {each.name: each for each in here.links}
    assert links["vethweb"].master == links["br0"].index
    assert links["vethweb"].vlans == (
        BridgeVlan(20, 20, pvid=True, untagged=True),
        BridgeVlan(30, 30),
    )


def test_the_router_goes_to_the_guest_itself_in_its_vlan_and_the_host_has_no_part() -> None:
    desired = desired_state(inventory(networks=True), lab(), KINDS).values()

    ways = [
        (type(each), each.describe())
        for each in desired
        if isinstance(each, HostRoute | RouterRoute)
    ]
    assert ways == [(RouterRoute, "10.90.1.0/24 via 10.20.0.12 dev t20")]


def test_a_host_that_will_have_an_address_there_gets_its_route() -> None:
    text = TEXT.replace("NIC", BRIDGED).replace(
        "bridges:",
        "links: {v20: {parent: br0, vlan: servers, addresses: [10.20.0.2/24]}}, bridges:",
    )
    wanted = parse_inventory([("lab.yaml", text.encode())], "lab.yaml")
    desired = desired_state(wanted, lab(in_vlan=False), KINDS).values()

    ways = [each.describe() for each in desired if isinstance(each, HostRoute | RouterRoute)]
    assert ways == ["10.90.1.0/24 via 10.20.0.12 dev v20", "10.90.1.0/24 via 10.0.0.2 dev lan0"]


def test_a_vlan_is_a_source_of_an_ingress_list() -> None:
    (network,) = inventory(networks=True).networks

    assert network.allow[0].sources == (ip_network("10.30.0.0/24"),)


def test_nothing_of_ours_is_seen_where_nothing_is() -> None:
    bare = replace(lab(), namespaces={})

    assert actual_state(bare, KINDS) == {}
    assert ip_address("10.20.0.12") in inventory().guests[0].nic.addresses
