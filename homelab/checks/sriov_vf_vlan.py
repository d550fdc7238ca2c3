"""The network card puts a guest's virtual function (VF) into another VLAN than its network.

Seen as: the guest's NIC is up and without fault, and nobody hears it; nothing in the guest shows a VLAN.

Look, on the host:

    ip link show dev CARD               # the lines vf N … vlan …

Why: the card itself puts the VLAN of `ip link set CARD vf N vlan V` on what the VF sends and lets only frames of
that VLAN come to it. The setting stays when the guest that used the VF is gone, unless what gave it the VF
resets it: the next guest finds itself in the other's VLAN.

Fix: the VLAN of the guest's network; for a NIC that LXD or Incus gave with `nictype: sriov` the device's key `vlan`,
or:

    ip link set CARD vf N vlan 20

Opens: that VLAN, to the guest.

Undo: the same with the old number; 0 means none.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import Refused, called, functions_on_the_way, refused, told

CODE = "sriov-vf-vlan"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    return found is not None and _index(found) is not None


def _index(found: Refused) -> int | None:
    """The VF on the way that the card puts into another VLAN than that of the frame."""
    ours = functions_on_the_way(found.seen, found.link)
    return next((each.index for each in ours if each.vlan and each.vlan != found.vlan), None)


def tells(group: Group) -> Told:
    seen, found = group[0], refused(group[0])
    card, vlan = seen.cause.key or "", seen.cause.vlan or 0
    index = str(_index(found)) if found else ""
    return told(
        group,
        f"VF {index} of {card} is in another VLAN than the frames, which are in {called(vlan)}",
        f"put VF {index} of {card} into {called(vlan)}",
        ("ip", "link", "set", card, "vf", index, "vlan", str(vlan)),
    )


FAULT = Fault(CODE, "a virtual function is in another VLAN", __doc__, claims, tells)
