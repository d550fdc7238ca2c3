"""The untagged frames of a bridge's port belong to another VLAN than those of the network, or to none.

Seen as: a guest on a VLAN-aware bridge reaches nobody, or the wrong network; its own frames have no tag.

Look, in the place that is named:

    bridge vlan show
    ip -d link show type bridge | grep vlan_default_pvid

Why: untagged frames that come in by a port get the VLAN that is marked PVID there; a port without one takes no
untagged frames at all. A bridge with `vlan_default_pvid 0` gives its new ports none (lxc issue 4350), one with
the default gives them 1. Both ends have to have the same.

Fix: give the port the PVID of the network that it belongs to:

    bridge vlan add dev PORT vid 20 pvid untagged
    bridge vlan del dev PORT vid 1

Opens: that VLAN, to what hangs on that port; it leaves the one in which it was.

Undo: the same commands with the numbers changed over.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import NATIVE, Refused, called, pvid, refused, told

CODE = "vlan-pvid-mismatch"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    return found is not None and found.by_filter and not found.is_bridge and not found.is_trunk


def tells(group: Group) -> Told:
    found = refused(group[0])
    link, vlan, was = group[0].cause.key or "", _wanted(found), pvid(found.link) if found else None
    own = f"its PVID is {was}" if was else "it has no PVID"
    dev = ("bridge", "vlan", "add", "dev", link, "vid", str(vlan), "pvid", "untagged")
    leave = (("bridge", "vlan", "del", "dev", link, "vid", str(was)),) if was is not None else ()
    return told(
        group,
        f"port {link} is not in {called(vlan)}, {own}",
        f"let the untagged frames of {link} belong to VLAN {vlan}",
        dev,
        *leave,
    )


def _wanted(found: Refused | None) -> int:
    """The VLAN of the frame; for one without, the PVID that the other ports of the bridge share."""
    if found is None or found.bridge is None or found.vlan:
        return found.vlan if found else NATIVE
    here = found.seen.here.links if found.seen.here else ()
    ports = (each for each in here if each.master == found.bridge.index)
    others = {pvid(each) for each in (*ports, found.bridge)} - {None}
    return others.pop() or NATIVE if len(others) == 1 else NATIVE


FAULT = Fault(CODE, "a bridge's port has another PVID", __doc__, claims, tells)
