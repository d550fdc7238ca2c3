"""The network card drops what a guest sends by its virtual function (VF) with another hardware address.

Seen as: the guest itself reaches everything; what stands behind a bridge or a macvlan link in the guest, and has a
hardware address of its own, reaches nobody.

Look, on the host:

    ip link show dev CARD               # vf N … spoof checking on

Why: with `spoofchk on`, which is the default of most cards, a VF may send only with the address that it was given
(ip-link(8)), or with those that its driver asked for and the card granted. A bridge in the guest sends the frames of its ports with their own addresses. LXD and Incus
switch the check on with `security.mac_filtering`, and off without it.

Fix: switch the check off for that VF; for a NIC of LXD or Incus with the device's key:

    ip link set CARD vf N spoofchk off
    lxc config device set NAME eth0 security.mac_filtering false

Opens: the guest may send with any hardware address.

Undo: `ip link set CARD vf N spoofchk on`.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import functions_on_the_way, told
from homelab.model.kernel import Link

CODE = "sriov-spoof-check"


def claims(seen: Seen) -> bool:
    unsure = seen.cause.kind == "unmodelled" and seen.cause.stage == "neighbour"
    return unsure and seen.cause.vlan is None and _index(seen) is not None


def _card(seen: Seen) -> Link | None:
    here = seen.here.links if seen.here else ()
    return next((each for each in here if each.name == seen.cause.key), None)


def _index(seen: Seen) -> int | None:
    card = _card(seen)
    ours = functions_on_the_way(seen, card) if card else ()
    return next((each.index for each in ours if each.spoof_check), None)


def tells(group: Group) -> Told:
    card, index = group[0].cause.key or "", str(_index(group[0]))
    return told(
        group,
        f"{card} may take what VF {index} sends for forged",
        f"switch the spoof check of VF {index} of {card} off",
        ("ip", "link", "set", card, "vf", index, "spoofchk", "off"),
    )


FAULT = Fault(CODE, "a card drops a guest's bridged frames", __doc__, claims, tells)
