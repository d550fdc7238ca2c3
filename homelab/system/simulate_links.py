"""Links in memory: a bridge of Docker's, and the veth pair between a container and its bridge."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from homelab.errors import OperationError
from homelab.model.kernel import BridgePort, BridgeVlan, Link, Namespace
from homelab.model.place import Interface, Place
from homelab.model.snapshot import Snapshot
from homelab.system.simulate_places import (
    namespace_of,
    with_address,
    with_namespace,
    with_own_routes,
    without_address,
)
from homelab.system.simulate_sysctls import of_new_link, without_link


def next_index(namespace: Namespace) -> int:
    return 1 + max((each.index for each in namespace.links), default=0)


def link_named(namespace: Namespace, name: str) -> Link | None:
    return next((each for each in namespace.links if each.name == name), None)


def with_bridge(namespace: Namespace, name: str, gateways: tuple[Interface, ...]) -> Namespace:
    """A bridge without a port has no carrier: its routes are down, and do forward."""
    link = Link(next_index(namespace), name, "bridge", carrier=False, operstate="DOWN")
    grown = with_link(namespace, link)
    for each in gateways:
        grown = with_address(grown, name, each, down=True)
    return grown


def with_link(namespace: Namespace, link: Link) -> Namespace:
    sysctls = {**namespace.sysctls, **of_new_link(namespace, link.name)}
    return replace(namespace, links=(*namespace.links, link), sysctls=sysctls)


def without(namespace: Namespace, name: str) -> Namespace:
    """The namespace without a link and all that hangs on it."""
    for each in namespace.addresses:
        if each.link == name:
            namespace = without_address(namespace, name, each.interface)
    return replace(
        namespace,
        links=tuple(each for each in namespace.links if each.name != name),
        routes=tuple(
            each for each in namespace.routes if name not in {hop.link for hop in each.hops}
        ),
        neighbours=tuple(each for each in namespace.neighbours if each.link != name),
        fdb=tuple(each for each in namespace.fdb if each.link != name),
        sysctls=without_link(namespace.sysctls, name),
    )


def with_carrier(namespace: Namespace, bridge: str) -> Namespace:
    """A bridge has a carrier while it has a port that has one."""
    found = link_named(namespace, bridge)
    if found is None:
        return namespace
    carrier = any(each.master == found.index and each.carrier for each in namespace.links)
    state = "UP" if carrier else "DOWN"
    changed = replace(found, carrier=carrier, operstate=state)
    routes = (
        replace(
            route,
            hops=tuple(
                replace(hop, linkdown=not carrier)
                if hop.link == bridge and route.kind != "local"
                else hop
                for hop in route.hops
            ),
        )
        for route in namespace.routes
    )
    links = tuple(changed if each is found else each for each in namespace.links)
    return replace(namespace, links=links, routes=tuple(routes))


SOFT = ("bridge", "veth", "vlan", "macvlan", "dummy")
"""Kinds of links whose carrier does not hang on a cable."""


def with_link_up(snapshot: Snapshot, place: Place, name: str) -> Snapshot:
    """``ip link set NAME up``; both ends of a veth pair have a carrier as soon as both are up.

    ``OperationError`` for a link of which nobody can tell whether it will have a carrier.
    """
    here = namespace_of(snapshot, place)
    found = link_named(here, name)
    if found is None or found.kind not in SOFT:
        raise OperationError(f"{name} is no link of which it is known what it is plugged into")
    there = _other_end(snapshot, place, found)
    carrier = there is None or there[1].up
    grown = with_namespace(snapshot, place, _up(here, name, carrier=carrier))
    if there is None or found.kind != "veth" or not carrier:
        return grown
    far, end = there
    return with_namespace(grown, far, _up(namespace_of(grown, far), end.name, carrier=True))


def _up(namespace: Namespace, name: str, *, carrier: bool) -> Namespace:
    """With the routes of its IPv4 addresses (fib_add_ifaddr): those of IPv6 were lost with the link."""
    state = "UP" if carrier else "DOWN"
    up = _changed(
        namespace, name, lambda each: replace(each, up=True, carrier=carrier, operstate=state)
    )
    for each in namespace.addresses:
        if each.link == name:
            up = with_own_routes(up, name, each.interface)
    found = link_named(up, name)
    # A bridge has a carrier when a port of it has one.
    near = (found.index, found.master) if found else ()
    for link in up.links:
        if link.kind == "bridge" and link.index in near:
            up = with_carrier(up, link.name)
    return up


def _other_end(snapshot: Snapshot, place: Place, link: Link) -> tuple[Place, Link] | None:
    """The other end of a veth pair or the parent of a link, where it was observed."""
    here = namespace_of(snapshot, place)
    at = place if link.peer_netns is None else _with_inode(snapshot, here, link.peer_netns)
    there = namespace_of(snapshot, at).links if at is not None and link.peer is not None else ()
    found = next((each for each in there if each.index == link.peer), None)
    return (at, found) if at is not None and found is not None else None


def _with_inode(snapshot: Snapshot, here: Namespace, number: int) -> Place | None:
    inode = here.netns_ids.get(number)
    spaces = snapshot.namespaces.items() if inode else ()
    return next((place for place, there in spaces if there.inode == inode), None)


def with_vlan(namespace: Namespace, name: str, row: BridgeVlan | None, vid: int) -> Namespace:
    """``bridge vlan add`` and ``del``: of the rows of a link one alone is the PVID."""

    def changed(link: Link) -> Link:
        kept = (each for each in link.vlans if not each.first <= vid <= each.last)
        if row is None:
            return replace(link, vlans=tuple(kept))
        others = (replace(each, pvid=each.pvid and not row.pvid) for each in kept)
        return replace(link, vlans=(*others, row))

    return _changed(namespace, name, changed)


def with_option(namespace: Namespace, name: str, key: str, value: str) -> Namespace:
    """``ip link set NAME type KIND KEY VALUE``."""
    return _changed(
        namespace, name, lambda link: replace(link, options={**link.options, key: value})
    )


def _changed(namespace: Namespace, name: str, change: Callable[[Link], Link]) -> Namespace:
    if link_named(namespace, name) is None:
        raise OperationError(f"there is no link {name}")
    links = (change(each) if each.name == name else each for each in namespace.links)
    return replace(namespace, links=tuple(links))


@dataclass(frozen=True, slots=True)
class Pair:
    """A veth pair: ``outer`` is a port of a bridge in the daemon's namespace, ``inner`` is inside."""

    outer: Link
    inner: Link


