"""A rule that somebody put into DOCKER-USER drops the packet.

Seen as: some sources or some containers are cut off, without any change in Docker.

Look, in the guest; the counters show which rule it is:

    iptables-save -c -t filter | grep DOCKER-USER

Why: DOCKER-USER is the chain that Docker leaves to its user and asks before its own rules, so a drop
there is somebody's decision: a copied hardening script, ufw-docker, or an interface name that has
changed since it was written.

Fix: an accept of ours for the subnet, in a chain HOMELAB that DOCKER-USER enters before that rule. The
rule itself is left alone. If it is meant as it stands, do not run the fix; if it is too wide, narrow
it: that is its writer's choice.

    iptables -R DOCKER-USER NUMBER …

Opens: every port of every container of that subnet, for everyone whom the rule kept out.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from dataclasses import replace

from homelab.checks.advice import accept_fix, evidence, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.rules import USER_CHAIN
from homelab.checks.seen import Group, Seen, aims

CODE = "docker-user-drop"


def claims(seen: Seen) -> bool:
    mine = seen.cause.chain == USER_CHAIN and seen.cause.owner != "homelab"
    return seen.in_guest and seen.by_iptables and mine


def tells(group: Group) -> Told:
    seen = group[0]
    fix = accept_fix(group, CODE)
    choice = f"`{seen.cause.rule}` stays, and to narrow it instead is its writer's choice"
    return Told(
        f"{seen.at}: a rule of the user drops {way_of(seen)} {aims(group)}, {evidence(seen)}",
        replace(fix, text=f"{fix.text}; {choice}"),
    )


FAULT = Fault(CODE, "a rule in DOCKER-USER drops", __doc__, claims, tells)
