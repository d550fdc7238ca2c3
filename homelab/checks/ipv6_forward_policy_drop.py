"""The policy of FORWARD in ip6tables is DROP and nothing accepts the network.

Seen as: IPv4 to the containers works, IPv6 does not, and nothing comes back.

Look, in the place that is named:

    ip6tables-save -c -t filter | grep FORWARD

Why: Docker sets the policy for IPv6 where it manages ip6tables, also where IPv4's stayed at ACCEPT. It was DROP
with every release measured, 20.10 to 29.7.

Fix: our accept for the subnet in DOCKER-USER of ip6tables, or in FORWARD, for both directions, where
there is no such chain. On Docker 28 and later a network of homelab's own gets
`gateway_mode_ipv6=nat-unprotected` by `homelab apply` instead.

Opens: every port of every container of that IPv6 subnet, for whoever has a route to it. IPv6 addresses of a
global prefix are reachable from everywhere, unless the router's firewall says otherwise.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import accept_fix, by_hand, evidence
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "ipv6-forward-policy-drop"
OWN_KNOB = ("ufw", "firewalld")


def claims(seen: Seen) -> bool:
    policy = seen.by_forward_policy and seen.cause.owner not in OWN_KNOB
    place = seen.in_guest or seen.on_host or seen.on_router
    return policy and place and (seen.cause.source or seen.target).version == 6


def tells(group: Group) -> Told:
    seen = group[0]
    fix = by_hand if seen.on_router else accept_fix
    return Told(
        f"{seen.at}: what no rule accepts is not forwarded in IPv6, policy {evidence(seen)}, "
        f"and no rule accepts {aims(group)}",
        fix(group, CODE),
    )


FAULT = Fault(CODE, "the FORWARD policy of IPv6 drops", __doc__, claims, tells)
