"""Somebody's drop stands in FORWARD before Docker's rules are asked.

Seen as: containers were reachable, and are not since a firewall script or another service ran, though
all of Docker's rules are there.

Look, in the guest, at what stands above the jump to DOCKER-USER:

    iptables -L FORWARD -v -n --line-numbers

Why: the first rule that decides wins. From Docker 28 on its jumps are appended to FORWARD instead of
inserted at its top (moby issue 49498), so a `-A FORWARD -j DROP` that was there before dockerd started, or
a script that inserts at the top, shuts everything off.

Fix: our accept for the subnet, in a chain HOMELAB entered where it still counts: from DOCKER-USER if
that comes before the drop, else from the top of FORWARD, for both directions. The foreign rule stays;
whoever wrote it may want to narrow it.

Opens: every port of every container of that subnet, for everyone whom the rule kept out.

Undo: `homelab destroy`, or delete the rules with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import evidence, firewall_fix, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.rules import has_docker_chains
from homelab.checks.seen import Group, Seen, aims

CODE = "foreign-forward-drop-before-docker"


def claims(seen: Seen) -> bool:
    cause = seen.cause
    if not (seen.in_guest and seen.by_iptables and cause.kind == "rule" and seen.here):
        return False
    where = cause.chain == "FORWARD" and cause.table in (None, "filter")
    foreign = where and cause.owner in (None, "user")
    version = 6 if (cause.tool or "").startswith("ip6") else 4
    return foreign and has_docker_chains(seen.here, version)


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: a rule that is not Docker's drops {way_of(seen)} {aims(group)} before Docker's rules "
        f"are asked, {evidence(seen)}",
        firewall_fix(group, CODE),
    )


FAULT = Fault(CODE, "a foreign drop stands before Docker's rules", __doc__, claims, tells)
