"""A small lab made by hand: a LAN, the host with a bridge, a guest with a bridge, two containers.

LAN 10.0.0.0/24 - eth0 of the host - br0 10.3.0.0/24 - guest g - br-app 10.4.0.0/24 - app, web.
"""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from homelab.diagnosis.tracer import Tracer
from homelab.model.kernel import (
    LOCAL,
    BridgePort,
    Link,
    LinkAddress,
    Listener,
    Namespace,
    NextHop,
    Route,
)
from homelab.model.place import HOST, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target, Trace

GUEST, APP, WEB = guest("g"), container("g", "app"), container("g", "web")
INODES = {HOST: 1, GUEST: 2, APP: 3, WEB: 4, Place("router"): 5, Place("netns:x"): 6}
FORWARDING = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
LO = Link(1, "lo", loopback=True)


def mac(place: Place, index: int) -> str:
    return f"02:00:00:00:{INODES[place]:02x}:{index:02x}"


def nic(place: Place, index: int, name: str, kind: str = "", **more: object) -> Link:
    return Link(index, name, kind, mac(place, index), **more)  # type: ignore[arg-type] # the caller knows the fields


def veth(place: Place, index: int, name: str, peer: tuple[Place, int], **more: object) -> Link:
    return nic(place, index, name, "veth", peer=peer[1], peer_netns=INODES[peer[0]], **more)


def port(place: Place, index: int, name: str, peer: tuple[Place, int], master: int) -> Link:
    return veth(place, index, name, peer, master=master, port=BridgePort())


def route(
    destination: str, via: str | None = None, dev: str | None = None, **more: object
) -> Route:
    hop = NextHop(ip_address(via) if via else None, dev)
    hops = (hop,) if via or dev else ()
    return Route(ip_network(destination), hops, **more)  # type: ignore[arg-type] # the caller knows the fields


def made(place: Place, links: tuple[Link, ...], addresses: Mapping[str, str]) -> Namespace:
    """``addresses`` maps a link to its addresses; their routes come with them, as in the kernel."""
    own = [
        LinkAddress(link, ip_interface(each))
        for link, text in {"lo": "127.0.0.1/8 ::1/128", **addresses}.items()
        for each in text.split()
    ]
    local = (
        Route(ip_network(e.interface.ip), (NextHop(link=e.link),), LOCAL, "local", "kernel")
        for e in own
    )
    near = (
        Route(
            e.interface.network, (NextHop(link=e.link),), protocol="kernel", source=e.interface.ip
        )
        for e in own
        if e.link != "lo"
    )
    return Namespace(
        inode=INODES[place],
        links=(LO, *links),
        addresses=tuple(own),
        routes=(*local, *near),
        netns_ids={each: each for each in INODES.values()},
        listeners=tuple(Listener("tcp", family, None, 80) for family in (4, 6)),
    )


def routed(here: Namespace, *more: Route) -> Namespace:
    return replace(here, routes=(*here.routes, *more))


def without(here: Namespace, destination: str) -> Namespace:
    gone = ip_network(destination)
    return replace(here, routes=tuple(e for e in here.routes if e.destination != gone))


def tuned(here: Namespace, **sysctls: str) -> Namespace:
    """``__`` stands for a dot."""
    return replace(
        here, sysctls={**here.sysctls, **{k.replace("__", "."): v for k, v in sysctls.items()}}
    )


def set_(here: Namespace, key: str, value: str) -> Namespace:
    return replace(here, sysctls={**here.sysctls, key: value})


def linked(here: Namespace, name: str, **more: object) -> Namespace:
    """The same with one link altered."""
    links = tuple(
        replace(e, **more) if e.name == name else e  # type: ignore[arg-type] # the caller knows the fields
        for e in here.links
    )
    return replace(here, links=links)


def _host() -> Namespace:
    links = (
        nic(HOST, 2, "eth0"),
        nic(HOST, 3, "br0", "bridge"),
        port(HOST, 4, "vguest", (GUEST, 2), 3),
    )
    here = made(HOST, links, {"eth0": "10.0.0.2/24 fd00::2/64", "br0": "10.3.0.1/24 fd03::1/64"})
    return replace(
        routed(
            here,
            route("0.0.0.0/0", "10.0.0.1", "eth0"),
            route("::/0", "fd00::1", "eth0"),
            route("10.4.0.0/24", "10.3.0.2", "br0"),
            route("fd04::/64", "fd03::2", "br0"),
        ),
        sysctls=FORWARDING,
    )


def _guest() -> Namespace:
    links = (
        veth(GUEST, 2, "eth0", (HOST, 4)),
        nic(GUEST, 3, "br-app", "bridge"),
        port(GUEST, 4, "vapp", (APP, 2), 3),
        port(GUEST, 5, "vweb", (WEB, 2), 3),
    )
    here = made(
        GUEST, links, {"eth0": "10.3.0.2/24 fd03::2/64", "br-app": "10.4.0.1/24 fd04::1/64"}
    )
    return replace(
        routed(here, route("0.0.0.0/0", "10.3.0.1", "eth0"), route("::/0", "fd03::1", "eth0")),
        sysctls=FORWARDING,
    )


def _container(place: Place, index: int, last: int) -> Namespace:
    here = made(
        place,
        (veth(place, 2, "eth0", (GUEST, index)),),
        {"eth0": f"10.4.0.{last}/24 fd04::{last}/64"},
    )
    return routed(here, route("0.0.0.0/0", "10.4.0.1", "eth0"), route("::/0", "fd04::1", "eth0"))


PLACES: Mapping[Place, Namespace] = {
    HOST: _host(),
    GUEST: _guest(),
    APP: _container(APP, 4, 10),
    WEB: _container(WEB, 5, 11),
}


def lab(changed: Mapping[Place, Namespace] | None = None, **more: object) -> Snapshot:
    """The lab with some places as they are given."""
    return Snapshot(namespaces={**PLACES, **(changed or {})}, **more)  # type: ignore[arg-type] # the caller knows the fields


def target(text: str, port: int | None = None, protocol: str = "tcp") -> Target:
    return Target(ip_address(text), "icmp" if port is None else protocol, port)


def trace(seen: Snapshot, origin: str, to: str, port: int | None = None) -> Trace:
    return Tracer(seen).trace(origin, target(to, port))


def said(found: Trace) -> str:
    """Outcome, and where and by what kind of thing it ended."""
    cause = found.cause
    return found.outcome.value + (
        f" {cause.at} {cause.kind} {cause.key or ''}".rstrip() if cause else ""
    )
