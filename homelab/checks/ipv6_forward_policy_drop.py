"""FORWARD of ip6tables drops, by its policy or by a rule, and nothing accepts the network.

Seen as: IPv4 to the containers works, IPv6 does not, and nothing comes back.

Look, in the place that is named:

    ip6tables-save -c -t filter | grep FORWARD

Why: Docker sets the policy for IPv6 where it manages ip6tables, also where IPv4's stayed at ACCEPT. It was DROP
with every release measured, 20.10 to 29.7. Where Docker leaves ip6tables alone, as up to 26 by default,
it has no chain there, and a drop that somebody wrote into FORWARD is met by all that is forwarded.

Fix: our accept for the subnet in DOCKER-USER of ip6tables, or in FORWARD, for both directions, where
there is no such chain. On Docker 28 and later a network of homelab's own gets
`gateway_mode_ipv6=nat-unprotected` by `homelab apply` instead.

Opens: every port of every container of that IPv6 subnet, for whoever has a route to it. IPv6 addresses of a
global prefix are reachable from everywhere, unless the router's firewall says otherwise.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import accept_fix, by_hand, evidence, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.rules import has_docker_chains
from homelab.checks.seen import Group, Seen, aims

CODE = "ipv6-forward-policy-drop"
OWN_KNOB = ("ufw", "firewalld")
SIX = 6


def claims(seen: Seen) -> bool:
    if (seen.cause.source or seen.target).version != SIX or seen.cause.owner in OWN_KNOB:
        return False
    place = seen.in_guest or seen.on_host or seen.on_router
    return (seen.by_forward_policy and place) or _by_rule_alone(seen)


def _by_rule_alone(seen: Seen) -> bool:
    """A drop in a guest's FORWARD, in a table in which Docker has nothing that would let packets pass."""
    cause, here = seen.cause, seen.here
    if here is None or not (seen.in_guest and seen.by_iptables and cause.kind == "rule"):
        return False
    where = cause.chain == "FORWARD" and cause.table in (None, "filter")
    return where and cause.owner in (None, "user") and not has_docker_chains(here, SIX)


def tells(group: Group) -> Told:
    seen = group[0]
    fix = by_hand if seen.on_router else accept_fix
    why = (
        f"what no rule accepts is not forwarded in IPv6, policy {evidence(seen)}, "
        f"and no rule accepts {aims(group)}"
        if seen.by_forward_policy
        else f"a rule drops {way_of(seen)} {aims(group)}, and Docker has none in ip6tables, {evidence(seen)}"
    )
    return Told(f"{seen.at}: {why}", fix(group, CODE))


FAULT = Fault(CODE, "FORWARD of IPv6 drops", __doc__, claims, tells)
