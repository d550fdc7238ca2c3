"""The host gets packets for its guests' containers and does not forward them.

Seen as: the host reaches the containers, nobody else does; guests reach the host and nothing beyond.

Look, on the host:

    sysctl net.ipv4.ip_forward net.ipv4.conf.all.forwarding

Why: LXD and Incus switch forwarding on for bridges that they manage, at their start; what runs later may
switch it off again: a hardening profile, `sysctl --system` with a distribution's own file, a network
service that sets it per link. With a bridge that LXD does not manage nobody switches it on at all. The link by
which the packet comes in must forward (kernel, ip-sysctl).

Fix: set the one key that is 0. `homelab apply` also keeps it over a reboot, in its own file
/etc/sysctl.d/60-homelab.conf.

Opens: the host becomes a router for everyone who routes through it, within what its firewall lets
through.

Undo: `sysctl -w net.ipv4.ip_forward=0`, or `homelab destroy`.
"""

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_forwarding_off import is_forwarding
from homelab.checks.seen import Group, Seen, aims

CODE = "host-forwarding-off"


def claims(seen: Seen) -> bool:
    return seen.on_host and is_forwarding(seen)


def tells(group: Group) -> Told:
    seen = group[0]
    key = seen.cause.key or "net.ipv4.ip_forward"
    return Told(
        f"host: it does not forward packets for {aims(group)}, {key} is 0",
        sysctl_fix(seen, key, "1"),
    )


FAULT = Fault(CODE, "the host does not forward", __doc__, claims, tells)
