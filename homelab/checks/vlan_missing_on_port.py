"""A port of a VLAN-aware bridge is not in the VLAN of the frames that should leave by it.

Seen as: both ends are in the same VLAN, ARP between them fails, and `tcpdump` shows the question on the bridge but
not behind the port.

Look, in the place that is named:

    bridge vlan show dev PORT

Why: with `vlan_filtering 1` a port passes only the VLANs in its own table (bridge(8)). A new port is in the
bridge's `vlan_default_pvid` only, which is 1: a trunk has to be made a member of each VLAN, and loses that
when the port is deleted and made anew, as the host's end of a guest's NIC is at each start.

Fix: make the port a member, tagged, and write it where the bridge is configured:

    bridge vlan add dev PORT vid 20

Opens: that VLAN, to what hangs on that port.

Undo: `bridge vlan del dev PORT vid 20`.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import called, refused, told

CODE = "vlan-missing-on-port"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    return found is not None and found.by_filter and found.is_trunk and found.vlan > 0


def tells(group: Group) -> Told:
    seen = group[0]
    link, vlan = seen.cause.key or "", seen.cause.vlan or 0
    return told(
        group,
        f"port {link} is missing in {called(vlan)}",
        f"make {link} of {seen.at} a member of VLAN {vlan}",
        ("bridge", "vlan", "add", "dev", link, "vid", str(vlan)),
    )


FAULT = Fault(CODE, "a bridge's port is not in the VLAN", __doc__, claims, tells)
