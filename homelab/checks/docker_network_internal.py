"""The network was made `--internal`: Docker lets nothing in and nothing out.

Seen as: containers reach each other on that network and nobody else, and nobody else reaches them. They
have no default route.

Look, in the guest:

    docker network inspect NETWORK      # "Internal": true
    iptables-save -t filter             # ! -s SUBNET -o br-… -j DROP and ! -d SUBNET -i br-… -j DROP

Why: that is what the option is for. Docker drops both directions in its isolation chains
(DOCKER-ISOLATION-STAGE-1 up to 28, DOCKER-INTERNAL in 29) and gives the containers no way back.
Measured with 20.10, 26.1 and 28.5.

Fix: nothing is wrong if the network is meant to be closed: then leave it out of the inventory, or say
`ingress: none`. If it shall be reached it has to be made anew without the option, because Docker cannot
change a network. An accept in front of the drop would not help: the replies have no route.

    docker network disconnect NETWORK CONTAINER
    docker network rm NETWORK
    docker network create --subnet SUBNET NETWORK

Opens: what its successor's options open, and the containers' own way out.

Undo: make the network anew with `--internal`.
"""

from homelab.checks.advice import evidence
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix

CODE = "docker-network-internal"


def claims(seen: Seen) -> bool:
    """Docker's own drop, or no way back out of a container: both come with the option."""
    if seen.network is None or not seen.network.internal:
        return False
    dropped = seen.in_guest and seen.by_firewall and seen.cause.owner == "docker"
    return dropped or (seen.in_container and seen.cause.kind == "route")


def tells(group: Group) -> Told:
    seen = group[0]
    name = seen.judgement.name.network
    why = evidence(seen) if seen.by_firewall else f"{seen.at} has no default route"
    line = command(seen.case, seen.place, "docker", "network", "inspect", name)
    return Told(
        f"{seen.place}: network {name} is internal, so nothing enters or leaves it, {why}",
        Fix(f"make {name} anew without `--internal`, if it shall be reached", commands=(line,)),
        at=seen.place,
    )


FAULT = Fault(CODE, "the network is internal", __doc__, claims, tells, by_network)
