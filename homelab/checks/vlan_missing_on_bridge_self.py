"""The bridge itself is not in the VLAN, so the machine that has the bridge cannot talk in it.

Seen as: guests in the VLAN reach each other and the network behind the trunk, and not the host; the host's VLAN
link on the bridge is up and hears nothing.

Look, in the place that is named:

    bridge vlan show dev BRIDGE

Why: on a VLAN-aware bridge the machine's own way in is a port like any other, with a table of its own: the
entries with `self` (bridge(8)). Adding the VLAN to the ports does not add it there.

Fix: add it, tagged if the address is on a VLAN link of the bridge, and write it where the bridge is configured:

    bridge vlan add dev BRIDGE vid 20 self

Opens: that VLAN, to the machine itself, and through it to what it routes.

Undo: `bridge vlan del dev BRIDGE vid 20 self`.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import NATIVE, called, refused, told

CODE = "vlan-missing-on-bridge-self"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    return found is not None and found.by_filter and found.is_bridge


def tells(group: Group) -> Told:
    seen = group[0]
    link, vlan = seen.cause.key or "", seen.cause.vlan or 0
    how = () if vlan else ("pvid", "untagged")
    return told(
        group,
        f"bridge {link} is itself in {called(vlan)} no member",
        f"make bridge {link} of {seen.at} itself a member",
        ("bridge", "vlan", "add", "dev", link, "vid", str(vlan or NATIVE), *how, "self"),
    )


FAULT = Fault(CODE, "the bridge itself is not in the VLAN", __doc__, claims, tells)
