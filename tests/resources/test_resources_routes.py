"""Routes of ours beside those of others, on host and router."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model.kernel import Link, LinkAddress, Namespace, NextHop, Route
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.resources.host_route import HostRoute
from homelab.resources.lab import link_towards
from homelab.resources.router_route import RouterRoute

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
KINDS = (HostRoute, RouterRoute)
APPS = ip_network("10.90.1.0/24")


def with_routes(place: Place, *routes: Route) -> Snapshot:
    """The applied lab, with these routes to web's network in the place of ours."""
    here = APPLIED.namespaces[place]
    others = (each for each in here.routes if each.destination != APPS)
    changed = replace(here, routes=(*others, *routes))
    return replace(APPLIED, namespaces={**APPLIED.namespaces, place: changed})


def to_apps(via: str | None, link: str, **words: object) -> Route:
    hop = NextHop(ip_address(via) if via else None, link)
    return replace(Route(APPS, (hop,), protocol="static"), **words)  # type: ignore[arg-type] # each test knows the fields


def changes(snapshot: Snapshot) -> list[str]:
    desired, actual = desired_state(DECLARED, snapshot, KINDS), actual_state(snapshot, KINDS)
    return [str(each.key) for each in diff(desired, actual, snapshot).changes]


def blocked(snapshot: Snapshot) -> tuple[str, ...]:
    desired, actual = desired_state(DECLARED, snapshot, KINDS), actual_state(snapshot, KINDS)
    return obstacles(desired, actual, snapshot)


HOST_WAY = to_apps("10.77.0.11", "lxdbr0")


def router_link() -> str:
    return next(each.link for each in RouterRoute.actual(APPLIED))


@pytest.mark.parametrize("place", [HOST, ROUTER])
def test_a_route_of_others_that_leads_the_same_way_is_enough(place: Place) -> None:
    way = HOST_WAY if place == HOST else to_apps("10.0.0.2", router_link())
    snapshot = with_routes(place, way)

    assert changes(snapshot) == []
    assert blocked(snapshot) == ()


def test_ours_stays_where_it_is_the_one_that_counts() -> None:
    ours = replace(HOST_WAY, protocol="201")

    assert changes(with_routes(HOST, ours, replace(HOST_WAY, metric=100))) == []


@pytest.mark.parametrize(
    ("route", "way"),
    [
        (to_apps("10.77.0.12", "lxdbr0"), "via 10.77.0.12 dev lxdbr0"),
        (to_apps(None, "lxdbr0"), "without a next hop dev lxdbr0"),
        (replace(HOST_WAY, hops=(), kind="blackhole"), "of type blackhole"),
        (replace(HOST_WAY, hops=HOST_WAY.hops * 2), "via 10.77.0.11 dev lxdbr0"),
    ],
)
def test_a_route_of_others_that_leads_elsewhere_is_in_the_way(route: Route, way: str) -> None:
    (said,) = blocked(with_routes(HOST, route))

    assert said.startswith(f"host: a route to 10.90.1.0/24 {way} (proto static)")


def test_a_better_route_elsewhere_hides_the_one_that_would_do() -> None:
    snapshot = with_routes(HOST, to_apps("10.77.0.12", "lxdbr0"), replace(HOST_WAY, metric=50))

    assert changes(snapshot) == ["host route 10.90.1.0/24"]
    assert len(blocked(snapshot)) == 2


def test_a_route_in_another_table_is_somebody_else_s_affair() -> None:
    snapshot = with_routes(HOST, replace(HOST_WAY, table=52))

    assert changes(snapshot) == ["host route 10.90.1.0/24"]
    assert blocked(snapshot) == ()


def test_of_two_links_around_an_address_the_narrower_leads_to_it() -> None:
    addresses = ("lo", "10.77.0.0/28"), ("eth0", "10.0.0.2/8"), ("lxdbr0", "10.77.0.1/24")
    here = Namespace(
        links=(Link(1, "lo"), Link(2, "eth0"), Link(3, "lxdbr0")),
        addresses=tuple(LinkAddress(link, ip_interface(text)) for link, text in addresses),
    )

    towards = {text: link_towards(here, ip_address(text)) for text in ("10.77.0.11", "192.0.2.1")}

    assert towards == {"10.77.0.11": here.links[2], "192.0.2.1": None}


def test_a_guest_off_every_link_of_the_host_has_no_next_hop() -> None:
    nowhere = replace(DECLARED.guests[0].nic, addresses=(ip_address("192.0.2.7"),))
    declared = replace(DECLARED, guests=(replace(DECLARED.guests[0], nic=nowhere),))
    desired = desired_state(declared, APPLIED, (HostRoute,))

    (said,) = obstacles(desired, {}, APPLIED)

    assert said.startswith("guest web: no link of the host has a subnet with 192.0.2.7 in it")


def test_a_family_of_which_the_guest_has_no_address_gets_no_route() -> None:
    guest = DECLARED.guests[0]
    six = replace(guest.networks[0], subnets=(ip_network("fd90:1::/64"),))
    declared = replace(DECLARED, guests=(replace(guest, networks=(six,)),))

    assert list(HostRoute.desired(declared, APPLIED)) == []


def test_a_router_on_no_subnet_of_the_host_is_named() -> None:
    away = LinkAddress("eth0", ip_interface("192.0.2.1/24"))
    host = replace(APPLIED.namespaces[HOST], addresses=(away,))
    snapshot = replace(APPLIED, namespaces={**APPLIED.namespaces, HOST: host})

    said = blocked(snapshot)

    assert "router: it shares no subnet with the host; set the host's `uplink`" in said
