"""Where a place sends packets for a judged network, and the route that would send them right."""

from homelab.checks.advice import opens
from homelab.checks.lab import UNUSABLE, best_route, command, has_address, next_hop, route_text
from homelab.checks.seen import Seen
from homelab.model.finding import Fix
from homelab.model.kernel import NextHop, Route
from homelab.model.operation import AddRoute, DeleteRoute, Operation
from homelab.model.place import HOST, Network, Place
from homelab.model.snapshot import PROTOCOL

ANYWHERE = 0
"""Prefix length of a default route."""


def is_lost_between(seen: Seen, near: Place, far: Place) -> bool:
    """Whether the packet came to ``near`` and, by no rule of it, never to ``far``."""
    if near == far or seen.is_return or not seen.reached(near) or seen.reached(far):
        return False
    return seen.at != near or not (seen.by_firewall or seen.cause.kind == "sysctl")


def is_lost_at_host(seen: Seen) -> bool:
    return is_lost_between(seen, HOST, seen.place)


def is_lost_at_router(seen: Seen) -> bool:
    return is_lost_between(seen, seen.router, HOST)


def chosen(seen: Seen, near: Place) -> Route | None:
    return best_route(seen.snapshot.namespace(near), seen.target)


def is_missing(seen: Seen, near: Place) -> bool:
    """No route, or the default one only."""
    route = chosen(seen, near)
    return seen.snapshot.namespace(near) is not None and (
        route is None or (route.destination.prefixlen == ANYWHERE and route.kind not in UNUSABLE)
    )


def is_unusable(seen: Seen, near: Place) -> bool:
    route = chosen(seen, near)
    return route is not None and route.kind in UNUSABLE


def is_narrower(seen: Seen, near: Place) -> bool:
    """A route to a part of the subnet, which wins over any route to the whole."""
    route, subnet = chosen(seen, near), seen.subnet
    return route is not None and subnet is not None and _length(route) > subnet.prefixlen


def is_on_link(seen: Seen, near: Place) -> bool:
    route = chosen(seen, near)
    return route is not None and route.kind == "unicast" and route.via is None


def is_elsewhere(seen: Seen, near: Place, far: Place) -> bool:
    """A route of its own whose next hop is no address of ``far``, as far as that one was observed."""
    route, there = chosen(seen, near), seen.snapshot.namespace(far)
    if route is None or route.via is None or there is None or _length(route) == ANYWHERE:
        return False
    return not has_address(there, route.via)


def is_ours(route: Route) -> bool:
    return route.protocol == str(PROTOCOL)


def our_route(destination: Network, hop: NextHop) -> Route:
    return Route(destination, (hop,), protocol=str(PROTOCOL))


def route_fix(seen: Seen, near: Place, far: Place) -> Fix | None:
    """A route to the judged subnet on ``near`` through ``far``, with our mark."""
    hop = next_hop(seen.snapshot, near, far, seen.version)
    if hop is None or seen.subnet is None:
        return None
    kept = "; `homelab apply` does the same" if seen.is_wanted else ""
    text = f"route {seen.subnet} via {hop.via} on {near}{kept}"
    return Fix(text, (AddRoute(near, our_route(seen.subnet, hop)),), opens=opens((seen,)))


def reroute_fix(seen: Seen, near: Place, far: Place) -> Fix | None:
    """The right next hop in place of a wrong one; a route without our mark is left to its owner."""
    wrong = chosen(seen, near)
    hop = next_hop(seen.snapshot, near, far, seen.version)
    if wrong is None or hop is None or seen.subnet is None:
        return None
    if _length(wrong) < seen.subnet.prefixlen:
        return route_fix(seen, near, far)
    if not is_ours(wrong):
        line = _replace(seen, near, wrong, hop)
        text = f"ask whoever wrote `{route_text(wrong)}` on {near} to send it via {hop.via}"
        return Fix(text, commands=(line,), opens=opens((seen,)))
    steps: tuple[Operation, ...] = (
        DeleteRoute(near, wrong),
        AddRoute(near, our_route(wrong.destination, hop)),
    )
    text = f"route {wrong.destination} via {hop.via} on {near} in place of {wrong.via}"
    return Fix(text, steps, opens=opens((seen,)))


def _replace(seen: Seen, near: Place, wrong: Route, hop: NextHop) -> str:
    words = ("route", "replace", str(wrong.destination), "via", str(hop.via))
    link = ("dev", hop.link) if hop.link else ()
    return command(seen.case, near, "ip", *family(wrong), *words, *link)


def removal(seen: Seen, near: Place) -> tuple[str, ...]:
    """The command with which a person takes out the chosen route, which is not ours."""
    wrong = chosen(seen, near)
    if wrong is None:
        return ()
    kind = () if wrong.kind == "unicast" else (wrong.kind,)
    via = ("via", str(wrong.via)) if wrong.via else ()
    words = ("route", "del", *kind, str(wrong.destination), *via, "proto", wrong.protocol)
    return (command(seen.case, near, "ip", *family(wrong), *words),)


def shown(seen: Seen, near: Place) -> str:
    """The chosen route as ip(8) prints it."""
    route = chosen(seen, near)
    return f"`{route_text(route)}`" if route else "no route"


def family(route: Route) -> tuple[str, ...]:
    return ("-6",) if route.destination.version == 6 else ()


def _length(route: Route) -> int:
    return route.destination.prefixlen
