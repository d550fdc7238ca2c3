"""The machine that shall be the LAN's router does not forward.

Seen as: clients reach the router itself and nothing beyond it.

Look, on the router:

    sysctl net.ipv4.ip_forward

Why: a Linux machine forwards only if told to. On one that was a router yesterday, something switched it off: a
sysctl file, an update, a restart without the service that sets it. A machine that was never meant to be a
router should not be named as one in the inventory.

Fix: switch it on, and keep it in a file of the router's own, so that it outlives a reboot:

    echo net.ipv4.ip_forward=1 > /etc/sysctl.d/60-forward.conf
    sysctl --system

Opens: the router passes on everything that its firewall lets through.

Undo: `sysctl -w net.ipv4.ip_forward=0`.
"""

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_forwarding_off import is_forwarding
from homelab.checks.seen import Group, Seen, aims

CODE = "router-forwarding-off"


def claims(seen: Seen) -> bool:
    return seen.on_router and is_forwarding(seen)


def tells(group: Group) -> Told:
    seen = group[0]
    key = seen.cause.key or "net.ipv4.ip_forward"
    return Told(
        f"{seen.router}: it does not forward packets for {aims(group)}, {key} is 0",
        sysctl_fix(seen, key, "1"),
    )


FAULT = Fault(CODE, "the router does not forward", __doc__, claims, tells)
