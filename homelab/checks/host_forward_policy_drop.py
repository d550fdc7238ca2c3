"""The host drops whatever it forwards unless a rule accepts it: Docker runs on it beside LXD or Incus.

Seen as: guests reach the host and nothing beyond, or their containers are not reached from the LAN, since Docker
was installed on the host.

Look, on the host:

    iptables-save -c -t filter | grep FORWARD

Why: the host's own dockerd switches forwarding on and sets the policy of FORWARD to DROP for everybody, its
own bridges excepted. It hits what LXD's guests send and receive, routed and, with br_netfilter loaded,
bridged too (lxd issues 8716, 3387, 12810). Other programs that set that policy have the same effect.

Fix: our accepts for the subnet, to it and from it, in DOCKER-USER, or in FORWARD where Docker has none. They
stand in a chain HOMELAB of their own; Docker's rules and the policy stay. A host without a reason to run
Docker beside its guests is mended best by moving it into a guest.

Opens: every port of every container of that subnet, for whoever has a route to it.

Undo: `homelab destroy`, or delete the rules with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import accept_fix, evidence, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "host-forward-policy-drop"
OWN_KNOB = ("ufw", "firewalld")


def claims(seen: Seen) -> bool:
    return seen.on_host and seen.by_forward_policy and seen.cause.owner not in OWN_KNOB


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"host: what no rule accepts is not forwarded, policy {evidence(seen)}, and no rule accepts "
        f"{way_of(seen)} {aims(group)}",
        accept_fix(group, CODE),
    )


FAULT = Fault(CODE, "the host's FORWARD policy drops", __doc__, claims, tells)
