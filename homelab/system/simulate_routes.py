"""Routes in memory: what rtnetlink would do, and what it would refuse."""

from dataclasses import replace

from homelab.errors import OperationError
from homelab.model.kernel import LOCAL, Namespace, NextHop, Route
from homelab.model.operation import AddRoute, DeleteRoute, MarkRoute
from homelab.model.place import Address
from homelab.system import routes
from homelab.system.route_words import words
from homelab.system.simulate_places import METRIC_USER


def add_route(namespace: Namespace, operation: AddRoute) -> Namespace:
    routes.check(operation.place, operation.route)
    return added(namespace, operation)


def added(namespace: Namespace, operation: AddRoute) -> Namespace:
    """As anybody may add a route, with any protocol."""
    place, wanted = operation.place, operation.route
    route = replace(wanted, metric=metric_of(wanted), hops=_resolved(namespace, operation))
    for each in namespace.routes:
        if _slot(each) == _slot(route):
            raise routes.in_the_way(place, wanted, words(each))
    return replace(namespace, routes=(*namespace.routes, route))


def delete_route(namespace: Namespace, operation: DeleteRoute) -> Namespace:
    place, wanted = operation.place, operation.route
    routes.check(place, wanted)
    found = next((each for each in namespace.routes if _is_meant(wanted, each)), None)
    if found is None:
        raise routes.missing(place, wanted)
    return replace(namespace, routes=tuple(each for each in namespace.routes if each is not found))


def mark_route(namespace: Namespace, operation: MarkRoute) -> Namespace:
    place, wanted = operation.place, operation.route
    routes.check_mark(operation)
    found = next((each for each in namespace.routes if _is_meant(wanted, each)), None)
    if found is None:
        raise routes.missing(place, wanted)
    marked = tuple(
        replace(each, protocol=operation.protocol) if each is found else each
        for each in namespace.routes
    )
    return replace(namespace, routes=marked)


def metric_of(route: Route) -> int:
    return route.metric or (METRIC_USER if route.destination.version == 6 else 0)


def _slot(route: Route) -> tuple[object, ...]:
    """Two routes with the same of this cannot both be added (NLM_F_EXCL)."""
    return route.destination, route.table, route.metric


def _is_meant(wanted: Route, found: Route) -> bool:
    """What is not said matches anything (fib_nh_match in net/ipv4/fib_semantics.c)."""
    fixed = (found.destination, found.table, found.protocol, found.kind, found.via)
    return (
        fixed == (wanted.destination, wanted.table, wanted.protocol, wanted.kind, wanted.via)
        and wanted.metric in (0, found.metric)
        and wanted.link in (None, found.link)
        and wanted.source in (None, found.source)
    )


def _resolved(namespace: Namespace, operation: AddRoute) -> tuple[NextHop, ...]:
    """The next hop with its link; refused when the link is not there or leads elsewhere."""
    place, route = operation.place, operation.route
    if not route.hops:
        return ()
    hop = route.hops[0]
    links = {each.name: each for each in namespace.links}
    if hop.link is not None and hop.link not in links:
        raise routes.no_link(place, route)
    if hop.via is not None and not hop.onlink:
        found = on_link(namespace, hop.via, hop.link)
        if found is None or not links[found].up:
            raise routes.off_link(place, route)
        hop = replace(hop, link=found)
    if hop.link is None:
        raise OperationError(f"{place}: ip route {words(route)}: no such device")
    if not links[hop.link].up:
        raise OperationError(f"{place}: {hop.link} is down; ip link set {hop.link} up")
    return (replace(hop, linkdown=not links[hop.link].carrier),)


def on_link(namespace: Namespace, address: Address, link: str | None = None) -> str | None:
    """The link on which an address can be reached without another router."""
    ways = [
        each
        for each in namespace.routes
        if each.table != LOCAL
        and each.kind == "unicast"
        and each.via is None
        and each.link is not None
        and address in each.destination
        and link in (None, each.link)
    ]
    best = max(ways, key=lambda each: each.destination.prefixlen, default=None)
    return best.link if best else None
