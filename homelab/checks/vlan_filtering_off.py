"""The ports of a bridge have VLANs in their tables, and the bridge does not look at them.

Seen as: `bridge vlan` shows everything as it should be, and yet tagged frames arrive where untagged ones are
expected, or the other way round; networks that should be apart see each other's broadcasts.

Look, in the place that is named:

    ip -d link show type bridge | grep vlan_filtering

Why: the table of a port counts only while the bridge has `vlan_filtering 1`, and the default is 0 (ip-link(8)).
Without it frames pass with the tags that they have: none is put on at a port with a PVID, and none taken off.

Fix: switch it on, and write it where the bridge is configured:

    ip link set BRIDGE type bridge vlan_filtering 1

Opens: nothing new; it closes what leaked between the VLANs.

Undo: `ip link set BRIDGE type bridge vlan_filtering 0`.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.checks.vlans import NATIVE, is_filtering, members, refused
from homelab.model.finding import Fix
from homelab.model.kernel import Link
from homelab.model.place import Place

CODE = "vlan-filtering-off"


def claims(seen: Seen) -> bool:
    return next(_bridges(seen), None) is not None


def _bridges(seen: Seen) -> Iterator[tuple[Place, Link]]:
    """Bridges without a filter that were meant to put on or take off the tag in question."""
    found = refused(seen)
    if found is None or found.by_filter or found.is_astray:
        return
    meant = {found.vlan, found.own_vlan} - {0, NATIVE}
    for place, here in seen.snapshot.namespaces.items():
        for bridge in here.links:
            if bridge.kind == "bridge" and not is_filtering(bridge):
                ports = (each for each in here.links if each.master == bridge.index)
                if any(members(each) & meant for each in (*ports, bridge)):
                    yield place, bridge


def tells(group: Group) -> Told:
    seen = group[0]
    place, bridge = next(_bridges(seen))
    words = ("ip", "link", "set", bridge.name, "type", "bridge", "vlan_filtering", "1")
    return Told(
        f"{place}: bridge {bridge.name} has VLANs for its ports and does not filter, so tags stay as they are "
        f"on packets for {aims(group)}, {seen.cause.text}",
        Fix(
            f"switch the VLAN filter of {bridge.name} on, and where it is configured",
            commands=(command(seen.case, place, *words),),
        ),
        at=place,
    )


FAULT = Fault(CODE, "a bridge does not look at its VLANs", __doc__, claims, tells)
