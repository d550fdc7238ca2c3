"""A rule in the container's own network namespace drops the packet.

Seen as: the packet leaves the guest's bridge towards the container, and no answer comes back.

Look, from the guest; the container's image needs no iptables for it:

    nsenter -t $(docker inspect -f '{{.State.Pid}}' NAME) -n iptables-save -c

Why: a container with the capability NET_ADMIN may filter for itself. VPN containers do, to stop all
traffic outside the tunnel (a "kill switch"); so do sidecars of service meshes, and Docker Swarm's own
rules inside of service containers.

Fix: in the configuration of the program that wrote the rule: most VPN images have a setting for local
networks that may pass, such as `FIREWALL_OUTBOUND_SUBNETS` or `LAN_NETWORK`. Homelab does not touch a
container's own rules.

Opens: what you let pass there.

Undo: take the setting back.
"""

from homelab.checks.advice import evidence, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix

CODE = "container-own-firewall"


def claims(seen: Seen) -> bool:
    return seen.in_container and seen.by_firewall


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: a rule inside of the container drops {way_of(seen)} {seen.target}, {evidence(seen)}",
        Fix("let the program in the container that wrote this rule pass your LAN"),
    )


FAULT = Fault(CODE, "the container's own firewall drops", __doc__, claims, tells)
