"""A lab is drawn from the LAN inwards: each thing once, under what it hangs on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model.graph import Graph
from homelab.model.inventory import Inventory
from homelab.model.kernel import Link
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from homelab.workflow.drawing import draw
from homelab.workflow.look import diagnose
from tests.captured import DOCKER, name, snapshot

ROOT = Path(__file__).parents[2]
BROKEN, APPLIED = (
    load_snapshot(ROOT / f"tests/recorded/{each}.json") for each in ("broken", "applied")
)


def drawn(seen: Snapshot, declared: Inventory | None = None) -> Graph:
    return draw(diagnose(declared or Inventory(), seen))


def way_to(graph: Graph, node: str) -> Iterator[str]:
    above = {each.far: each.near for each in graph.edges}
    while node in above:
        node = above[node]
        yield node


def test_the_way_to_a_network_is_the_way_of_its_packets() -> None:
    graph = drawn(BROKEN)

    assert list(way_to(graph, "network:db/data")) == [
        "guest:db",
        "link:lxdbr0",
        "host",
        "router",
        "lan",
    ]
    nodes = {each.id: each for each in graph.nodes}
    assert nodes["network:db/data"].reachable is False
    assert nodes["network:web/apps"].reachable is True
    assert nodes["guest:db"].faults == ("docker-user-drop",)
    assert nodes["lan"].lines == ("10.0.0.0/24", "fd00:10::/64")
    assert nodes["router"].lines == ("10.0.0.1", "fd00:10::1")


def test_routes_stand_where_they_lead_over() -> None:
    routes = {each.far: each.routes for each in drawn(APPLIED).edges}

    assert routes["guest:web"] == ("10.90.1.0/24 via 10.77.0.11",)
    assert routes["host"] == tuple(f"10.90.{each}.0/24 via 10.0.0.2" for each in (1, 3, 7))


@pytest.mark.parametrize("which", [name(each) for each in DOCKER])
def test_every_recorded_lab_is_one_tree(which: str) -> None:
    seen = snapshot(next(each for each in DOCKER if name(each) == which))
    graph = drawn(seen)
    names = [each.id for each in graph.nodes]

    assert len(names) == len({*names}) == len(graph.edges) + 1
    assert all([*way_to(graph, each)][-1] == "lan" for each in names[1:])


def test_a_guest_in_a_vlan_hangs_on_the_vlan() -> None:
    host = APPLIED.namespaces[HOST]
    bridge = next(each for each in host.links if each.name == "lxdbr0")
    vlan = Link(900, "eth0.20", "vlan", master=bridge.index, options={"id": "20"})
    here = replace(host, links=(*host.links, vlan))
    graph = drawn(replace(APPLIED, namespaces={**APPLIED.namespaces, HOST: here}))

    assert [*way_to(graph, "guest:web")][:3] == ["link:lxdbr0", "link:eth0.20", "host"]
    assert next(each for each in graph.nodes if each.kind == "vlan").lines == ("VLAN 20",)


def test_a_guest_that_was_not_observed_is_drawn_under_the_host() -> None:
    spaces = {at: here for at, here in APPLIED.namespaces.items() if at != guest("web")}
    graph = drawn(replace(APPLIED, namespaces=spaces), load_inventory(ROOT / "inventory"))

    assert next(way_to(graph, "guest:web")) == "host"
    assert "not observed" in next(each for each in graph.nodes if each.id == "guest:web").lines


def test_nothing_observed_is_a_lan_and_a_host() -> None:
    assert [each.id for each in drawn(Snapshot()).nodes] == ["lan", "host"]
