"""A kernel setting keeps the packet from passing, in a place for which there is no fault of its own.

Seen as: packets arrive at a link and vanish before any firewall rule; the trace names the key.

Look, in the place that is named:

    sysctl KEY

Why: besides forwarding and reverse-path filtering, the kernel refuses packets that come in with one of its own
addresses as source (`accept_local`), or with a loopback address (`route_localnet`), and answers no ping where
`icmp_echo_ignore_all` is 1 (kernel, ip-sysctl). A source that is the place's own address mostly means
that one address is used twice.

Fix: for forwarding, reverse-path filtering and ping, the key is set to what lets the packet pass. For
the others look for the reason first, and nothing is offered.

Opens: what the key kept out, for everyone.

Undo: set the key to what it was.
"""

from homelab.checks.advice import loose_fix, sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_forwarding_off import is_forwarding
from homelab.checks.guest_rp_filter import is_rp_filter
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix

CODE = "dropped-by-sysctl"


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "sysctl"


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(f"{seen.at}: a kernel setting refuses the packet, {seen.cause.text}", _fix(group))


def _fix(group: Group) -> Fix | None:
    seen, key = group[0], group[0].cause.key or ""
    if is_forwarding(seen):
        return sysctl_fix(seen, key, "1")
    if is_rp_filter(seen):
        return loose_fix(group)
    return sysctl_fix(seen, key, "0") if key.endswith("echo_ignore_all") else None


FAULT = Fault(CODE, "a kernel setting refuses", __doc__, claims, tells)
