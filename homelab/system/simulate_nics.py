"""A guest's NIC on a bridge in memory: as LXD or Incus plug it when the guest starts."""

from collections.abc import Mapping
from dataclasses import replace

from homelab.model.kernel import BridgeVlan, Link
from homelab.model.lxc import Instance
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from homelab.system.simulate_links import link_named, with_carrier
from homelab.system.simulate_places import with_namespace


def plugged(snapshot: Snapshot, one: Instance) -> Snapshot:
    """Every NIC of a guest that is a veth pair hangs on the bridge, and in the VLANs, that its device says."""
    for name, device in one.expanded_devices.items():
        bridge = device.get("network") or device.get("parent", "")
        kind = device.get("nictype", "bridged")
        if device.get("type") == "nic" and kind == "bridged":
            snapshot = _on_bridge(snapshot, one, device.get("name", name), bridge, device)
    return snapshot


def _on_bridge(
    snapshot: Snapshot, one: Instance, name: str, bridge: str, device: Mapping[str, str]
) -> Snapshot:
    inside, here = snapshot.namespace(guest(one.name)), snapshot.host_namespace
    inner = link_named(inside, name) if inside else None
    if inner is None or here is None or inner.kind != "veth":
        return snapshot
    outer = next((each for each in here.links if _is_end(each, inner)), None)
    master = link_named(here, bridge)
    if outer is None or master is None:
        return snapshot
    before = next((each.name for each in here.links if each.index == outer.master), None)
    moved = replace(outer, master=master.index, vlans=_vlans(master, device))
    links = tuple(moved if each is outer else each for each in here.links)
    here = with_carrier(replace(here, links=links), bridge)
    here = with_carrier(here, before) if before else here
    return with_namespace(snapshot, HOST, here)


def _is_end(link: Link, inner: Link) -> bool:
    return link.kind == "veth" and (link.index, link.peer) == (inner.peer, inner.index)


def _vlans(bridge: Link, device: Mapping[str, str]) -> tuple[BridgeVlan, ...]:
    """Without the key ``vlan`` the port keeps what the bridge gives to a new one."""
    if bridge.options.get("vlan_filtering") != "1":
        return ()
    native = device.get("vlan") or bridge.options.get("vlan_default_pvid", "0")
    tagged = [each.strip() for each in device.get("vlan.tagged", "").split(",")]
    rows = [BridgeVlan(int(each), int(each)) for each in tagged if each.isdecimal()]
    if native.isdecimal() and native != "0":
        rows.append(BridgeVlan(int(native), int(native), pvid=True, untagged=True))
    return tuple(sorted(rows, key=lambda each: each.first))
