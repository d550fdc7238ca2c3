"""Rules in their order, tables by their longest prefix, next hops that are alive."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.diagnosis.routing import Answer, Question, Tables, route_line
from homelab.model.kernel import Link, Namespace, NextHop, PolicyRule, Route

LINKS = (Link(1, "lo", loopback=True), Link(2, "eth0"), Link(3, "eth1"))


def via(address: str, link: str = "eth0", **more: Any) -> NextHop:
    return NextHop(ip_address(address), link, **more)


def route(to: str, *hops: NextHop, **more: Any) -> Route:
    return Route(ip_network(to), hops or (via("10.0.0.1"),), **more)


def rule(priority: int, **more: Any) -> PolicyRule:
    return PolicyRule(priority, 4, **more)


MAIN = rule(32766, table=254)
WIDE = route("0.0.0.0/0")
SIDE = route("0.0.0.0/0", via("10.0.1.1", "eth1"), table=77)


def ask(
    *routes: Route, rules: tuple[PolicyRule, ...] = (), to: str = "10.9.0.1", **asked: Any
) -> Answer:
    return Tables(Namespace(links=LINKS, routes=routes, rules=rules)).lookup(
        Question(ip_address(to), **asked)
    )


def link(answer: Answer) -> str | None:
    return answer.hop.link if answer.hop else None


def test_without_rules_the_tables_are_asked_in_the_kernels_order() -> None:
    default = route("0.0.0.0/0", via("10.0.1.1", "eth1"), table=253)
    local = Route(ip_network("10.9.0.1/32"), (NextHop(link="lo"),), 255, "local")

    assert ask(default).hop == default.hops[0]
    assert ask(default, WIDE).hop == WIDE.hops[0]
    assert ask(default, WIDE, local).kind == "local"
    assert ask().kind == "none"
    assert ask(Route(ip_network("::/0"), (NextHop(link="eth0"),), 253), to="fd00::1").kind == "none"


def test_the_longest_prefix_wins_and_then_the_lowest_metric() -> None:
    near = route("10.9.0.0/16", via("10.0.1.1", "eth1"), metric=300)
    nearer = route("10.9.0.0/24", via("10.0.0.7"), metric=900)

    assert ask(WIDE, near, nearer).route == nearer
    assert ask(near, replace(near, metric=100)).route == replace(near, metric=100)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 3)), max_size=12
    ),
    st.integers(0, 2**32 - 1),
)
def test_a_lookup_is_what_a_search_through_all_routes_finds(
    seeds: list[tuple[int, int, int]], number: int
) -> None:
    routes = [
        Route(ip_network((seed, length), strict=False), (via("10.0.0.1"),), metric=metric)
        for seed, length, metric in seeds
    ]
    address = ip_address(number)
    covering = [each for each in routes if address in each.destination]
    best = min(covering, key=lambda each: (-each.destination.prefixlen, each.metric), default=None)

    assert ask(*routes, to=str(address)).route == best


@pytest.mark.parametrize(
    ("selector", "asked", "takes"),
    [
        ({}, {}, True),
        ({"source": ip_network("10.1.0.0/16")}, {"source": ip_address("10.1.2.3")}, True),
        ({"source": ip_network("10.1.0.0/16")}, {"source": ip_address("10.2.2.3")}, False),
        ({"source": ip_network("10.1.0.0/16")}, {}, False),
        ({"destination": ip_network("10.9.0.0/16")}, {}, True),
        ({"destination": ip_network("10.8.0.0/16")}, {}, False),
        ({"destination": ip_network("10.8.0.0/16"), "inverted": True}, {}, True),
        ({"iif": "eth1"}, {"iif": "eth1"}, True),
        ({"iif": "eth1"}, {}, False),
        ({"oif": "eth1"}, {"oif": "eth1"}, True),
        ({"oif": "eth1"}, {}, False),
        ({"fwmark": 7}, {"mark": 7}, True),
        ({"fwmark": 7}, {"mark": 15}, False),
        ({"fwmark": 7, "fwmask": 7}, {"mark": 15}, True),
        ({"protocol": 6}, {"protocol": "tcp"}, True),
        ({"protocol": 6}, {"protocol": "udp"}, False),
        ({"source_ports": (1, 9)}, {"sport": 9}, True),
        ({"destination_ports": (80, 80)}, {"dport": 81}, False),
        ({"tos": 16}, {}, False),
        ({"tos": 16}, {"tos": 16}, True),
        ({"tos": 0}, {"tos": 16}, True),
        ({"uid_range": (0, 0)}, {}, True),
        ({"uid_range": (1000, 2000)}, {}, False),
        ({"action": "l3mdev", "table": None}, {}, False),
    ],
)
def test_a_rule_takes_what_its_selector_covers(
    selector: dict[str, Any], asked: dict[str, Any], takes: bool
) -> None:
    first = replace(rule(100, table=77), **selector)

    assert (link(ask(WIDE, SIDE, rules=(MAIN, first), **asked)) == "eth1") == takes


def test_rules_fail_jump_and_are_passed_over() -> None:
    stop = rule(100, action="prohibit")

    assert ask(WIDE, rules=(stop, MAIN)) == Answer("prohibit", rule=stop)
    over = rule(50, action="goto", goto=32766)
    assert ask(WIDE, rules=(over, stop, MAIN)).route == WIDE
    nowhere = rule(50, action="goto", goto=60)
    assert ask(WIDE, rules=(nowhere, stop, MAIN)).kind == "prohibit"
    assert ask(WIDE, rules=(rule(50, action="nop"), rule(60, table=5), MAIN)).route == WIDE


def test_a_suppressed_answer_is_none() -> None:
    narrow = rule(100, table=254, suppress_prefixlength=0)
    near = route("10.9.0.0/16", via("10.0.0.5"))

    assert link(ask(WIDE, SIDE, rules=(narrow, rule(200, table=77)))) == "eth1"
    assert ask(WIDE, near, SIDE, rules=(narrow, rule(200, table=77))).route == near
    grouped = rule(100, table=254, suppress_ifgroup="3")
    assert ask(WIDE, rules=(grouped,)).kind == "unknown"
    assert (
        ask(WIDE, rules=(replace(grouped, destination=ip_network("1.0.0.0/8")), MAIN)).route == WIDE
    )


def test_throw_leaves_the_table() -> None:
    throw = Route(ip_network("10.9.0.0/16"), (), 77, "throw")

    assert ask(WIDE, SIDE, throw, rules=(rule(100, table=77), MAIN)).route == WIDE


def test_failing_routes_are_answers() -> None:
    for kind in ("blackhole", "unreachable", "prohibit"):
        assert ask(WIDE, Route(ip_network("10.9.0.0/16"), kind=kind)).kind == kind


def test_dead_hops_are_passed_over() -> None:
    near = route("10.9.0.0/16", via("10.0.0.5", dead=True))
    gone = route("10.9.0.0/20", via("10.0.0.5", "eth9"))

    assert ask(WIDE, near, gone).route == WIDE
    several = route("10.9.0.0/16", via("10.0.0.5", dead=True), via("10.0.1.5", "eth1"))
    assert ask(several).hops == several.hops[1:]
    assert ask(route("10.9.0.0/16", NextHop()), WIDE).hop == NextHop()


def test_only_hops_of_the_link_that_is_asked_for() -> None:
    local = Route(ip_network("10.9.0.1/32"), (NextHop(link="lo"),), 255, "local")

    assert ask(WIDE, oif="eth1").kind == "none"
    assert ask(local, oif="eth1").kind == "local"


@pytest.mark.parametrize(("who", "passes"), [("all", 4), ("eth0", 46)])
def test_linkdown_hops_count_unless_a_sysctl_says_no(who: str, passes: int) -> None:
    for family, to, gateway in ((4, "10.9.0.1", "10.0.0.1"), (6, "fd09::1", "fd00::1")):
        down = route("::/0" if family == 6 else "0.0.0.0/0", via(gateway, linkdown=True))
        key = f"net.ipv{family}.conf.{who}.ignore_routes_with_linkdown"
        here = Namespace(links=LINKS, routes=(down,))

        assert Tables(here).lookup(Question(ip_address(to))).route == down
        answer = Tables(replace(here, sysctls={key: "1"})).lookup(Question(ip_address(to)))
        assert (answer.kind == "none") == (str(family) in str(passes))


def test_a_route_prints_as_ip_prints_it() -> None:
    assert route_line(Answer("none")) == "no route"
    assert route_line(ask(WIDE)) == "default via 10.0.0.1 dev eth0"
    black = Route(ip_network("10.9.0.0/16"), kind="blackhole", metric=5)
    assert route_line(ask(black)) == "blackhole 10.9.0.0/16 metric 5"
    many = route("10.9.0.0/16", via("10.0.0.1"), NextHop(link="eth1"))
    assert route_line(ask(many)) == "10.9.0.0/16 nexthop via 10.0.0.1 dev eth0 nexthop dev eth1"
    assert route_line(ask(many), many.hops[0]) == "10.9.0.0/16 via 10.0.0.1 dev eth0"
    assert route_line(ask(route("10.9.0.0/16", NextHop()))) == "10.9.0.0/16"


def test_a_deleted_rule_of_ipv6_may_still_count_while_there_is_no_other() -> None:
    default = route("::/0", via("fd00::1"))
    local = PolicyRule(0, 6, table=255)
    other = PolicyRule(50, 6, table=5)

    gone = ask(default, rules=(local,), to="fd09::1")
    assert (gone.kind, gone.rule) == ("unknown", PolicyRule(32766, 6, table=254))
    assert ask(rules=(local,), to="fd09::1").kind == "none"
    assert ask(default, rules=(local, other), to="fd09::1").kind == "none"
    assert ask(WIDE, rules=(rule(0, table=255),)).kind == "none"


def test_without_rules_of_its_own_local_and_main_are_one_table() -> None:
    wide = Route(ip_network("10.0.0.0/8"), (NextHop(link="lo"),), 255, "local")
    near, same = route("10.9.0.0/16"), route("10.0.0.0/8", metric=1)
    other = (rule(0, table=255), rule(50, table=7), rule(32766, table=254))

    assert ask(wide, near).route == near
    assert ask(same, wide).kind == "local"
    assert ask(wide, near, rules=other).kind == "local"
