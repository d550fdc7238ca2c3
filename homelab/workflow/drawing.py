"""From a diagnosis to a picture of the lab: LAN, router, host, VLANs, bridges, guests, networks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from homelab.diagnosis.vantage import routers, uplink_name
from homelab.diagnosis.world import UPPER, World
from homelab.model.finding import Judgement
from homelab.model.graph import Edge, Graph, Node
from homelab.model.kernel import Link, Namespace
from homelab.model.place import HOST, LAN, ROUTER, Address, Network, Place, guest_of
from homelab.model.subnets import Subnets
from homelab.workflow.look import Diagnosis

Way: TypeAlias = tuple[Network, Address]
"""Where a route leads, and its next hop."""


@dataclass(slots=True)
class _Tree:
    """What is drawn so far: each thing once, under what it hangs on."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)

    def add(self, node: Node, under: str | None = None, routes: tuple[str, ...] = ()) -> str:
        if node.id not in self.nodes:
            self.nodes[node.id] = node
            if under is not None:
                self.edges[under, node.id] = Edge(under, node.id, routes)
        return node.id


def draw(diagnosis: Diagnosis) -> Graph:
    """Every judged network with the way to it; of guests those that have one, and the others beside them."""
    picture = _Picture(diagnosis)
    for place in sorted(picture.places()):
        picture.place(place)
    for each in diagnosis.case.judgements:
        picture.network(each)
    return Graph(tuple(picture.tree.nodes.values()), tuple(picture.tree.edges.values()))


class _Picture:
    def __init__(self, diagnosis: Diagnosis) -> None:
        self.tree = _Tree()
        self._case = diagnosis.case
        self._snapshot = diagnosis.case.snapshot
        self._world = World(self._snapshot)
        self._faults: dict[Place, list[str]] = {}
        for each in diagnosis.findings:
            if each.severity != "info":
                self._faults.setdefault(self._snapshot.resolve(each.at), []).append(each.fault)
        self._judged: dict[Place, list[Network]] = {}
        for one in diagnosis.case.judgements:
            self._judged.setdefault(one.place, []).extend(one.subnets)
        self._known_ways: dict[Place, Subnets[Way]] = {}
        self._routers = routers(self._world) or {ROUTER}
        self._host = self._trunk()

    def _trunk(self) -> str:
        """LAN, router, host: what all the rest hangs on."""
        host = self._world.box(HOST)
        uplink = uplink_name(host, 4, None) if host else None
        subnets = _subnets(host.here, uplink) if host else ()
        lan = self.tree.add(Node(LAN, "lan", "LAN", tuple(map(str, subnets))))
        router = min(self._routers)
        above = lan
        if self._world.box(router) is not None:
            above = self.tree.add(self._node(router, "router", "router", subnets), lan)
        named = self._node(HOST, "host", self._snapshot.host, subnets)
        return self.tree.add(named, above, self._routes(router))

    def places(self) -> Iterator[Place]:
        """Guests, and other namespaces that have a judged network."""
        judged = {each.place for each in self._case.judgements}
        known = {each for each in self._snapshot.namespaces if each.startswith("guest:")}
        yield from (judged | known) - {HOST}

    def place(self, place: Place) -> None:
        above, routes = self._host, self._routes(HOST, place)
        for node in self._way(place):
            above = self.tree.add(node, above)
        label = guest_of(place) or place.removeprefix("netns:")
        self.tree.add(self._node(place, "guest", label), above, routes)

    def network(self, judged: Judgement) -> None:
        above = self._host if judged.place == HOST else str(judged.place)
        name = f"{judged.name.guest}/{judged.name.network}"
        count = len({each.address for each in judged.targets})
        lines = (*map(str, judged.subnets), "1 address" if count == 1 else f"{count} addresses")
        node = Node(f"network:{name}", "network", judged.name.network, lines, judged.reachable)
        self.tree.add(node, above)

    def _node(
        self, place: Place, kind: str, label: str, near: tuple[Network, ...] | None = None
    ) -> Node:
        """``near``: only its addresses in these subnets."""
        box = self._world.box(place)
        lines = tuple(_addresses(box.here, near)) if box else ("not observed",)
        faults = tuple(dict.fromkeys(self._faults.get(self._snapshot.resolve(place), ())))
        return Node(str(place), kind, label, lines, faults=faults)

    def _way(self, place: Place) -> Iterator[Node]:
        """The host's VLAN link and bridge by which a place is joined to it, the nearer first."""
        box, host = self._world.box(place), self._world.box(HOST)
        ends = [self._world.peer(place, each) for each in (box.here.links if box else ())]
        ports = [name for at, name in filter(None, ends) if at == HOST]
        for port in ports if host else ():
            bridge = host.master(host.by_name[port]) if host else None
            if host and bridge is not None:
                yield from map(self._vlan, _vlans(host.here, bridge))
                yield Node(f"link:{bridge.name}", "bridge", bridge.name, self._subnets_of(bridge))
                return

    def _vlan(self, link: Link) -> Node:
        tag = link.options.get("id") or link.name.rpartition(".")[2]
        return Node(f"link:{link.name}", "vlan", link.name, (f"VLAN {tag}",))

    def _subnets_of(self, link: Link) -> tuple[str, ...]:
        host = self._world.observed(HOST)
        return tuple(map(str, _subnets(host.here, link.name)))

    def _routes(self, at: Place, serves: Place | None = None) -> tuple[str, ...]:
        """Routes to judged networks that a place has; only to those of ``serves``, if it is given."""
        there = self._judged.values() if serves is None else (self._judged.get(serves, ()),)
        ways = self._ways(at)
        found = {each for subnets in there for one in subnets for each in ways.overlapping(one)}
        lead = sorted(found, key=lambda each: (each[0].version, each[0], str(each[1])))
        return tuple(f"{destination} via {via}" for destination, via in lead)

    def _ways(self, at: Place) -> Subnets[Way]:
        if at not in self._known_ways:
            box = self._world.box(at)
            ways = [
                (each.destination, each.via)
                for each in (box.here.routes if box else ())
                if each.via is not None and each.destination.prefixlen > 0
            ]
            self._known_ways[at] = Subnets((each[0], each) for each in ways)
        return self._known_ways[at]


def _vlans(here: Namespace, bridge: Link) -> Iterator[Link]:
    ports = (each for each in here.links if each.master == bridge.index)
    return (each for each in ports if each.kind in UPPER and each.kind == "vlan")


def _subnets(here: Namespace, link: str | None) -> tuple[Network, ...]:
    found = (each.interface for each in here.addresses if each.link == link)
    return tuple(dict.fromkeys(each.network for each in found if not each.is_link_local))


def _addresses(here: Namespace, near: tuple[Network, ...] | None) -> Iterator[str]:
    """Addresses towards the rest of the lab: not those of bridges, behind which containers are."""
    inner = {each.name for each in here.links if each.kind == "bridge" or each.loopback}
    for each in here.addresses:
        shown = each.link not in inner if near is None else each.interface.network in near
        if shown and not each.interface.is_link_local:
            yield str(each.interface.ip)
