"""Subnets are handed out once, kept, and never where something else is."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.errors import InventoryError
from homelab.model.docker import LABEL, Daemon, DockerNetwork, DockerSubnet
from homelab.model.inventory import (
    Allow,
    ContainerNetwork,
    Guest,
    Host,
    Ingress,
    Inventory,
    Nic,
    Pool,
    Vlan,
    Where,
)
from homelab.model.kernel import Link, LinkAddress, Namespace, NextHop, Route
from homelab.model.lxc import InstanceNetwork, Runtime
from homelab.model.place import HOST, ROUTER, Network, Place, guest
from homelab.model.snapshot import PROTOCOL, Snapshot
from homelab.planning.allocate import allocate

NOTHING = Snapshot()
POOL = Pool("lab", ip_network("10.90.0.0/22"), 24)
POOL6 = Pool("six", ip_network("fd00:90::/48"), 64)


def auto(name: str, **more: object) -> ContainerNetwork:
    inside, _, short = name.partition("/")
    return replace(ContainerNetwork(inside, short, auto={4: "lab"}), **more)  # type: ignore[arg-type] # a test's shorthand


def inventory(*networks: ContainerNetwork, pools: tuple[Pool, ...] = (POOL,)) -> Inventory:
    names = list(dict.fromkeys(each.guest for each in networks))
    guests = (
        Guest(
            name,
            "nuc",
            Nic(
                addresses=(ip_address(f"10.77.0.{index + 1}"), ip_address(f"fd00:77::{index + 1}"))
            ),
            tuple(each for each in networks if each.guest == name),
        )
        for index, name in enumerate(names)
    )
    return Inventory((Host("nuc"),), guests=tuple(guests), pools=pools)


def subnets(allocated: Inventory) -> dict[str, tuple[str, ...]]:
    return {each.full_name: tuple(map(str, each.subnets)) for each in allocated.networks}


def docker(places: Mapping[Place, Iterable[DockerNetwork]]) -> Snapshot:
    return Snapshot(
        daemons={place: Daemon("28.5", networks=tuple(each)) for place, each in places.items()}
    )


def there(name: str, *ranges: str, label: str | None = None) -> DockerNetwork:
    labels = {} if label is None else {LABEL: label}
    return DockerNetwork(
        name, name, subnets=tuple(DockerSubnet(ip_network(each)) for each in ranges), labels=labels
    )


def as_built(allocated: Inventory) -> Snapshot:
    """What a snapshot shows after an apply: labelled networks, and our routes on the host."""
    built = docker(
        {
            guest(one.name): [
                there(each.name, *map(str, each.subnets), label=each.full_name)
                for each in one.networks
            ]
            for one in allocated.guests
        }
    )
    return replace(built, namespaces={HOST: Namespace(routes=tuple(routes(allocated)))})


def routes(allocated: Inventory) -> Iterable[Route]:
    for one in allocated.guests:
        for network in one.networks:
            for subnet in network.subnets:
                hop = NextHop(one.address(subnet.version), "lxdbr0")
                yield Route(subnet, (hop,), protocol=str(PROTOCOL))


def test_every_auto_gets_a_subnet_of_its_pool() -> None:
    both = auto("web/apps", auto={4: "lab", 6: "six"})

    (network,) = allocate(inventory(both, pools=(POOL, POOL6)), NOTHING).networks

    assert network.auto == {}
    assert [each.prefixlen for each in network.subnets] == [24, 64]
    assert network.subnets[0].overlaps(POOL.subnet)
    assert network.subnets[1].overlaps(POOL6.subnet)


def test_a_fixed_subnet_stays_beside_one_that_is_allocated() -> None:
    half = auto("web/apps", subnets=(ip_network("fd00:1::/64"),))

    (network,) = allocate(inventory(half), NOTHING).networks

    assert [each.version for each in network.subnets] == [4, 6]


def test_the_choice_is_the_same_on_every_machine() -> None:
    wanted = inventory(
        auto("web/apps"), auto("db/data"), pools=(replace(POOL, subnet=ip_network("10.0.0.0/8")),)
    )

    assert subnets(allocate(wanted, NOTHING)) == {
        "web/apps": ("10.133.40.0/24",),
        "db/data": ("10.163.157.0/24",),
    }


def test_what_the_inventory_claims_is_left_out() -> None:
    wanted = replace(
        inventory(auto("web/a"), ContainerNetwork("web", "b", (ip_network("10.90.0.0/24"),))),
        vlans=(Vlan("v", 5, (ip_network("10.90.1.0/25"),)),),
        reserved=(ip_network("10.90.2.7/32"),),
    )

    assert subnets(allocate(wanted, NOTHING))["web/a"] == ("10.90.3.0/24",)


def test_an_address_of_a_guest_is_left_out() -> None:
    pool = Pool("lab", ip_network("10.77.0.0/23"), 24)

    assert subnets(allocate(inventory(auto("web/a"), pools=(pool,)), NOTHING)) == {
        "web/a": ("10.77.1.0/24",)
    }


def route(destination: str, *hops: NextHop, **more: str) -> Route:
    return replace(Route(ip_network(destination), hops), **more)  # type: ignore[arg-type] # a test's shorthand


def test_what_the_snapshot_shows_is_left_out() -> None:
    host = Namespace(
        links=(Link(1, "lo", loopback=True), Link(2, "eth0")),
        addresses=(
            LinkAddress("lo", ip_interface("10.90.7.1/32")),
            LinkAddress("eth0", ip_interface("10.90.1.9/24")),
        ),
        routes=(
            route("0.0.0.0/0", NextHop(ip_address("10.0.0.1"), "eth0")),
            route("128.0.0.0/1", NextHop(None, "tun0")),
            route("10.80.0.0/12", NextHop(None, "tun0")),
            route("10.90.2.128/25", kind="blackhole"),
            route("10.90.6.0/24", kind="local"),
        ),
    )
    router = Namespace(routes=(route("10.90.3.0/24", NextHop(ip_address("10.0.0.9"), "lan")),))
    inside = Namespace(
        links=(Link(1, "br-x", kind="bridge"), Link(2, "wg0")),
        routes=(
            route("10.90.5.0/24", NextHop(None, "br-x")),
            route("10.90.4.0/26", NextHop(None, "wg0")),
        ),
    )
    shown = Snapshot(
        namespaces={HOST: host, ROUTER: router, guest("other"): inside},
        runtime=Runtime(
            "lxd",
            "5.0",
            networks=(
                InstanceNetwork(
                    "lxdbr0", config={"ipv4.address": "10.90.0.1/24", "ipv6.address": "none"}
                ),
            ),
        ),
    )
    pool = Pool("lab", ip_network("10.90.0.0/21"), 24)

    found = allocate(inventory(*map(auto, ("web/a", "web/b", "web/c")), pools=(pool,)), shown)

    assert {each for (each,) in subnets(found).values()} == {
        "10.90.5.0/24",
        "10.90.6.0/24",
        "10.90.7.0/24",
    }


def test_docker_networks_of_any_guest_are_left_out() -> None:
    shown = docker(
        {
            guest("other"): [
                there("bridge", "10.90.0.0/24"),
                there("x", "10.90.1.0/24", label="gone/x"),
            ],
            HOST: [there("bridge", "10.90.2.0/24")],
        }
    )

    assert subnets(allocate(inventory(auto("web/a")), shown)) == {"web/a": ("10.90.3.0/24",)}


def test_a_network_of_ours_keeps_its_subnet() -> None:
    for index in range(4):
        subnet = f"10.90.{index}.0/24"
        shown = docker({guest("web"): [there("a", subnet, label="web/a")]})

        assert subnets(allocate(inventory(auto("web/a")), shown)) == {"web/a": (subnet,)}


@pytest.mark.parametrize(
    ("subnet", "label"),
    [("10.91.0.0/24", "web/a"), ("10.90.0.0/25", "web/a"), ("10.90.0.0/24", "other/a")],
)
def test_a_subnet_that_does_not_fit_is_not_kept(subnet: str, label: str) -> None:
    shown = docker({guest("web"): [there("a", subnet, label=label)]})

    ((found,),) = subnets(allocate(inventory(auto("web/a")), shown)).values()

    assert not ip_network(found).overlaps(ip_network(subnet))


def test_what_the_inventory_fixes_is_stronger_than_what_was_kept() -> None:
    shown = docker({guest("web"): [there("a", "10.90.0.0/24", label="web/a")]})
    fixed = ContainerNetwork("db", "b", (ip_network("10.90.0.0/25"),))

    assert subnets(allocate(inventory(auto("web/a"), fixed), shown))["web/a"] != ("10.90.0.0/24",)


@pytest.mark.parametrize("index", range(4))
def test_a_network_whose_daemon_is_down_keeps_the_subnet_of_its_route(index: int) -> None:
    ours = route(f"10.90.{index}.0/24", NextHop(ip_address("10.77.0.1"), "lxdbr0"), protocol="201")
    shown = Snapshot(namespaces={HOST: Namespace(routes=(ours,))})

    assert subnets(allocate(inventory(auto("web/a")), shown)) == {"web/a": (str(ours.destination),)}
    assert subnets(allocate(inventory(auto("db/a"), auto("web/a")), shown))["db/a"] == (
        str(ours.destination),
    )


def test_a_new_network_does_not_take_the_subnet_of_one_that_is_going_away() -> None:
    kept = allocate(inventory(auto("web/old")), NOTHING)

    found = allocate(inventory(auto("web/new")), as_built(kept))

    assert subnets(found)["web/new"] != subnets(kept)["web/old"]


def test_an_exhausted_pool_names_every_network_and_the_way_out() -> None:
    names = [f"web/{letter}" for letter in "abcdef"]
    wanted = inventory(*(auto(each, where=Where("i.yaml", 9, 7)) for each in names))

    with pytest.raises(InventoryError) as caught:
        allocate(wanted, NOTHING)

    assert caught.value.problems == tuple(
        f"i.yaml:9:7: network web/{letter}: pool lab 10.90.0.0/22 is exhausted: none of its 4 subnets of /24 "
        "is free; make the pool larger, hand out smaller subnets (`each`), or give the network a subnet "
        "of its own"
        for letter in "ef"
    )


def test_a_pool_that_something_covers_is_told_by_whom() -> None:
    eth = LinkAddress("eth0", ip_interface("10.0.0.2/8"))
    shown = Snapshot(namespaces={HOST: Namespace(links=(Link(2, "eth0"),), addresses=(eth,))})

    with pytest.raises(
        InventoryError, match=r"host: link eth0 10\.0\.0\.0/8 covers it; choose another"
    ):
        allocate(inventory(auto("web/a")), shown)


def test_a_pool_that_is_not_there() -> None:
    with pytest.raises(
        InventoryError, match="there is no pool lab of IPv4; declare it under `pools`"
    ):
        allocate(inventory(auto("web/a"), pools=()), NOTHING)


LET_IN = (Allow((ip_network("10.1.0.0/16"),), lan=True), Allow((ip_network("10.2.0.0/16"),)))


def with_lan(uplink: str | None) -> Inventory:
    limited = ContainerNetwork(
        "web", "a", (ip_network("10.90.0.0/24"),), ingress=Ingress.LIST, allow=LET_IN
    )
    return replace(inventory(limited), hosts=(Host("nuc", uplink=uplink),))


@pytest.mark.parametrize("uplink", ["eth0", "br0", None])
def test_lan_becomes_the_subnets_of_the_uplink_or_of_its_bridge(uplink: str | None) -> None:
    here = Namespace(
        links=(Link(1, "eth0", master=2), Link(2, "br0", kind="bridge"), Link(3, "other")),
        addresses=(
            LinkAddress("br0", ip_interface("10.0.0.2/24")),
            LinkAddress("br0", ip_interface("fe80::1/64"), scope="link"),
            LinkAddress("other", ip_interface("10.5.0.2/24")),
        ),
        routes=(route("0.0.0.0/0", NextHop(ip_address("10.0.0.1"), "br0")),),
    )
    (network,) = allocate(with_lan(uplink), Snapshot(namespaces={HOST: here})).networks

    assert network.allow == (
        Allow((ip_network("10.1.0.0/16"), ip_network("10.0.0.0/24"))),
        LET_IN[1],
    )


def test_lan_stays_a_word_where_no_host_was_read() -> None:
    assert allocate(with_lan(None), NOTHING).networks[0].allow == LET_IN


def test_lan_without_an_uplink_is_an_error() -> None:
    with pytest.raises(
        InventoryError, match="the uplink of host nuc has no subnet; write `uplink`"
    ):
        allocate(with_lan("eth9"), Snapshot(namespaces={HOST: Namespace()}))


NAMES = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")).map("/".join),
    unique=True,
    max_size=10,
)
TAKEN = st.lists(st.tuples(st.integers(0, 31), st.integers(22, 29)), max_size=6)
WIDE = (Pool("lab", ip_network("10.90.0.0/19"), 24), POOL6)


def wanted(names: list[str]) -> Inventory:
    return inventory(*(auto(each, auto={4: "lab", 6: "six"}) for each in names), pools=WIDE)


def foreign(taken: list[tuple[int, int]]) -> list[Network]:
    return [ip_network(f"10.90.{index}.0/{length}", strict=False) for index, length in taken[:4]]


@settings(max_examples=100, deadline=None)
@given(NAMES, TAKEN)
def test_law_nothing_overlaps(names: list[str], taken: list[tuple[int, int]]) -> None:
    others = foreign(taken)
    shown = docker({guest("z"): [there("x", *map(str, others))]})

    found = [each for one in allocate(wanted(names), shown).networks for each in one.subnets]

    assert len(found) == 2 * len(names)
    for one, other in combinations([*found, *set(others)], 2):
        both_foreign = one in others and other in others
        assert both_foreign or one.version != other.version or not one.overlaps(other)


@settings(max_examples=50, deadline=None)
@given(NAMES, st.randoms())
def test_law_the_order_does_not_matter(names: list[str], random: object) -> None:
    mixed = sorted(names, key=lambda each: (random.random(), each))  # type: ignore[attr-defined] # st.randoms() has no type

    assert subnets(allocate(wanted(names), NOTHING)) == subnets(allocate(wanted(mixed), NOTHING))


@settings(max_examples=50, deadline=None)
@given(NAMES)
def test_law_it_is_idempotent(names: list[str]) -> None:
    once = allocate(wanted(names), NOTHING)

    assert allocate(once, NOTHING) == once
    assert allocate(wanted(names), as_built(once)) == once


@settings(max_examples=50, deadline=None)
@given(NAMES, st.data())
def test_law_what_exists_stays_when_others_come_and_go(
    names: list[str], data: st.DataObject
) -> None:
    before = subnets(allocate(wanted(names), NOTHING))
    shown = as_built(allocate(wanted(names), NOTHING))
    left = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []

    after = subnets(allocate(wanted([*left, "e/new", "a/new"]), shown))

    assert {each: after[each] for each in left} == {each: before[each] for each in left}
