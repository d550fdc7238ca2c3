"""The keys of a guest's NIC in LXD and Incus that say on what it is, and in which VLANs.

Facts: "Devices, type nic" of both manuals: bridged, macvlan, sriov.
"""

from collections.abc import Iterator, Mapping

from homelab.model.inventory import Inventory, Nic

UNSET = "unset"
PLACED = (
    "nictype",
    "parent",
    "network",
    "vlan",
    "vlan.tagged",
    "hwaddr",
    "security.mac_filtering",
)


def placing(inventory: Inventory, nic: Nic, now: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the inventory says of it; a key of which it says nothing is left as it is."""
    for kind, parent in (
        ("bridged", _bridge(inventory, nic)),
        ("macvlan", nic.macvlan),
        ("sriov", nic.card),
    ):
        if parent is not None and now.get("network") != parent:
            yield from (("nictype", kind), ("parent", parent), ("network", UNSET))
    vlan = inventory.vlan(nic.vlan)
    if vlan is not None:
        yield "vlan", str(vlan.id)
    tagged = sorted(found.id for each in nic.tagged if (found := inventory.vlan(each)))
    if tagged:
        yield "vlan.tagged", ",".join(map(str, tagged))
    if nic.mac is not None:
        yield "hwaddr", nic.mac
    if nic.spoof_check is not None:
        yield "security.mac_filtering", str(nic.spoof_check).lower()


def _bridge(inventory: Inventory, nic: Nic) -> str | None:
    """A NIC on a bridge that is none of ours, and in no VLAN, is left where it is."""
    made = {each.name for host in inventory.hosts for each in host.bridges}
    return nic.bridge if nic.vlan or nic.tagged or nic.bridge in made else None


def is_replugged(keys: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether one of these keys changes where the NIC hangs: then the guest gets another link."""
    return any(key in PLACED and now.get(key, UNSET) != value for key, value in keys.items())
