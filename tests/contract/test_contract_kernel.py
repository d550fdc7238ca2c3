"""What a kernel and its simulation promise alike: routes, sysctls, accepts and ingress filters."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.errors import OperationError
from homelab.model.inverse import inverse
from homelab.model.kernel import NextHop, Route
from homelab.model.operation import (
    AddFilterRule,
    AddRoute,
    AllowEntry,
    DeleteFilterRule,
    DeleteIngressFilter,
    DeleteRoute,
    FilterRule,
    IngressFilter,
    MarkRoute,
    Operation,
    SetIngressFilter,
    SetSysctl,
)
from homelab.system.simulate_places import ruleset
from tests.contract.contract_worlds import PLACE, World, aspects, ours_in_text, rules_of


def route(destination: str, via: str | None, link: str | None = None, metric: int = 0) -> Route:
    hop = NextHop(ip_address(via) if via else None, link)
    return Route(ip_network(destination), (hop,), protocol="201", metric=metric)


def rule(mark: str, tool: str = "iptables-nft", table: str = "filter") -> FilterRule:
    parent = "FORWARD" if table == "filter" else "PREROUTING"
    subnet = "10.90.1.0/24" if tool.startswith("iptables") else "fd90:0:0:1::/64"
    return FilterRule(tool, table, parent, mark, destination=ip_network(subnet))


def ingress(chain: str, *entries: AllowEntry) -> IngressFilter:
    return IngressFilter(chain, "br-apps", f"web/{chain}:0123abcd", entries)


HERE = route("10.90.1.0/24", "10.77.0.11")
SIX = route("fd90::/64", "fd77::11")
FORWARD = SetSysctl(PLACE, "net.ipv4.ip_forward", "1", "0")
ENTRIES = (
    AllowEntry(ip_network("10.77.0.0/24"), "tcp", (5432, 5432)),
    AllowEntry(ip_network("10.77.0.3/32")),
    AllowEntry(ip_network("0.0.0.0/0"), "udp", (53, 60)),
    AllowEntry(ip_network("0.0.0.0/0"), "icmp"),
    AllowEntry(ip_network("0.0.0.0/0")),
    AllowEntry(ip_network("10.77.0.0/24"), "icmp"),
    AllowEntry(ip_network("fd77::/64"), "tcp"),
    AllowEntry(ip_network("::/0"), "icmp6"),
    AllowEntry(ip_network("::/0"), "tcp", (80, 80)),
)

REVERSIBLE: dict[str, Operation] = {
    "a route via a neighbour": AddRoute(PLACE, HERE),
    "a route of IPv6": AddRoute(PLACE, SIX),
    "a route with a link and a metric": AddRoute(
        PLACE, route("10.90.2.0/24", "10.77.0.11", "v0", 50)
    ),
    "a route in another table": AddRoute(
        PLACE, Route(ip_network("10.90.3.0/24"), HERE.hops, table=100, protocol="201")
    ),
    "a route without next hop": AddRoute(
        PLACE, Route(ip_network("10.91.0.0/16"), kind="blackhole", protocol="201")
    ),
    "a route through a link": AddRoute(
        PLACE,
        Route(ip_network("10.92.0.0/16"), (NextHop(link="v0"),), protocol="201", scope="link"),
    ),
    "a route via an address that is said to be on the link": AddRoute(
        PLACE,
        Route(
            ip_network("10.93.0.0/16"),
            (NextHop(ip_address("10.99.0.1"), "v0", onlink=True),),
            protocol="201",
        ),
    ),
    "forwarding": FORWARD,
    "forwarding of IPv6": SetSysctl(PLACE, "net.ipv6.conf.all.forwarding", "1", "0"),
    "forwarding of one link": SetSysctl(PLACE, "net.ipv4.conf.v0.forwarding", "1", "0"),
    "a filter of one link": SetSysctl(PLACE, "net.ipv4.conf.v0.rp_filter", "2", "0"),
    "an accept": AddFilterRule(PLACE, rule("web/apps")),
    "an accept in raw": AddFilterRule(PLACE, rule("web/apps", table="raw")),
    "an accept of legacy": AddFilterRule(PLACE, rule("web/apps", "iptables-legacy")),
    "an accept of IPv6": AddFilterRule(PLACE, rule("web/apps", "ip6tables-nft")),
    "an accept for everybody": AddFilterRule(
        PLACE,
        FilterRule("iptables-nft", "filter", "FORWARD", "all", source=ip_network("0.0.0.0/0")),
    ),
    "an ingress filter": SetIngressFilter(PLACE, ingress("apps", *ENTRIES)),
    "an ingress filter for nobody": SetIngressFilter(PLACE, ingress("apps")),
}


@pytest.mark.parametrize("name", REVERSIBLE)
def test_what_was_done_is_seen_and_undone(world: World, name: str) -> None:
    operation = REVERSIBLE[name]
    before = aspects(world.read())

    world.run(operation)
    assert aspects(world.read()) != before

    for back in inverse(operation):
        world.run(back)
    assert aspects(world.read()) == _with_redirects(before, operation)


def _with_redirects(before: object, operation: Operation) -> object:
    """Nothing but this: the kernel sets accept_redirects anew each time forwarding changes."""
    if isinstance(before, dict) and operation == FORWARD:
        key = "net.ipv4.conf.all.accept_redirects"
        return {**before, "sysctls": {**before["sysctls"], key: "1"}}
    return before


REFUSED: dict[str, tuple[tuple[Operation, ...], Operation, str]] = {
    "a route that is there": (
        (AddRoute(PLACE, HERE),),
        AddRoute(PLACE, HERE),
        "a route to 10.90.1.0/24 already exists (10.90.1.0/24 via 10.77.0.11 dev v0 proto 201)",
    ),
    "a route to the same place by another way": (
        (AddRoute(PLACE, HERE),),
        AddRoute(PLACE, route("10.90.1.0/24", "10.77.0.12")),
        "already exists",
    ),
    "a second route of IPv6": (
        (AddRoute(PLACE, SIX),),
        AddRoute(PLACE, route("fd90::/64", "fd77::12")),
        "already exists",
    ),
    "a route over the kernel's own": (
        (),
        AddRoute(PLACE, route("10.77.0.0/24", "10.77.0.11")),
        "already exists",
    ),
    "a route via nowhere": (
        (),
        AddRoute(PLACE, route("10.90.1.0/24", "10.78.0.11")),
        "cannot go via 10.78.0.11",
    ),
    "a route via nowhere of IPv6": (
        (),
        AddRoute(PLACE, route("fd90::/64", "fd78::11")),
        "cannot go via fd78::11",
    ),
    "a route through a link that is not there": (
        (),
        AddRoute(PLACE, route("10.90.1.0/24", "10.77.0.11", "none0")),
        "there is no link none0",
    ),
    "a route through a link that is down": (
        (),
        AddRoute(PLACE, route("10.90.1.0/24", None, "down0")),
        "down",
    ),
    "a route without our mark": (
        (),
        AddRoute(PLACE, Route(ip_network("10.90.1.0/24"), HERE.hops, protocol="static")),
        "has protocol static, homelab's own have 201",
    ),
    "deleting a route that is not there": (
        (),
        DeleteRoute(PLACE, HERE),
        "there is no route to 10.90.1.0/24 via 10.77.0.11 proto 201 to delete",
    ),
    "deleting a route by another way": (
        (AddRoute(PLACE, HERE),),
        DeleteRoute(PLACE, route("10.90.1.0/24", "10.77.0.12")),
        "to delete",
    ),
    "a sysctl that is not there": (
        (),
        SetSysctl(PLACE, "net.ipv4.conf.none0.rp_filter", "1", "0"),
        "net.ipv4.conf.none0.rp_filter",
    ),
    "a sysctl outside of net": (
        (),
        SetSysctl(PLACE, "kernel.core_pattern", "x", "y"),
        "'kernel.core_pattern' is no sysctl below net",
    ),
    "a sysctl with a hostile value": (
        (),
        SetSysctl(PLACE, "net.ipv4.ip_forward", "1\n0", "0"),
        "is no value for it",
    ),
    "an accept below a chain that is not there": (
        (),
        AddFilterRule(PLACE, FilterRule("iptables-nft", "filter", "DOCKER-USER", "x")),
        "no chain DOCKER-USER in table filter; is dockerd running?",
    ),
    "an accept with a hostile mark": (
        (),
        AddFilterRule(PLACE, FilterRule("iptables-nft", "filter", "FORWARD", 'x" -j DROP')),
        "letters, digits",
    ),
    "an accept of the other family": (
        (),
        AddFilterRule(
            PLACE,
            FilterRule("ip6tables-nft", "filter", "FORWARD", "x", ip_network("10.0.0.0/8")),
        ),
        "holds addresses of IPv6",
    ),
    "deleting an accept that is not there": (
        (AddFilterRule(PLACE, rule("web/other")),),
        DeleteFilterRule(PLACE, rule("web/apps")),
        "no rule homelab:web/apps",
    ),
    "an ingress filter that is there": (
        (SetIngressFilter(PLACE, ingress("apps")),),
        SetIngressFilter(PLACE, ingress("apps", *ENTRIES)),
        "already has a chain apps",
    ),
    "an ingress filter with a hostile name": (
        (),
        SetIngressFilter(PLACE, ingress("apps; flush ruleset")),
        "none that nft knows",
    ),
    "deleting an ingress filter that is not there": (
        (SetIngressFilter(PLACE, ingress("other")),),
        DeleteIngressFilter(PLACE, ingress("apps")),
        "has no chain apps to delete",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(world: World, name: str) -> None:
    first, refused, said = REFUSED[name]
    for each in first:
        world.run(each)
    before = aspects(world.read())

    with pytest.raises(OperationError) as error:
        world.run(refused)

    assert said in str(error.value)
    assert str(error.value).startswith(f"{PLACE}: ")
    assert aspects(world.read()) == before


def test_an_accept_stands_behind_the_first_jump_of_its_parent(world: World) -> None:
    world.run(AddFilterRule(PLACE, rule("web/apps")))

    lines = rules_of(world.read())["iptables-nft", "filter"]

    assert [each for each in lines if "-A" in each] == [
        '-A FORWARD -m comment --comment "homelab:jump" -j HOMELAB',
        '-A HOMELAB -d 10.90.1.0/24 -m comment --comment "homelab:web/apps" -j ACCEPT',
    ]


def test_the_same_mark_twice_is_one_rule(world: World) -> None:
    moved = FilterRule(
        "iptables-nft", "filter", "FORWARD", "a", destination=ip_network("10.9.0.0/16")
    )
    for each in (rule("a"), rule("b"), moved, moved):
        world.run(AddFilterRule(PLACE, each))

    lines = rules_of(world.read())["iptables-nft", "filter"]

    assert [each for each in lines if "-A HOMELAB" in each] == [
        '-A HOMELAB -d 10.90.1.0/24 -m comment --comment "homelab:b" -j ACCEPT',
        '-A HOMELAB -d 10.9.0.0/16 -m comment --comment "homelab:a" -j ACCEPT',
    ]
    assert sum("homelab:jump" in each for each in lines) == 1


def test_the_chain_goes_with_its_last_rule_only(world: World) -> None:
    for mark in ("a", "b"):
        world.run(AddFilterRule(PLACE, rule(mark)))

    world.run(DeleteFilterRule(PLACE, rule("a")))
    assert "homelab:b" in ruleset(world.read(), "iptables-nft")

    world.run(DeleteFilterRule(PLACE, rule("b")))
    assert "HOMELAB" not in ruleset(world.read(), "iptables-nft")


def test_ingress_filters_come_and_go_without_one_another(world: World) -> None:
    filters = [ingress("a", *ENTRIES), ingress("b"), ingress("c", *ENTRIES[:1])]
    for each in filters:
        world.run(SetIngressFilter(PLACE, each))
    for number, name in ((1, "b"), (2, "c"), (0, "a")):
        assert f"chain {name} {{" in ours_in_text(world.read())
        world.run(DeleteIngressFilter(PLACE, filters[number]))
        assert f"chain {name} {{" not in ours_in_text(world.read())

    assert not ours_in_text(world.read())


def test_a_route_is_deleted_whatever_its_metric_when_none_is_said(world: World) -> None:
    world.run(AddRoute(PLACE, route("10.90.1.0/24", "10.77.0.11", metric=7)))
    world.run(DeleteRoute(PLACE, HERE))

    assert not [each for each in world.read().routes if each.protocol == "201"]


@pytest.mark.parametrize("name", [each for each in REVERSIBLE if each.startswith("a route")])
@pytest.mark.parametrize("protocol", ["boot", "static", "77"])
def test_a_mark_comes_and_goes_and_nothing_else_changes(
    world: World, name: str, protocol: str
) -> None:
    added = REVERSIBLE[name]
    assert isinstance(added, AddRoute)
    before = aspects(world.read())["routes"]
    assert isinstance(before, set)
    world.run(added)
    after = aspects(world.read())["routes"]
    assert isinstance(after, set)
    (ours,) = after - before
    foreign = replace(ours, protocol=protocol)

    world.run(MarkRoute(PLACE, ours, protocol))
    assert aspects(world.read())["routes"] == before | {foreign}

    world.run(MarkRoute(PLACE, foreign, "201"))
    assert aspects(world.read())["routes"] == after


def test_a_mark_is_refused_for_what_is_not_there_or_not_to_be_ours(world: World) -> None:
    foreign = replace(HERE, protocol="static")
    refused(world, MarkRoute(PLACE, foreign, "201"), "there is no route")
    refused(world, MarkRoute(PLACE, foreign, "boot"), "own protocol")
    refused(world, MarkRoute(PLACE, foreign, "201 via"), "own protocol")
    refused(world, MarkRoute(PLACE, HERE, "static via"), "no protocol of a route")
    several = replace(HERE, hops=(*HERE.hops, *HERE.hops))
    refused(world, MarkRoute(PLACE, several, "static"), "exactly one next hop")


def refused(world: World, operation: Operation, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        world.run(operation)
