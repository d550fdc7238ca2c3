"""A VLAN link stands on another link than the one on which its VLAN is.

Seen as: the VLAN link is up, its id is right, and nobody answers in it.

Look, in the place that is named:

    ip -d link show type vlan           # LINK@PARENT

Why: the frames of a VLAN link go out by its parent. On a host whose NIC was put into a bridge the VLAN
link belongs on the bridge, not on the NIC any more; after a NIC was added or its name changed it may stand on
the other one.

Fix: make it anew on the right parent, with its address and routes; the parent cannot be changed:

    ip link del LINK
    ip link add link PARENT name LINK type vlan id 20

Opens: that VLAN, to that machine.

Undo: the same with the old parent.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import refused, told

CODE = "vlan-wrong-parent"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    return found is not None and found.is_astray


def tells(group: Group) -> Told:
    link, vlan = group[0].cause.key or "", str(group[0].cause.vlan)
    return told(
        group,
        f"VLAN link {link} stands on the wrong link",
        f"make {link} anew on the link that the other side hears",
        ("ip", "link", "del", link),
        ("ip", "link", "add", "link", "PARENT", "name", link, "type", "vlan", "id", vlan),
    )


FAULT = Fault(CODE, "a VLAN link stands on the wrong link", __doc__, claims, tells)
