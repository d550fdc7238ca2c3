"""Which subnets a snapshot shows in use, by whom, and whether that is homelab's own doing."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from homelab.model.kernel import LOCAL, Namespace, NextHop, Route
from homelab.model.place import HOST, ROUTER, Address, Network, Place, guest, guest_of
from homelab.model.snapshot import PROTOCOL, Snapshot

_FORWARDING = ("unicast", "blackhole", "unreachable", "prohibit", "throw")
_LOCAL_ONLY = tuple(map(ip_network, ("fe80::/10", "ff00::/8", "169.254.0.0/16", "224.0.0.0/4")))


@dataclass(frozen=True, slots=True)
class Seen:
    """A subnet in use. ``network`` is the full name of the Docker network, if it is one of a guest.

    ``owned``: it bears homelab's mark. ``via`` is the next hop of a route; ``is_route`` tells a route
    from things that hold the subnet themselves.
    """

    subnet: Network
    owner: str
    network: str | None = None
    owned: bool = False
    is_route: bool = False
    via: Address | None = None


def observed(snapshot: Snapshot) -> Iterator[Seen]:
    """What holds a subnet first, then addresses, then routes."""
    yield from _runtime_networks(snapshot)
    yield from docker_networks(snapshot)
    for place in (HOST, ROUTER):
        here = snapshot.namespace(place)
        if here is not None:
            yield from _addresses(place, here)
            yield from _routes(place, here, frozenset())
    for place, here in snapshot.namespaces.items():
        if guest_of(place) is not None and place.startswith("guest:"):
            yield from _routes(place, here, _bridges(here))


def _runtime_networks(snapshot: Snapshot) -> Iterator[Seen]:
    runtime = snapshot.runtime
    if runtime is None:
        return
    for each in runtime.networks:
        for subnet in managed_subnets(snapshot, each.name):
            yield Seen(subnet, f"{runtime.name} network {each.name}")


def managed_subnets(snapshot: Snapshot, name: str) -> tuple[Network, ...]:
    """Subnets of a network that LXD or Incus manages."""
    networks = snapshot.runtime.networks if snapshot.runtime else ()
    configs = (each.config for each in networks if each.name == name)
    keys = ("ipv4.address", "ipv6.address")
    found = (_subnet(config.get(key, "")) for config in configs for key in keys)
    return tuple(each for each in found if each is not None)


def _subnet(text: str) -> Network | None:
    """The subnet of an address in CIDR notation; None for ``none``, ``auto`` and nothing."""
    try:
        return ip_interface(text).network
    except ValueError:
        return None


def docker_networks(snapshot: Snapshot) -> Iterator[Seen]:
    """The Docker networks of every place that runs a daemon."""
    for place, daemon in snapshot.daemons.items():
        inside = guest_of(place)
        for each in daemon.networks:
            name = None if inside is None else f"{inside}/{each.name}"
            owned = inside is not None and snapshot.owns(inside, each)
            for one in each.subnets:
                yield Seen(one.subnet, f"{place}: Docker network {each.name}", name, owned)


def _addresses(place: Place, here: Namespace) -> Iterator[Seen]:
    loopbacks = {each.name for each in here.links if each.loopback}
    for each in here.addresses:
        network = each.interface.network
        if each.link not in loopbacks and _counts(network):
            yield Seen(network, f"{place}: link {each.link}")


def _bridges(here: Namespace) -> frozenset[str]:
    return frozenset(each.name for each in here.links if each.kind == "bridge")


def _routes(place: Place, here: Namespace, bridges: frozenset[str]) -> Iterator[Seen]:
    """Routes but default ones; in a guest its bridges are Docker's, which the daemon tells better."""
    for each in here.routes:
        hops = [hop for hop in each.hops if hop.link not in bridges]
        forwards = each.table != LOCAL and each.kind in _FORWARDING
        if forwards and _counts(each.destination) and (hops or not each.hops):
            yield _route(place, each, hops)


def _route(place: Place, route: Route, hops: list[NextHop]) -> Seen:
    via = hops[0].via if hops else None
    way = f"via {via}" if via else f"dev {hops[0].link}" if hops else route.kind
    owned = route.protocol == str(PROTOCOL)
    return Seen(route.destination, f"{place}: route {way}", None, owned, is_route=True, via=via)


def _counts(subnet: Network) -> bool:
    """Not a default route (nor half of one, as VPNs write it), and not local to a link."""
    if subnet.prefixlen <= 1 or subnet.network_address.is_loopback:
        return False
    return not any(each.version == subnet.version and subnet.overlaps(each) for each in _LOCAL_ONLY)


def owned_routes(snapshot: Snapshot, via: Address) -> frozenset[Network]:
    """Destinations of homelab's own routes on the host through that next hop."""
    here = snapshot.host_namespace
    return frozenset(
        each.destination
        for each in (here.routes if here else ())
        if each.protocol == str(PROTOCOL) and each.via == via
    )


def owned_subnets(snapshot: Snapshot, guest_name: str, name: str) -> tuple[Network, ...]:
    """Subnets of a guest's Docker network of that name, if it is homelab's."""
    daemon = snapshot.daemons.get(guest(guest_name))
    return tuple(
        one.subnet
        for each in (daemon.networks if daemon else ())
        if each.name == name and snapshot.owns(guest_name, each)
        for one in each.subnets
    )


def host_addresses(snapshot: Snapshot) -> frozenset[Address]:
    here = snapshot.host_namespace
    return frozenset(each.interface.ip for each in (here.addresses if here else ()))


def uplink_subnets(snapshot: Snapshot, uplink: str | None) -> tuple[Network, ...]:
    """Subnets on the uplink, or on the bridge it is a port of; None: the link of the default route."""
    here = snapshot.host_namespace
    if here is None:
        return ()
    name = uplink or _default_link(here)
    link = next((each for each in here.links if each.name == name), None)
    bridge = next((each for each in here.links if link and each.index == link.master), None)
    names = {each.name for each in (link, bridge) if each}
    return tuple(
        dict.fromkeys(
            each.interface.network
            for each in here.addresses
            if each.link in names and _counts(each.interface.network)
        )
    )


def _default_link(here: Namespace) -> str | None:
    defaults = (each for each in here.routes if each.destination.prefixlen == 0 and each.link)
    return next((each.link for each in defaults), None)