def veth_pair(daemon: Namespace, inside: Namespace, bridge: str, mac: str) -> Pair:
    """The pair that Docker would make: veth… outside, the next free eth… inside."""
    master = link_named(daemon, bridge)
    there, here = next_index(daemon), next_index(inside)
    names = {each.name for each in inside.links}
    name = next(f"eth{n}" for n in range(len(names) + 1) if f"eth{n}" not in names)
    outer = Link(
        there,
        f"veth{there:07x}",
        "veth",
        master=master.index if master else None,
        peer=here,
        peer_netns=_netns_id(daemon, inside),
        port=BridgePort(),
    )
    return Pair(
        outer, Link(here, name, "veth", mac, peer=there, peer_netns=_netns_id(inside, daemon))
    )


def _netns_id(here: Namespace, there: Namespace) -> int:
    """The id under which a namespace knows another one; a new one if it does not know it yet."""
    known = (number for number, inode in here.netns_ids.items() if inode == there.inode)
    return next(known, 1 + max(here.netns_ids, default=-1))


def with_outer(daemon: Namespace, pair: Pair, bridge: str, inside: Namespace) -> Namespace:
    return with_carrier(_with_end(daemon, pair.outer, inside), bridge)


def with_inner(inside: Namespace, pair: Pair, daemon: Namespace) -> Namespace:
    return _with_end(inside, pair.inner, daemon)


def _with_end(here: Namespace, link: Link, there: Namespace) -> Namespace:
    ids = {**here.netns_ids, link.peer_netns or 0: there.inode}
    return replace(with_link(here, link), netns_ids=ids)


def port_of(daemon: Namespace, inner: Link) -> Link | None:
    """The other end, in the daemon's namespace, of a container's link."""
    return next(
        (each for each in daemon.links if each.index == inner.peer and each.kind == "veth"), None
    )


def free_inode(snapshot: Snapshot) -> int:
    return 1 + max((each.inode for each in snapshot.namespaces.values()), default=0)
