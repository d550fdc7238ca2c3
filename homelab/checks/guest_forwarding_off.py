"""The guest gets packets for its containers and does not forward them.

Seen as: the guest and the network's gateway address answer, the containers do not; no firewall counter
moves. Containers reach nothing outside.

Look, in the guest:

    sysctl net.ipv4.ip_forward net.ipv4.conf.all.forwarding

Why: a machine forwards only if told to. dockerd sets `net.ipv4.ip_forward` when it starts (not with
`"ip-forward": false`), and anything later may take it back: a sysctl file, a hardening script, a network
service. A new guest inherits the value of the machine's first namespace; each interface also has its own
`forwarding`, which must be 1 on the one where the packet comes in (kernel, ip-sysctl).

Fix: set the one key that is 0. `homelab apply` also writes it into the guest's configuration in LXD or
Incus, so that it is there before dockerd at each start.

Opens: whatever the guest's firewall lets through. Docker leaves the policy of FORWARD at ACCEPT when it
finds forwarding on at its start.

Undo: `sysctl -w net.ipv4.ip_forward=0` in the guest.
"""

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "guest-forwarding-off"


def is_forwarding(seen: Seen) -> bool:
    return seen.cause.kind == "sysctl" and (seen.cause.key or "").endswith(
        ("ip_forward", ".forwarding")
    )


def claims(seen: Seen) -> bool:
    return seen.in_guest and is_forwarding(seen)


def tells(group: Group) -> Told:
    seen = group[0]
    key = seen.cause.key or "net.ipv4.ip_forward"
    return Told(
        f"{seen.at}: it does not forward packets for {aims(group)}, {key} is 0",
        sysctl_fix(seen, key, "1"),
    )


FAULT = Fault(CODE, "a guest does not forward", __doc__, claims, tells)
