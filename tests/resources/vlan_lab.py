"""A host with two cables and what an inventory wants of its links, for tests of the kinds that are about links."""

from dataclasses import replace
from ipaddress import ip_interface

from homelab.load.inventory import parse_inventory
from homelab.model.inventory import Inventory
from homelab.model.kernel import BridgeVlan, Link, Namespace
from homelab.model.place import HOST
from homelab.model.plan import Plan
from homelab.model.snapshot import Snapshot
from homelab.model.wires import CardCount
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.execute import execute
from homelab.resources import KINDS
from homelab.system.simulate_places import with_address
from homelab.system.simulated import SimulatedSystem

TEXT = """
vlans:
  servers: {id: 20, subnet: 10.20.0.0/24}
  guests: {id: 30}
  outer: {id: 100, protocol: 802.1ad}
hosts:
  nuc:
    uplink: eth0
    vlans: [servers, guests, outer]
    links:
      eth0.30: {parent: eth0, vlan: guests, addresses: [10.30.0.2/24, "fd00:30::2/64"], mtu: 1400}
      s100: {parent: eth0, vlan: outer}
      br0.20: {parent: br0, vlan: servers, addresses: [10.20.0.2/24]}
    bridges:
      br0:
        self: {tagged: [servers]}
        ports:
          eth1: {tagged: [servers], untagged: guests}
"""


def inventory(text: str = TEXT) -> Inventory:
    return parse_inventory([("lab.yaml", text.encode())], "lab.yaml")


def host(*more: Link, lacks: tuple[str, ...] = ()) -> Snapshot:
    lo = Link(1, "lo", loopback=True)
    links = (lo, Link(2, "eth0", "veth"), Link(3, "eth1", "veth"), *more)
    here = with_address(Namespace(links=links), "eth0", ip_interface("10.0.0.2/24"), down=False)
    return Snapshot(host="nuc", namespaces={HOST: here}, lacks=lacks)


def with_card(snapshot: Snapshot, name: str, now: int = 0, total: int = 7) -> Snapshot:
    return replace(snapshot, cards={name: CardCount(now, total)})


def bridge(name: str = "br9", **options: str) -> Link:
    """One that somebody else made, with the kernel's own defaults."""
    told = {"vlan_filtering": "1", "vlan_default_pvid": "1", **options}
    return Link(9, name, "bridge", options=told, vlans=(BridgeVlan(1, 1, True, True),))  # noqa: FBT003 - columns of bridge(8)


def plan(wanted: Inventory, snapshot: Snapshot) -> Plan:
    desired = desired_state(wanted, snapshot, KINDS)
    return diff(desired, actual_state(snapshot, KINDS), snapshot)


def blocked(wanted: Inventory, snapshot: Snapshot) -> tuple[str, ...]:
    desired = desired_state(wanted, snapshot, KINDS)
    return obstacles(desired, actual_state(snapshot, KINDS), snapshot)


def carried_out(wanted: Inventory, snapshot: Snapshot) -> Snapshot:
    system = SimulatedSystem(snapshot)
    execution = execute(plan(wanted, snapshot).operations(), system.run)
    assert execution.failure is None, execution.failure
    return system.read()
