"""A namespace of a snapshot, and the snapshot with that namespace changed."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import ip_network

from homelab.errors import OperationError
from homelab.model.kernel import LOCAL, LinkAddress, Namespace, NextHop, Route, Ruleset
from homelab.model.place import Interface, Place
from homelab.model.snapshot import Snapshot

KERNEL = "kernel"
EVERYWHERE = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
# IP6_RT_PRIO_ADDRCONF and IP6_RT_PRIO_USER in net/ipv6.
METRIC_ADDRCONF, METRIC_USER = 256, 1024


def namespace_of(snapshot: Snapshot, place: Place) -> Namespace:
    """``OperationError`` when the snapshot does not have the place."""
    found = snapshot.namespace(place)
    if found is None:
        why = snapshot.unread.get(str(snapshot.resolve(place)), "no such place is running")
        raise OperationError(f"{place}: {why}; see homelab snapshot")
    return found


def with_namespace(snapshot: Snapshot, place: Place, namespace: Namespace) -> Snapshot:
    namespaces = {**snapshot.namespaces, snapshot.resolve(place): namespace}
    return replace(snapshot, namespaces=namespaces)


def with_rules(namespace: Namespace, tool: str, change: Callable[[str], str]) -> Namespace:
    """The namespace with the text of one tool changed; the tool may have printed nothing so far."""
    before = ruleset(namespace, tool)
    others = tuple(each for each in namespace.rulesets if each.tool != tool)
    after = change(before)
    return replace(namespace, rulesets=(*others, Ruleset(tool, after)) if after else others)


def ruleset(namespace: Namespace, tool: str) -> str:
    return next((each.text for each in namespace.rulesets if each.tool == tool), "")


def with_address(namespace: Namespace, link: str, interface: Interface, *, down: bool) -> Namespace:
    """An address on a link, and the routes that the kernel makes of it."""
    return replace(
        namespace,
        addresses=(*namespace.addresses, LinkAddress(link, interface)),
        routes=(*namespace.routes, *_routes_of(link, interface, down=down)),
    )


def with_own_routes(namespace: Namespace, link: str, interface: Interface) -> Namespace:
    """The routes of an address that are missing, as when its link comes up."""
    there = {(each.destination, each.table, each.kind, each.link) for each in namespace.routes}
    missing = (
        each
        for each in _routes_of(link, interface, down=False)
        if (each.destination, each.table, each.kind, each.link) not in there
    )
    return replace(namespace, routes=(*namespace.routes, *missing))


def without_address(namespace: Namespace, link: str, interface: Interface) -> Namespace:
    own = set(_routes_of(link, interface, down=False))
    own |= set(_routes_of(link, interface, down=True))
    return replace(
        namespace,
        addresses=tuple(
            each for each in namespace.addresses if (each.link, each.interface) != (link, interface)
        ),
        routes=tuple(each for each in namespace.routes if each not in own),
    )


def _routes_of(link: str, interface: Interface, *, down: bool) -> Iterable[Route]:
    """Connected, local and broadcast: fib_add_ifaddr in net/ipv4/fib_frontend.c."""
    hops = (NextHop(link=link, linkdown=down),)
    address = ip_network(interface.ip)
    own = Route(address, (NextHop(link=link),), LOCAL, "local", KERNEL)
    connected = Route(interface.network, hops, protocol=KERNEL)
    if interface.version == 6:
        yield replace(connected, metric=METRIC_ADDRCONF)
        yield own
        return
    yield replace(connected, scope="link", source=interface.ip)
    yield replace(own, scope="host", source=interface.ip)
    if interface.network.prefixlen < 31:
        last = ip_network(interface.network.broadcast_address)
        yield Route(last, hops, LOCAL, "broadcast", KERNEL, scope="link", source=interface.ip)
