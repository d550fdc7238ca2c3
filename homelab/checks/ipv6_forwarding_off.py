"""A place on the way does not forward IPv6.

Seen as: IPv4 to the containers works, IPv6 does not.

Look, in the place that is named:

    sysctl net.ipv6.conf.all.forwarding

Why: for IPv6 `conf.all.forwarding` decides for all links (from Linux 6.17 on also `force_forwarding` of one link);
`ip_forward` is IPv4's alone. Docker sets it only where a network has IPv6, LXD only for bridges with an
IPv6 address.

Fix: set the key; `homelab apply` keeps it over a restart for networks in the inventory. Mind what else
it does (kernel, ip-sysctl): a machine that forwards ignores router advertisements unless `accept_ra` of the
link is 2, so a host or guest that got its default route that way loses it when it runs out. Set

    sysctl -w net.ipv6.conf.eth0.accept_ra=2

first, where the default route is `proto ra`.

Opens: everything that the place's IPv6 firewall lets through.

Undo: `sysctl -w net.ipv6.conf.all.forwarding=0`.
"""

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_forwarding_off import is_forwarding
from homelab.checks.seen import Group, Seen, aims

CODE = "ipv6-forwarding-off"


def claims(seen: Seen) -> bool:
    return is_forwarding(seen) and (seen.cause.key or "").startswith("net.ipv6.")


def tells(group: Group) -> Told:
    seen = group[0]
    key = seen.cause.key or ""
    return Told(
        f"{seen.at}: it does not forward IPv6 packets for {aims(group)}, {key} is 0",
        sysctl_fix(seen, key, "1"),
    )


FAULT = Fault(CODE, "IPv6 is not forwarded", __doc__, claims, tells)
