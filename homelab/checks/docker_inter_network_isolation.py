"""Docker keeps two bridges of one guest apart, and the packet goes from one to the other.

Seen as: containers of two networks of the same guest do not reach each other, while both are reached
from outside.

Look, in the guest:

    iptables-save -c -t filter | grep ISOLATION

Why: what leaves one of Docker's bridges for another is dropped in DOCKER-ISOLATION-STAGE-2, whatever the
networks' own rules say; see moby issue 48526. The chain comes before the accepts of published ports.

Fix: an accept of the target's subnet in DOCKER-USER, which is asked earlier. A container that needs both
networks can also be attached to both, which opens nothing else:

    docker network connect NETWORK CONTAINER

Opens: every port of every container of that subnet, for the guest's other networks and for whoever else has a
route to it.

Undo: `homelab destroy`; rules in the guest also vanish with its next restart.
"""

from homelab.checks.advice import accept_fix, docker_fix, evidence
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import docker_bridges
from homelab.checks.seen import Group, Seen

CODE = "docker-inter-network-isolation"


def claims(seen: Seen) -> bool:
    if not (seen.in_guest and seen.by_firewall and seen.cause.owner == "docker"):
        return False
    between = {seen.cause.iif, seen.cause.oif} <= docker_bridges(seen.snapshot, seen.at)
    apart = seen.cause.iif != seen.cause.oif
    return "ISOLATION" in (seen.cause.chain or "") or (between and apart)


def tells(group: Group) -> Told:
    seen = group[0]
    fix = docker_fix if seen.cause.tool == "nft" else accept_fix
    return Told(
        f"{seen.at}: Docker keeps its bridges {seen.cause.iif} and {seen.cause.oif} apart, {evidence(seen)}",
        fix(group, CODE),
    )


FAULT = Fault(CODE, "Docker isolates its networks", __doc__, claims, tells, by_network)
