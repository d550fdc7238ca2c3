"""The container gets the packet and has no route for its answer.

Seen as: containers and the guest on the same bridge reach it, everybody else does not.

Look, in the guest:

    docker exec NAME ip route           # no line that starts with default

Why: Docker gives a container one default route, through the network with the highest gateway priority that has a
gateway. There is none if all its networks are internal, if the network is in gateway mode `isolated` or was made
without a gateway, or if something in the container removed or replaced it (VPN clients do). It
answers neighbours without it and nobody else.

Fix: a restart of the container lets Docker set the route again, if its network has a gateway. If not, attach
it to a network that has one:

    docker network connect NETWORK NAME

Opens: the container's own way out.

Undo: `docker network disconnect NETWORK NAME`.
"""

from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix

CODE = "container-no-route-back"


def claims(seen: Seen) -> bool:
    return seen.in_container and seen.cause.kind == "route"


def tells(group: Group) -> Told:
    seen = group[0]
    name = seen.at.partition("/")[2]
    return Told(
        f"{seen.at}: it gets the packet and has no route for the answer to "
        f"{seen.cause.destination or seen.trace.source}, {seen.cause.text}",
        Fix(
            f"restart container {name}, so that Docker sets its default route again",
            commands=(command(seen.case, seen.place, "docker", "restart", name),),
        ),
    )


FAULT = Fault(CODE, "a container has no route back", __doc__, claims, tells, by_place)
