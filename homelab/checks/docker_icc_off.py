"""Docker keeps containers of one bridge apart: inter-container communication is off.

Seen as: the LAN and the guest reach both containers, and the two, on the same network, do not reach each other.

Look, in the guest:

    docker network inspect NETWORK      # com.docker.network.bridge.enable_icc
    iptables-save -c -t filter | grep -e '-i BRIDGE -o BRIDGE -j DROP'

Why: with the option `com.docker.network.bridge.enable_icc=false` Docker writes a drop for what comes from a bridge
and goes back into it. The containers are neighbours on that bridge, so iptables meets their frames only while
`bridge-nf-call-iptables` is 1, which dockerd sets for this purpose.

Fix: if the containers shall talk, an accept from the subnet to itself in DOCKER-USER, which is asked before that
drop. The option belongs to the network, and whoever may make it anew changes it there:

    docker network create -o com.docker.network.bridge.enable_icc=true …

Opens: every port of every container of that subnet, for the other containers of that network.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import evidence
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.rules import among
from homelab.checks.seen import Group, Seen, aims, networks
from homelab.model.finding import Fix

CODE = "docker-icc-off"


def claims(seen: Seen) -> bool:
    mine = seen.in_guest and seen.by_firewall and seen.cause.owner == "docker"
    return mine and seen.cause.kind == "rule" and seen.within_bridge


def tells(group: Group) -> Told:
    seen = group[0]
    opened = tuple(f"containers of {each.aim} to each other, all ports" for each in networks(group))
    text = f"accept {aims(group)} to itself in DOCKER-USER of {seen.at}, or set enable_icc=true"
    return Told(
        f"{seen.at}: Docker keeps containers on {seen.cause.iif} apart, {evidence(seen)}",
        Fix(text, among(group, CODE) if seen.by_iptables else (), opens=opened),
    )


FAULT = Fault(CODE, "containers of one network are kept apart", __doc__, claims, tells, by_network)
