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
from homelab.model.place import Address

CODE = "container-no-route-back"


def claims(seen: Seen) -> bool:
    return seen.in_container and seen.cause.kind == "route"


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: it gets the packet and has no route for the answer to "
        f"{seen.cause.destination or seen.trace.source}, {seen.cause.text}",
        _restart(seen) if seen.at.startswith("container:") else _route(seen),
    )


def _restart(seen: Seen) -> Fix:
    name = seen.at.partition("/")[2]
    return Fix(
        f"restart container {name}, so that Docker sets its default route again",
        commands=(command(seen.case, seen.place, "docker", "restart", name),),
    )


def _route(seen: Seen) -> Fix:
    """In a namespace that no daemon looks after the route is made by hand, through the bridge that it hangs on."""
    hop = _gateway(seen)
    family = ("-6",) if seen.version == 6 else ()
    words = ("ip", *family, "route", "add", "default", "via", str(hop))
    lines = (command(seen.case, seen.at, *words),) if hop else ()
    return Fix(f"a default route via {hop or 'its gateway'} in {seen.at}", commands=lines)


def _gateway(seen: Seen) -> Address | None:
    """The address that the judged network's own place has in the target's subnet."""
    there = seen.snapshot.namespace(seen.place)
    own = (each.interface for each in (there.addresses if there else ()))
    return next((each.ip for each in own if seen.target in each.network), None)


FAULT = Fault(CODE, "a container has no route back", __doc__, claims, tells, by_place)
