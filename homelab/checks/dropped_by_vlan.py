"""A VLAN setting of a bridge or link keeps the frame from passing.

Seen as: the two ends are on one bridge, and ARP between them fails.

Look, in the place that is named:

    bridge vlan
    ip -d link show type bridge

Why: on a bridge with `vlan_filtering` a port passes only the VLANs in its own table; untagged frames belong to
the port's PVID, and the bridge's own entry (`self`) decides what the machine itself hears.

Fix: make both ports, and the bridge itself if the machine takes part, members of the same VLAN, in the
configuration that makes the bridge:

    bridge vlan add dev PORT vid 20
    bridge vlan add dev BRIDGE vid 20 self

Opens: that VLAN, to that port.

Undo: `bridge vlan del` with the same words.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix

CODE = "dropped-by-vlan"


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "vlan"


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: a VLAN setting keeps packets for {aims(group)} from passing, {seen.cause.text}",
        Fix(
            "make both ports members of the same VLAN",
            commands=(command(seen.case, seen.at, "bridge", "vlan"),),
        ),
    )


FAULT = Fault(CODE, "a VLAN setting drops", __doc__, claims, tells)
