"""From what runs to the inventory that describes it: what homelab made stays its own, the rest is left as it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address

from homelab.diagnosis.vantage import routers, uplink_name
from homelab.diagnosis.world import World
from homelab.model.docker import DockerNetwork
from homelab.model.inventory import (
    Allow,
    Connection,
    ContainerNetwork,
    Egress,
    Guest,
    Host,
    Ingress,
    Inventory,
    Nic,
    Port,
    Router,
)
from homelab.model.kernel import Namespace
from homelab.model.lxc import Instance
from homelab.model.operation import AllowEntry
from homelab.model.place import HOST, ROUTER, Address, Place, guest, guest_of
from homelab.model.snapshot import Snapshot
from homelab.resources.docker_network import MASQUERADE
from homelab.resources.ingress_filter import GuardedNetwork
from homelab.resources.lab import marked_routes

ROUTER_NAME = "edge"
DEFAULT_BRIDGE = "bridge"
KEYS = {4: "ipv4.address", 6: "ipv6.address"}


def draft(snapshot: Snapshot) -> Inventory:
    """Pure. A plan for it changes nothing: a network that is not homelab's is not ``managed``.

    Guests are those that were observed, in the order of their names; a network that has two subnets of
    one family is left out, as an inventory has no words for it.
    """
    world = World(snapshot)
    router = _router(snapshot, routers(world))
    host = world.box(HOST)
    uplink = uplink_name(host, 4, None) if host else None
    runtime = snapshot.runtime.name if snapshot.runtime else "auto"
    names = {guest_of(each) for each in snapshot.namespaces if each.startswith("guest:")}
    names |= {each.name for each in (snapshot.runtime.instances if snapshot.runtime else ())}
    return Inventory(
        hosts=(
            Host(
                snapshot.host,
                uplink=uplink,
                runtime=runtime,
                router=router.name if router else None,
            ),
        ),
        routers=(router,) if router else (),
        guests=tuple(_guest(name, snapshot) for name in sorted(filter(None, names))),
    )


def _router(snapshot: Snapshot, found: Iterable[Place]) -> Router | None:
    """The LAN's gateway, if it was observed: a named namespace of this machine, or one that was read by ssh."""
    places = {snapshot.resolve(each) for each in found}
    names = {each: real for each, real in snapshot.aliases.items() if real in places}
    for each in sorted((*names, *places)):
        if each.startswith("netns:"):
            return Router(ROUTER_NAME, Connection("netns", each.removeprefix("netns:")))
    here = snapshot.host_namespace
    gateways = (
        each.via for each in (here.routes if here else ()) if each.destination.prefixlen == 0
    )
    gateway = next(filter(None, gateways), None)
    if gateway is None or ROUTER not in snapshot.namespaces:
        return None
    return Router(ROUTER_NAME, Connection("ssh", f"root@{gateway}"))


def _guest(name: str, snapshot: Snapshot) -> Guest:
    instance = snapshot.instance(name)
    daemon = snapshot.daemon(name)
    here = snapshot.namespace(guest(name))
    lets_in = {
        each.filter.mark.rpartition(":")[0]: each.filter.entries
        for each in GuardedNetwork.actual(snapshot)
    }
    return Guest(
        name,
        snapshot.host,
        _nic(instance, here, snapshot),
        tuple(
            _network(name, each, snapshot, lets_in)
            for each in sorted(daemon.networks if daemon else (), key=lambda each: each.name)
            if _can_be_told(each)
        ),
    )


def _can_be_told(network: DockerNetwork) -> bool:
    families = [each.subnet.version for each in network.subnets]
    usual = network.driver == "bridge" and network.name != DEFAULT_BRIDGE
    return usual and bool(families) and len(set(families)) == len(families)


def _network(
    inside: str,
    network: DockerNetwork,
    snapshot: Snapshot,
    lets_in: Mapping[str, tuple[AllowEntry, ...]],
) -> ContainerNetwork:
    hides = network.options.get(MASQUERADE, "true") != "false"
    found = ContainerNetwork(
        inside,
        network.name,
        tuple(sorted((each.subnet for each in network.subnets), key=lambda each: each.version)),
        egress=Egress.MASQUERADE if hides else Egress.ROUTED,
        managed=snapshot.owns(inside, network) or _has_our_route(network, snapshot),
    )
    entries = lets_in.get(found.full_name)
    if entries is None or not found.managed:
        return found
    allow = tuple(map(_allow, entries))
    return replace(found, ingress=Ingress.LIST if allow else Ingress.NONE, allow=allow)


def _has_our_route(network: DockerNetwork, snapshot: Snapshot) -> bool:
    """Whoever takes such a network out of the inventory has the route taken away."""
    ours = {each.destination for place in (HOST, ROUTER) for each in marked_routes(snapshot, place)}
    return any(each.subnet in ours for each in network.subnets)


def _allow(entry: AllowEntry) -> Allow:
    if entry.protocol is None or entry.ports is None:
        return Allow((entry.source,))
    return Allow((entry.source,), (Port(entry.protocol, *entry.ports),))


def _nic(instance: Instance | None, here: Namespace | None, snapshot: Snapshot) -> Nic:
    """Its first NIC, ``eth0`` before others; the address that it is given, else the one that it has."""
    devices = instance.expanded_devices if instance else {}
    nics = {name: each for name, each in devices.items() if each.get("type") == "nic"}
    name = "eth0" if "eth0" in nics or not nics else min(nics)
    device = nics.get(name, {})
    networks = snapshot.runtime.networks if snapshot.runtime else ()
    managed = {each.name for each in networks if each.managed}
    parent = device.get("network") or device.get("parent")
    bridged = device.get("nictype", "bridged") == "bridged"
    link = device.get("name", name)
    return Nic(
        name,
        parent if parent in managed else None,
        parent if parent not in managed and bridged else None,
        addresses=tuple(_addresses(device, link, here, snapshot.host_namespace)),
    )


def _addresses(
    device: Mapping[str, str], link: str, here: Namespace | None, host: Namespace | None
) -> Iterator[Address]:
    """One of each family; of several the one that a route of the host leads through."""
    hops = {each.via for each in (host.routes if host else ()) if each.via}
    for version, key in KEYS.items():
        given = _address(device.get(key))
        has = [
            each.interface.ip
            for each in (here.addresses if here else ())
            if each.link == link
            and each.interface.version == version
            and not each.interface.is_link_local
        ]
        used = [each for each in has if each in hops]
        if given is not None:
            yield given
        elif used or (version == 4 and has):
            yield (used or has)[0]


def _address(text: str | None) -> Address | None:
    try:
        return ip_address(text or "")
    except ValueError:
        return None
