"""Nobody on the wire answers for the next hop.

Seen as: "Destination Host Unreachable" from the place that asks, after three seconds; the neighbour's entry is
FAILED or INCOMPLETE.

Look, in the place that is named:

    ip neigh show dev LINK
    tcpdump -ni LINK arp or icmp6

Why: the next hop is right as far as addresses go, and the two do not meet on layer 2: another VLAN, another
bridge, a port that is isolated or not forwarding, a filter that drops ARP, or the machine is simply off.
`arp_ignore` makes a machine answer only on the link that holds the address.

Fix: none can be offered from here: compare on both sides the bridge, the VLAN and the address.

    bridge link; bridge vlan
    ip -br address

Opens: nothing.

Undo: nothing to undo.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix

CODE = "host-neighbour-failed"


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "neighbour"


def tells(group: Group) -> Told:
    seen = group[0]
    link = seen.cause.oif
    show = ("ip", "neigh", "show", *(("dev", link) if link else ()))
    return Told(
        f"{seen.at}: the next hop for {aims(group)} does not answer, {seen.cause.text}",
        Fix(
            "compare bridge, VLAN and address of both ends",
            commands=(command(seen.case, seen.at, *show),),
        ),
    )


FAULT = Fault(CODE, "the next hop does not answer", __doc__, claims, tells)
