"""The container is on several networks and answers through another one than it was asked on.

Seen as: the container answers its neighbours on that network and nobody behind a router; one of its other addresses
is reached.

Look, in the guest:

    docker exec NAME ip route           # default via the gateway of another network
    docker inspect -f '{{json .NetworkSettings.Networks}}' NAME

Why: a container has one default route, through one of its networks: one with both versions of IP before one with
a single version, then the one with the highest gateway priority, and among equals the first by name. Measured with
20.10, 26.1 and 28.5. An answer from an address of another network leaves by that
route all the same, into a bridge where a strict `rp_filter` or a firewall drops it.

Fix: the network that shall be reached from outside gets the default route. From Docker 28 on that is one option;
before, the networks' names decide, or the container is attached to that network alone.

    docker network connect --gw-priority 1 NETWORK NAME

Opens: nothing new towards the container; what it sends by itself now leaves through that network.

Undo: attach it without the option.
"""

from homelab.checks.fault import Fault, Told, by_target
from homelab.checks.lab import best_route, command, container_with, has_address, route_text
from homelab.checks.rules import OPTIONS_SUFFICE
from homelab.checks.seen import Group, Seen
from homelab.model.docker import DockerContainer, DockerNetwork
from homelab.model.finding import Fix
from homelab.model.kernel import Namespace, Route
from homelab.model.place import HOST, container, guest_of

CODE = "container-wrong-gateway"


def claims(seen: Seen) -> bool:
    back = seen.is_return or (seen.cause.key or "").endswith("rp_filter")
    asymmetric = seen.cause.kind in ("sysctl", "rule", "policy", "route")
    inside = (seen.in_container or seen.in_guest) and back and asymmetric
    return inside and (_leaves_elsewhere(seen) or _asks_a_neighbour(seen) is not None)


def _asks_a_neighbour(seen: Seen) -> Route | None:
    """The route by which the answer came to another container of the same network, instead of the bridge."""
    asked = _asked(seen)
    if asked is None or not seen.at.startswith("container:"):
        return None
    own = container(guest_of(seen.place) or HOST, asked.name)
    source = seen.trace.source
    route = best_route(_inside(seen), source) if source and seen.at != own else None
    return route if route is not None and has_address(seen.here, route.via) else None


def _asked(seen: Seen) -> DockerContainer | None:
    return container_with(seen.daemon, seen.judgement.name.network, seen.target)


def _inside(seen: Seen) -> Namespace | None:
    asked = _asked(seen)
    name = guest_of(seen.place) or HOST
    return seen.snapshot.namespace(container(name, asked.name)) if asked else None


def _own_link(seen: Seen) -> str | None:
    inside = _inside(seen)
    addresses = inside.addresses if inside else ()
    return next((each.link for each in addresses if each.interface.ip == seen.target), None)


def _leaves_elsewhere(seen: Seen) -> bool:
    """Whether its answer takes another link than the one with the address that was asked."""
    source, own = seen.trace.source, _own_link(seen)
    route = best_route(_inside(seen), source) if source else None
    return own is not None and route is not None and route.link not in (None, own)


def _fix(seen: Seen, name: str, network: str) -> Fix:
    if seen.daemon is not None and 0 < seen.daemon.major < OPTIONS_SUFFICE:
        return _alone(seen, name, network, f"Docker {seen.daemon.version} has no --gw-priority")
    if _is_outranked(seen):
        why = f"a network with both versions of IP goes before {network}, whatever its priority"
        return _alone(seen, name, network, why)
    address = ("--ip6" if seen.version == 6 else "--ip", str(seen.target))
    leave = ("docker", "network", "disconnect", network, name)
    join = ("docker", "network", "connect", "--gw-priority", "1", *address, network, name)
    lines = tuple(command(seen.case, seen.place, *each) for each in (leave, join))
    return Fix(f"let {name} have its default route through {network}", commands=lines)


def _is_outranked(seen: Seen) -> bool:
    """Whether the container is on a network of both versions of IP, and was asked on one of a single version."""
    asked, daemon = _asked(seen), seen.daemon
    names = {each.network for each in asked.attachments} if asked else set()
    both = {each.name for each in (daemon.networks if daemon else ()) if _is_dual(each)}
    return bool(names & both) and seen.judgement.name.network not in both


def _is_dual(network: DockerNetwork) -> bool:
    return {each.subnet.version for each in network.subnets} == {4, 6}


def _alone(seen: Seen, name: str, network: str, why: str) -> Fix:
    asked = _asked(seen)
    others = [each.network for each in asked.attachments] if asked else []
    lines = tuple(
        command(seen.case, seen.place, "docker", "network", "disconnect", each, name)
        for each in others
        if each != network
    )
    return Fix(f"attach {name} to {network} alone: {why}", commands=lines)


def tells(group: Group) -> Told:
    seen, asked = group[0], _asked(group[0])
    name, network = asked.name if asked else "", seen.judgement.name.network
    wrong = _asks_a_neighbour(seen)
    if wrong is not None:
        return _of_neighbour(seen, name, wrong)
    source = seen.trace.source
    route = best_route(_inside(seen), source) if source else None
    return Told(
        f"{seen.at}: {name} is asked at {seen.target} on {network} and answers through {route.link if route else ''}, "
        f"another network; {seen.cause.text}",
        _fix(seen, name, network),
    )


def _of_neighbour(seen: Seen, name: str, wrong: Route) -> Told:
    at = container(guest_of(seen.place) or HOST, name)
    line = command(seen.case, seen.place, "docker", "restart", name)
    return Told(
        f"{at}: it answers by `{route_text(wrong)}`, which is {seen.at} and no gateway; {seen.cause.text}",
        Fix(f"restart container {name}, so that Docker sets its default route again", (), (line,)),
        at=at,
    )


FAULT = Fault(
    CODE, "a container answers through another network", __doc__, claims, tells, by_target
)
