"""Places wired by hand, as values: what the tests of the tracer are made of."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

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
    Ruleset,
)
from homelab.model.place import HOST, ROUTER, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target, Trace

LO = Link(1, "lo", loopback=True)
FORWARDS = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
ALL = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
WEB, APP, TWO = guest("web"), container("web", "app"), container("web", "two")


def target(address: str, port: int | None = None, protocol: str = "tcp") -> Target:
    return Target(ip_address(address), "icmp" if port is None else protocol, port)


class Lab:
    """A lab in the making; every place gets inode 1, 2, … and knows every other by the same number."""

    def __init__(self) -> None:
        self.spaces: dict[Place, Namespace] = {}
        self._next = 10

    def count_links_from(self, index: int) -> None:
        self._next = index

    def place(self, name: Place, *, forwards: bool = False) -> None:
        self.spaces[name] = Namespace(
            inode=len(self.spaces) + 1,
            links=(LO,),
            addresses=(LinkAddress("lo", ip_interface("127.0.0.1/8"), "host"),),
            routes=(Route(ip_network("127.0.0.0/8"), (NextHop(link="lo"),), LOCAL, "local"),),
            sysctls=FORWARDS if forwards else {},
            netns_ids={each: each for each in range(1, 20)},
        )

    def link(self, where: Place, name: str, kind: str = "", **more: Any) -> Link:
        self._next += 1
        more.setdefault("mac", f"02:00:00:00:{self._next >> 8:02x}:{self._next & 255:02x}")
        link = Link(self._next, name, kind, **more)
        self.change(where, links=(*self.spaces[where].links, link))
        return link

    def wire(self, one: tuple[Place, str], other: tuple[Place, str]) -> None:
        """A veth pair."""
        here, there = self.spaces[one[0]].inode, self.spaces[other[0]].inode
        same = one[0] == other[0]
        near, far = self._next + 1, self._next + 2
        self.link(*one, "veth", peer=far, peer_netns=None if same else there)
        self.link(*other, "veth", peer=near, peer_netns=None if same else here)

    def bridge(self, where: Place, name: str, *ports: str, **more: Any) -> None:
        made = self.link(where, name, "bridge", **more)
        for each in ports:
            self.set_link(where, each, master=made.index, port=BridgePort())

    def set_link(self, where: Place, name: str, **changes: Any) -> None:
        links = (
            replace(each, **changes) if each.name == name else each
            for each in self.spaces[where].links
        )
        self.change(where, links=tuple(links))

    def address(self, where: Place, link: str, text: str, **more: Any) -> None:
        """An address with the routes that the kernel makes for it."""
        here = ip_interface(text)
        local = Route(ip_network(here.ip), (NextHop(link=link),), LOCAL, "local", "kernel")
        near = Route(here.network, (NextHop(link=link),), protocol="kernel", source=here.ip)
        self.change(
            where,
            addresses=(*self.spaces[where].addresses, LinkAddress(link, here, **more)),
            routes=(
                *self.spaces[where].routes,
                local,
                *([near] if here.version == 4 else [replace(near, source=None)]),
            ),
        )

    def route(
        self, where: Place, to: str, via: str | None = None, link: str | None = None, **more: Any
    ) -> None:
        if via is not None and link is None:
            link = next(
                each.link
                for each in self.spaces[where].addresses
                if ip_address(via) in each.interface.network
            )
        hops = (NextHop(ip_address(via) if via else None, link),) if via or link else ()
        self.add_route(where, Route(ip_network(to), hops, **more))

    def add_route(self, where: Place, route: Route) -> None:
        self.change(where, routes=(*self.spaces[where].routes, route))

    def drop_routes(self, where: Place, to: str) -> None:
        gone = ip_network(to)
        left = (each for each in self.spaces[where].routes if each.destination != gone)
        self.change(where, routes=tuple(left))

    def sysctl(self, where: Place, **values: str) -> None:
        """``net_ipv4_ip_forward="0"``; an underscore that is part of a word is doubled."""
        keys = {
            each.replace("__", "\0").replace("_", ".").replace("\0", "_"): value
            for each, value in values.items()
        }
        self.change(where, sysctls={**self.spaces[where].sysctls, **keys})

    def rules(self, where: Place, tool: str, text: str) -> None:
        self.change(where, rulesets=(*self.spaces[where].rulesets, Ruleset(tool, text)))

    def listen(self, where: Place, port: int, protocol: str = "tcp") -> None:
        both = tuple(Listener(protocol, family, None, port) for family in (4, 6))
        self.change(where, listeners=(*self.spaces[where].listeners, *both))

    def change(self, where: Place, **changes: Any) -> None:
        self.spaces[where] = replace(self.spaces[where], **changes)

    def snapshot(self, **more: Any) -> Snapshot:
        return Snapshot(namespaces=dict(self.spaces), **more)

    def tracer(self, **more: Any) -> Tracer:
        return Tracer(self.snapshot(**more))

    def trace(self, origin: str, to: str, port: int | None = None, protocol: str = "tcp") -> Trace:
        return self.tracer().trace(origin, target(to, port, protocol))


def lab() -> Lab:
    """A LAN, the router, the host on it, guest web behind lxdbr0, and containers app and two behind br-app.

    The router's lan and the host's eth0 are NICs on one segment.
    """
    made = Lab()
    for place in (HOST, ROUTER, WEB):
        made.place(place, forwards=True)
    for place in (APP, TWO):
        made.place(place)
    made.link(HOST, "eth0")
    made.link(ROUTER, "lan")
    made.wire((HOST, "vweb"), (WEB, "eth0"))
    made.bridge(HOST, "lxdbr0", "vweb")
    made.wire((WEB, "vapp"), (APP, "eth0"))
    made.wire((WEB, "vtwo"), (TWO, "eth0"))
    made.bridge(WEB, "br-app", "vapp", "vtwo")
    for each in (
        (ROUTER, "lan", "192.168.1.1/24", "fd01::1/64"),
        (HOST, "eth0", "192.168.1.5/24", "fd01::5/64"),
        (HOST, "lxdbr0", "10.77.0.1/24", "fd77::1/64"),
        (WEB, "eth0", "10.77.0.11/24", "fd77::11/64"),
        (WEB, "br-app", "10.90.1.1/24", "fd90::1/64"),
        (APP, "eth0", "10.90.1.10/24", "fd90::10/64"),
        (TWO, "eth0", "10.90.1.11/24", "fd90::11/64"),
    ):
        made.address(*each[:3])
        made.address(*each[:2], each[3])
    for place, four, six in (
        (HOST, "192.168.1.1", "fd01::1"),
        (WEB, "10.77.0.1", "fd77::1"),
        (APP, "10.90.1.1", "fd90::1"),
        (TWO, "10.90.1.1", "fd90::1"),
    ):
        made.route(place, "0.0.0.0/0", four)
        made.route(place, "::/0", six)
    made.route(ROUTER, "10.0.0.0/8", "192.168.1.5")
    made.route(ROUTER, "fd90::/64", "fd01::5")
    made.route(ROUTER, "fd77::/64", "fd01::5")
    made.route(HOST, "10.90.1.0/24", "10.77.0.11")
    made.route(HOST, "fd90::/64", "fd77::11")
    for place in (WEB, APP, TWO):
        made.listen(place, 80)
    return made
