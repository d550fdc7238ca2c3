"""One packet there and back: what becomes of it, and what is to blame."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.diagnosis.tracer import Tracer
from homelab.diagnosis.world import World
from homelab.model.kernel import Listener, NextHop, PolicyRule, Route
from homelab.model.place import HOST, LAN, ROUTER, Place
from homelab.model.trace import Cause, Outcome, Trace
from tests.diagnosis.trace_lab import APP, TWO, WEB, Lab, lab, target

DROP, REJECT = Outcome.DROPPED, Outcome.REJECTED


def cause(trace: Trace) -> Cause:
    assert trace.cause is not None
    return trace.cause


def table(*rules: str, name: str = "filter", policy: str = "ACCEPT") -> str:
    chains = {
        "filter": ("INPUT", "FORWARD", "OUTPUT"),
        "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
        "mangle": ("PREROUTING", "OUTPUT"),
    }[name]
    lines = [f":{chain} {policy if chain == 'FORWARD' else 'ACCEPT'} [0:0]" for chain in chains]
    return "\n".join([f"*{name}", *lines, *rules, "COMMIT", ""])


@pytest.mark.parametrize("origin", ["lan", "router", "host", "guest:web", "container:web/two"])
@pytest.mark.parametrize("address", ["10.90.1.10", "fd90::10"])
def test_a_healthy_lab_delivers(origin: str, address: str) -> None:
    for port in (None, 80):
        trace = lab().trace(origin, address, port)
        assert (trace.outcome, trace.cause) == (Outcome.DELIVERED, None)
        assert trace.rewritten_source is trace.rewritten_destination is None
        assert trace.forward
        assert trace.back


def test_the_hops_are_in_order() -> None:
    trace = lab().trace("lan", "10.90.1.10")

    assert [(each.at, each.stage) for each in trace.forward] == [
        (LAN, "send"),
        (ROUTER, "route"),
        (HOST, "route"),
        (WEB, "route"),
    ]
    # The host answers the LAN without its router.
    assert [each.at for each in trace.back] == [APP, WEB, HOST]
    assert trace.forward[1].via == ip_address("192.168.1.5")


@pytest.mark.parametrize(
    ("where", "to", "direction", "outcome"),
    [
        (ROUTER, "10.0.0.0/8", "forward", REJECT),
        (WEB, "0.0.0.0/0", "return", DROP),
        (APP, "0.0.0.0/0", "return", DROP),
    ],
)
def test_a_missing_route(where: Place, to: str, direction: str, outcome: Outcome) -> None:
    made = lab()
    made.drop_routes(where, to)
    trace = made.trace("lan", "10.90.1.10")

    found = cause(trace)
    assert (trace.outcome, found.at, found.direction) == (outcome, where, direction)
    assert (found.stage, found.kind, found.rule, found.owner) == ("route", "route", None, None)
    assert "has no route to" in found.text


def test_an_error_that_finds_no_way_back_is_silence() -> None:
    made = lab()
    made.drop_routes(HOST, "10.90.1.0/24")
    made.drop_routes(HOST, "0.0.0.0/0")
    made.drop_routes(HOST, "192.168.1.0/24")

    assert made.trace("lan", "10.90.1.10").outcome is DROP


def test_a_senders_own_missing_route_is_an_answer() -> None:
    made = lab()
    for each in ("10.90.1.0/24", "0.0.0.0/0"):
        made.drop_routes(HOST, each)

    trace = made.trace("host", "10.90.1.10")

    assert (trace.outcome, cause(trace).at, trace.source) == (REJECT, HOST, ip_address("0.0.0.0"))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("blackhole", DROP), ("unreachable", REJECT), ("prohibit", REJECT)],
)
@pytest.mark.parametrize(("protocol", "owner"), [("201", "homelab"), ("static", "user")])
def test_routes_that_fail(kind: str, outcome: Outcome, protocol: str, owner: str) -> None:
    for network, address in (("10.90.1.10/32", "10.90.1.10"), ("fd90::10/128", "fd90::10")):
        made = lab()
        made.add_route(HOST, Route(ip_network(network), kind=kind, protocol=protocol))
        trace = made.trace("lan", address)
        assert trace.outcome is outcome
        assert (cause(trace).rule, cause(trace).owner) == (f"{kind} {network}", owner)


def test_rules_that_fail() -> None:
    made = lab()
    standard = tuple(PolicyRule(at, 4, table=t) for at, t in ((0, 255), (32766, 254)))
    made.change(HOST, rules=(PolicyRule(9, 4, "prohibit", iif="eth0"), *standard))
    trace = made.trace("lan", "10.90.1.10")
    assert (trace.outcome, cause(trace).rule, cause(trace).owner) == (
        REJECT,
        "ip rule 9: prohibit",
        "user",
    )
    made.change(HOST, rules=(PolicyRule(9, 4, table=254, suppress_ifgroup="2"), *standard))
    trace = made.trace("lan", "10.90.1.10")
    assert (trace.outcome, cause(trace).key) == (Outcome.UNKNOWN, "ip rule")


@pytest.mark.parametrize(
    ("sysctls", "address", "key"),
    [
        ({"net_ipv4_ip__forward": "0"}, "10.90.1.10", "net.ipv4.ip_forward"),
        (
            {"net_ipv4_conf_eth0_forwarding": "0"},
            "10.90.1.10",
            "net.ipv4.conf.eth0.forwarding",
        ),
        ({"net_ipv6_conf_all_forwarding": "0"}, "fd90::10", "net.ipv6.conf.all.forwarding"),
        ({"net_ipv6_conf_eth0_disable__ipv6": "1"}, "fd90::10", None),
    ],
)
def test_a_place_that_does_not_forward(
    sysctls: dict[str, str], address: str, key: str | None
) -> None:
    made = lab()
    made.sysctl(WEB, **sysctls)
    trace = made.trace("lan", address)

    assert trace.outcome is DROP
    assert cause(trace).key == key
    if key is not None:
        found = cause(trace)
        assert (found.at, found.stage, found.kind, found.owner, found.iif) == (
            WEB,
            "forward",
            "sysctl",
            "user",
            "eth0",
        )


def test_ipv6_forwarding_by_force_and_an_answer_without_any() -> None:
    made = lab()
    made.sysctl(WEB, net_ipv6_conf_all_forwarding="0", net_ipv6_conf_eth0_force__forwarding="1")
    made.sysctl(WEB, **{"net_ipv6_conf_br-app_force__forwarding": "1"})
    assert made.trace("lan", "fd90::10").ok
    made = lab()
    made.sysctl(HOST, net_ipv6_conf_all_forwarding="0")
    made.drop_routes(HOST, "fd90::/64")
    made.drop_routes(HOST, "::/0")
    assert made.trace("lan", "fd90::10").outcome is REJECT


def test_ipv6_that_is_off() -> None:
    made = lab()
    made.sysctl(HOST, net_ipv6_conf_eth0_disable__ipv6="1")
    assert cause(made.trace("packet:eth0:fd01::77", "fd90::10")).stage == "prerouting"
    assert cause(made.trace("host", "fd01::1")).stage == "link"


def test_rp_filter_is_blamed_with_its_key() -> None:
    made = lab()
    made.sysctl(WEB, net_ipv4_conf_all_rp__filter="1")
    made.route(WEB, "192.168.1.0/24", link="br-app")
    found = cause(made.trace("lan", "10.90.1.10"))

    assert (found.kind, found.key, found.stage, found.iif) == (
        "sysctl",
        "net.ipv4.conf.all.rp_filter",
        "rp_filter",
        "eth0",
    )
    assert cause(made.trace("lan", "10.77.0.11")).key == found.key


def test_a_martian_has_no_key_that_helps() -> None:
    trace = lab().trace("packet:eth0:224.0.0.9", "10.90.1.10")

    assert (trace.outcome, cause(trace).kind, cause(trace).key) == (DROP, "route", None)


def test_a_broadcast_address_is_not_forwarded() -> None:
    made = lab()
    made.add_route(
        HOST, Route(ip_network("10.90.1.255/32"), (NextHop(link="lxdbr0"),), 255, "broadcast")
    )

    assert "is a broadcast address here" in cause(made.trace("lan", "10.90.1.255")).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"up": False}, "is down"), ({"carrier": False}, "has no carrier")],
)
def test_links_that_are_down(changes: dict[str, bool], said: str) -> None:
    made = lab()
    made.set_link(HOST, "lxdbr0", **changes)
    found = cause(made.trace("lan", "10.90.1.10"))

    assert (found.kind, found.at, found.key, found.stage) == ("link", HOST, "lxdbr0", "link")
    assert said in found.text


def test_a_route_that_names_no_link() -> None:
    made = lab()
    made.add_route(HOST, Route(ip_network("10.90.1.10/32"), (NextHop(),)))

    assert "names no link" in cause(made.trace("lan", "10.90.1.10")).text


def test_loops_end_where_the_way_is_least_specific() -> None:
    made = lab()
    made.drop_routes(HOST, "10.90.1.0/24")
    trace = made.trace("lan", "10.90.1.10")

    assert (trace.outcome, cause(trace).at, cause(trace).kind) == (REJECT, HOST, "route")
    assert "goes round until its TTL ends" in cause(trace).text


def test_a_life_that_ends() -> None:
    made = lab()
    made.rules(ROUTER, "iptables-nft", table("-A PREROUTING -j TTL --ttl-set 2", name="mangle"))
    trace = made.trace("lan", "10.90.1.10")

    assert (trace.outcome, cause(trace).at) == (REJECT, HOST)
    assert "time to live" in cause(trace).text


@pytest.mark.parametrize("source", ["links", "routes", "rules", "sysctls"])
def test_what_was_not_read_is_not_guessed(source: str) -> None:
    made = lab()
    made.change(WEB, unread={source: "no permission"})
    for origin in ("lan", "guest:web"):
        trace = made.trace(origin, "10.90.1.10")
        assert (trace.outcome, cause(trace).key, cause(trace).at) == (Outcome.UNKNOWN, source, WEB)
    made.change(WEB, unread={source: "ipv6: no permission"})
    assert made.trace("lan", "10.90.1.10").ok
    assert made.trace("lan", "fd90::10").outcome is Outcome.UNKNOWN


def test_sockets() -> None:
    made = lab()
    trace = made.trace("lan", "10.90.1.10", 81)
    found = cause(trace)
    assert (trace.outcome, found.kind, found.key, found.at) == (REJECT, "socket", "81/tcp", APP)
    assert made.trace("lan", "10.90.1.10", 53, "udp").outcome is REJECT
    made.listen(APP, 53, "udp")
    assert made.trace("lan", "10.90.1.10", 53, "udp").ok
    made.change(APP, listeners=(Listener("tcp", 4, ip_address("127.0.0.1"), 80),))
    assert made.trace("lan", "10.90.1.10", 80).outcome is REJECT
    made.change(APP, listeners=(Listener("tcp", 6, None, 80),))
    assert made.trace("lan", "10.90.1.10", 80).outcome is REJECT
    assert made.trace("lan", "fd90::10", 80).ok
    made.change(APP, listeners=(Listener("tcp", 4, None, 80, link="eth1"),))
    assert made.trace("lan", "10.90.1.10", 80).outcome is REJECT
    made.change(APP, listeners=(Listener("tcp", 4, ip_address("10.90.1.10"), 80, link="eth0"),))
    assert made.trace("lan", "10.90.1.10", 80).ok
    made.change(APP, unread={"sockets": "ss crashed"})
    assert cause(made.trace("lan", "10.90.1.10", 80)).key == "sockets"


def test_a_place_that_answers_no_echo() -> None:
    made = lab()
    made.sysctl(APP, net_ipv4_icmp__echo__ignore__all="1", net_ipv6_icmp_echo__ignore__all="1")

    for address, key in (
        ("10.90.1.10", "net.ipv4.icmp_echo_ignore_all"),
        ("fd90::10", "net.ipv6.icmp.echo_ignore_all"),
    ):
        trace = made.trace("lan", address)
        assert (trace.outcome, cause(trace).key) == (DROP, key)


def test_rules_of_each_hook_are_named() -> None:
    for where, rule, outcome in (
        (WEB, "-A FORWARD -i eth0 -j DROP", DROP),
        (WEB, "-A FORWARD -i eth0 -j REJECT --reject-with icmp-port-unreachable", REJECT),
        (APP, "-A INPUT -j DROP", DROP),
    ):
        made = lab()
        made.rules(where, "iptables-nft", table(rule))
        trace = made.trace("lan", "10.90.1.10", 80)
        found = cause(trace)
        assert (trace.outcome, found.rule, found.at) == (outcome, rule, where)
        assert (found.table, found.tool, found.kind) == ("filter", "iptables-nft", "rule")
    made = lab()
    made.rules(APP, "iptables-nft", table("-A OUTPUT -j DROP"))
    back = cause(made.trace("lan", "10.90.1.10"))
    assert (back.direction, back.stage) == ("return", "output")
    assert made.trace("container:web/app", "10.77.0.1").outcome is DROP


def test_a_reset_by_a_rule_comes_back() -> None:
    made = lab()
    made.rules(WEB, "iptables-nft", table("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"))

    assert made.trace("lan", "10.90.1.10", 80).outcome is REJECT


def test_an_error_that_a_rule_cannot_judge_leaves_the_outcome_open() -> None:
    made = lab()
    made.rules(
        WEB,
        "iptables-nft",
        table("-A FORWARD -i eth0 -j REJECT --reject-with icmp-port-unreachable"),
    )
    made.rules(HOST, "iptables-nft", table("-A FORWARD -i lxdbr0 -m nobodyknows --x 1 -j DROP"))

    assert made.trace("lan", "10.90.1.10").outcome is Outcome.UNKNOWN


def test_nat_there_and_back() -> None:
    made = lab()
    made.rules(
        WEB,
        "iptables-nft",
        table(
            "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.90.1.10:80",
            "-A OUTPUT -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.90.1.10:80",
            "-A POSTROUTING -s 10.90.1.0/24 ! -o br-app -j MASQUERADE",
            name="nat",
        ),
    )
    trace = made.trace("lan", "10.77.0.11", 8080)
    assert (trace.outcome, trace.rewritten_destination) == (Outcome.DELIVERED, "10.90.1.10:80/tcp")
    out = made.trace("container:web/app", "10.77.0.1")
    assert (out.outcome, out.rewritten_source) == (Outcome.DELIVERED, "10.77.0.11")
    own = made.trace("guest:web", "10.77.0.11", 8080)
    assert (own.outcome, own.rewritten_destination) == (Outcome.DELIVERED, "10.90.1.10:80/tcp")


def test_output_may_send_a_packet_where_nothing_leads() -> None:
    made = lab()
    for each in ("0.0.0.0/0", "192.168.1.0/24"):
        made.drop_routes(WEB, each)
    made.rules(
        WEB,
        "iptables-nft",
        table(
            "-A OUTPUT -p icmp -j DNAT --to-destination 203.0.113.9",
            "-A OUTPUT -p tcp -j DNAT --to-destination 203.0.113.9",
            name="nat",
        ),
    )
    told = made.trace("guest:web", "10.77.0.1")
    lost = made.trace("guest:web", "10.77.0.1", 80)

    assert (told.outcome, cause(told).at) == (Outcome.REJECTED, WEB)
    assert (lost.outcome, cause(lost).at) == (DROP, WEB)


def test_a_place_sends_to_itself() -> None:
    assert lab().trace("guest:web", "10.77.0.11", 80).ok
    assert lab().trace("guest:web", "127.0.0.1").ok
    made = lab()
    made.rules(WEB, "iptables-nft", table("-A INPUT -i lo -j DROP"))
    assert cause(made.trace("guest:web", "10.77.0.11")).stage == "input"
    made = lab()
    made.rules(WEB, "nft-json", JSON_POSTROUTING)
    assert cause(made.trace("guest:web", "10.77.0.11")).stage == "postrouting"
    assert cause(made.trace("guest:web", "10.90.1.10")).stage == "postrouting"


def nft(family: str, hook: str, *expressions: str, extra: str = "") -> str:
    drop = ", ".join((*expressions, '{"drop": null}'))
    return (
        '{"nftables": [{"metainfo": {"json_schema_version": 1}}, '
        f'{{"table": {{"family": "{family}", "name": "t", "handle": 1}}}}, '
        f'{{"chain": {{"family": "{family}", "table": "t", "name": "c", "handle": 1, "type": "filter",'
        f' "hook": "{hook}", "prio": 0, "policy": "accept"{extra}}}}}, '
        f'{{"rule": {{"family": "{family}", "table": "t", "chain": "c", "handle": 2, "expr": [{drop}]}}}}]}}'
    )


JSON_POSTROUTING = nft("inet", "postrouting")


@pytest.mark.parametrize(
    ("hook", "origin", "to", "direction"),
    [
        ("prerouting", "container:web/app", "10.77.0.1", "forward"),
        ("input", "container:web/app", "10.77.0.1", "forward"),
        ("forward", "container:web/app", "10.90.1.11", "forward"),
        ("output", "guest:web", "10.90.1.10", "forward"),
        ("postrouting", "guest:web", "10.90.1.10", "forward"),
    ],
)
def test_rules_of_a_bridge_meet_frames(hook: str, origin: str, to: str, direction: str) -> None:
    made = lab()
    made.rules(WEB, "nft-json", nft("bridge", hook))
    found = cause(made.trace(origin, to))

    assert (found.at, found.family, found.stage, found.direction) == (
        WEB,
        "bridge",
        "bridge",
        direction,
    )


def test_rules_of_a_link_meet_frames() -> None:
    made = lab()
    made.rules(WEB, "nft-json", nft("netdev", "ingress", extra=', "dev": "vapp"'))
    found = cause(made.trace("container:web/app", "10.90.1.11"))
    assert (found.family, found.stage, found.iif) == ("netdev", "netdev", "vapp")
    made = lab()
    made.rules(WEB, "nft-json", nft("netdev", "ingress", extra=', "dev": "eth0"'))
    assert cause(made.trace("host", "10.77.0.11")).iif == "eth0"
    made = lab()
    made.rules(HOST, "nft-json", nft("netdev", "egress", extra=', "dev": "lxdbr0"'))
    assert cause(made.trace("host", "10.77.0.11")).oif == "lxdbr0"


def test_rules_that_were_not_read_may_hang_on_a_bridge() -> None:
    made = lab()
    made.change(WEB, unread={"nft": "crashed (SIGSEGV)"})
    trace = made.trace("container:web/app", "10.90.1.11")

    assert (trace.outcome, cause(trace).key) == (Outcome.UNKNOWN, "nft")


def test_a_rule_by_the_senders_mac_address() -> None:
    mac = next(each.mac for each in lab().spaces[HOST].links if each.name == "lxdbr0")
    made = lab()
    made.rules(WEB, "iptables-nft", table(f"-A FORWARD -m mac --mac-source {mac} -j DROP"))

    assert cause(made.trace("lan", "10.90.1.10")).kind == "rule"


@pytest.mark.parametrize("by", ["sysctl", "bridge"])
def test_br_netfilter_shows_frames_to_iptables(by: str) -> None:
    made = lab()
    made.rules(WEB, "iptables-nft", table("-A FORWARD -i br-app -o br-app -j DROP"))
    assert made.trace("container:web/two", "10.90.1.10").ok
    if by == "sysctl":
        made.sysctl(WEB, **{"net_bridge_bridge-nf-call-iptables": "1"})
    else:
        made.set_link(WEB, "br-app", options={"nf_call_iptables": "1"})
    found = cause(made.trace("container:web/two", "10.90.1.10"))
    assert (found.at, found.stage, found.chain) == (WEB, "bridged forward", "FORWARD")
    assert made.trace("container:web/two", "fd90::10").ok


@pytest.mark.parametrize("on", ["0", "1"])
def test_the_port_is_known_to_iptables_with_br_netfilter_only(on: str) -> None:
    made = lab()
    made.sysctl(WEB, **{"net_bridge_bridge-nf-call-iptables": on})
    made.rules(WEB, "iptables-nft", table("-A FORWARD -m physdev --physdev-in vapp -j DROP"))

    assert made.trace("container:web/app", "10.77.0.1").ok == (on == "0")


def test_an_xdp_program_is_not_followed() -> None:
    for link in ("eth0", "vapp"):
        made = lab()
        made.set_link(WEB, link, options={"xdp": "attached"})
        trace = made.trace("lan", "10.90.1.10")
        assert (trace.outcome, cause(trace).key) == (Outcome.UNKNOWN, f"xdp {link}")


def several(*hops: str) -> Lab:
    made = lab()
    made.drop_routes(HOST, "10.90.1.0/24")
    ways = tuple(NextHop(ip_address(each), "lxdbr0") for each in hops)
    made.add_route(HOST, Route(ip_network("10.90.1.0/24"), ways))
    return made


def test_several_next_hops_that_end_alike() -> None:
    assert several("10.77.0.11", "10.77.0.11").trace("lan", "10.90.1.10").ok


def test_several_next_hops_that_end_differently() -> None:
    trace = several("10.77.0.11", "10.77.0.12").trace("lan", "10.90.1.10")

    assert trace.outcome is Outcome.UNKNOWN
    assert "by one way delivered, by another dropped" in cause(trace).text
    assert str(cause(trace).rule).startswith("several next hops: 10.90.1.0/24 nexthop via")


def test_more_ways_than_are_tried() -> None:
    trace = several(*["10.77.0.11"] * 20).trace("lan", "10.90.1.10")

    assert trace.outcome is Outcome.UNKNOWN
    assert "too many ways" in cause(trace).text


def test_a_client_asks_itself_for_its_own_subnet() -> None:
    """What another machine on the LAN owns does not go through the router, whatever its rules say."""
    made = lab()
    made.rules(ROUTER, "iptables-nft", table(policy="DROP"))
    assert made.trace("lan", "192.168.1.5").ok
    assert not made.trace("lan", "10.90.1.10").ok
    trace = made.trace("lan", "192.168.1.77")
    assert (trace.outcome, cause(trace).stage) == (Outcome.UNKNOWN, "neighbour")


def test_a_reply_that_comes_up_elsewhere() -> None:
    made = lab()
    made.address(HOST, "lxdbr0", "192.168.1.254/32")
    made.drop_routes(HOST, "192.168.1.254/32")
    made.drop_routes(WEB, "0.0.0.0/0")
    made.route(WEB, "192.168.1.0/24", "10.77.0.1")
    made.add_route(HOST, Route(ip_network("192.168.1.200/32"), (NextHop(link="lo"),), 255, "local"))
    found = cause(made.trace("packet:eth0:192.168.1.200", "10.90.1.10"))
    assert "its own address" in found.text
    away = lab()
    away.add_route(WEB, Route(ip_network("192.168.1.254/32"), (NextHop(link="lo"),), 255, "local"))
    assert cause(away.trace("lan", "10.90.1.10")).at == WEB


def test_a_reply_from_another_address_is_none() -> None:
    made = lab()
    made.rules(
        HOST,
        "iptables-nft",
        table("-A POSTROUTING -o eth0 -j SNAT --to-source 192.168.1.5", name="nat"),
    )
    assert made.trace("lan", "10.90.1.10").ok
    there = lab()
    there.rules(TWO, "iptables-nft", table("-A INPUT -j ACCEPT"))
    assert there.trace("lan", "10.90.1.11").ok


def test_an_answer_at_the_wrong_place_is_none() -> None:
    made = lab()
    made.place(Place("netns:other"))
    made.wire((WEB, "v9"), (Place("netns:other"), "eth0"))
    made.address(WEB, "v9", "10.99.0.1/24")
    made.address(Place("netns:other"), "eth0", "10.99.0.2/24")
    made.address(Place("netns:other"), "lo", "10.77.0.1/32")
    made.route(WEB, "10.77.0.1/32", "10.99.0.2")
    trace = made.trace("host", "10.90.1.10")

    assert (trace.outcome, cause(trace).stage) == (DROP, "input")
    assert "comes up at netns:other, which did not ask" in cause(trace).text


def test_a_packet_that_arrives_on_a_link_goes_back_by_it() -> None:
    assert lab().trace("packet:eth0:8.8.8.8", "10.90.1.10").ok
    assert lab().trace("packet:lxdbr0:10.77.0.200", "10.90.1.10").ok
    made = lab()
    del made.spaces[ROUTER]
    assert made.trace("lan", "10.90.1.10").ok
    assert made.trace("router", "10.90.1.10").ok
    other = lab()
    other.drop_routes(HOST, "0.0.0.0/0")
    assert other.trace("packet:eth0:8.8.8.8", "10.90.1.10").outcome is DROP


def test_an_unobserved_gateway_takes_the_answer() -> None:
    made = lab()
    del made.spaces[ROUTER]
    made.drop_routes(HOST, "192.168.1.0/24")
    made.route(HOST, "192.168.1.1/32", link="eth0")

    assert made.trace("lan", "10.90.1.10").ok


def test_a_packet_to_the_imagined_client_itself_is_unknown() -> None:
    trace = lab().trace("packet:eth0:192.168.1.77", "192.168.1.77")

    assert trace.outcome is Outcome.UNKNOWN


def test_bridges_between_lan_and_guest_see_the_frame() -> None:
    """A guest on the LAN's own subnet, behind a bridge with the NIC as its port."""
    made = lab()
    made.bridge(HOST, "br0", "eth0")
    made.wire((HOST, "vlan0"), (WEB, "lan0"))
    bridge = next(each for each in made.spaces[HOST].links if each.name == "br0")
    made.set_link(HOST, "vlan0", master=bridge.index)
    addresses = (
        replace(a, link="br0") if a.link == "eth0" else a for a in made.spaces[HOST].addresses
    )
    routes = (
        replace(r, hops=tuple(replace(h, link="br0") if h.link == "eth0" else h for h in r.hops))
        for r in made.spaces[HOST].routes
    )
    made.change(HOST, addresses=tuple(addresses), routes=tuple(routes))
    made.address(WEB, "lan0", "192.168.1.20/24")
    assert made.trace("lan", "192.168.1.20").ok
    made.sysctl(HOST, **{"net_bridge_bridge-nf-call-iptables": "1"})
    made.rules(HOST, "iptables-nft", table(policy="DROP"))
    found = cause(made.trace("lan", "192.168.1.20"))
    assert (found.at, found.kind, found.iif, found.oif) == (HOST, "policy", "br0", "br0")
    made.rules(HOST, "ip6tables-nft", table())
    one_way = lab()
    one_way.spaces = dict(made.spaces)
    one_way.change(
        HOST,
        rulesets=(
            replace(
                made.spaces[HOST].rulesets[0],
                text=table("-A FORWARD -m physdev --physdev-in vlan0 -j DROP"),
            ),
        ),
    )
    back = cause(one_way.trace("lan", "192.168.1.20"))
    assert (back.direction, back.at) == ("return", HOST)


def test_a_tagged_frame_is_not_shown_to_iptables() -> None:
    made = lab()
    made.sysctl(WEB, **{"net_bridge_bridge-nf-call-iptables": "1"})
    made.rules(WEB, "iptables-nft", table("-A FORWARD -i br-app -o br-app -j DROP"))
    for place, address in ((APP, "10.91.0.10/24"), (TWO, "10.91.0.11/24")):
        eth0 = next(each for each in made.spaces[place].links if each.name == "eth0")
        made.link(place, "v20", "vlan", peer=eth0.index, options={"vlan_id": "20"})
        made.address(place, "v20", address)

    assert made.trace(APP, "10.91.0.11").ok


def test_a_place_may_be_called_by_another_name() -> None:
    snapshot = lab().snapshot(aliases={Place("netns:edge"): ROUTER})

    assert Tracer(snapshot).trace("netns:edge", target("10.90.1.10")).ok


def test_a_rule_that_cannot_be_judged_where_the_packet_starts() -> None:
    made = lab()
    made.change(HOST, rules=(PolicyRule(9, 4, table=254, suppress_ifgroup="2"),))
    trace = made.trace("host", "10.90.1.10")

    assert (trace.outcome, cause(trace).key, cause(trace).stage) == (
        Outcome.UNKNOWN,
        "ip rule",
        "route",
    )


def test_an_answer_that_bypasses_the_router_is_not_translated_back() -> None:
    made = lab()
    made.rules(
        ROUTER,
        "iptables-nft",
        table(
            "-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.90.1.10:80", name="nat"
        ),
    )
    made.drop_routes(ROUTER, "192.168.1.254/32")
    trace = made.trace("packet:eth0:192.168.1.254", "10.90.1.10", 80)
    assert trace.ok
    trace = made.trace("lan", "203.0.113.1", 8080)
    assert (trace.outcome, cause(trace).stage) == (DROP, "input")
    assert "comes from 10.90.1.10:80/tcp, and 203.0.113.1:8080/tcp was asked" in cause(trace).text


def test_neighbours_are_found_without_an_address_of_ones_own() -> None:
    made = lab()
    four = tuple(a for a in made.spaces[HOST].addresses if a.interface.version == 4)
    made.change(HOST, addresses=four)
    made.rules(WEB, "ip6tables-nft", table())
    six = tuple(r for r in made.spaces[HOST].routes if r.table != 255)
    made.change(
        HOST,
        routes=(
            *six,
            *(r for r in made.spaces[HOST].routes if r.table == 255 and r.destination.version == 4),
        ),
    )

    assert cause(made.trace("packet:eth0:fd01::77", "fd77::11")).direction == "return"


def test_a_place_that_was_not_observed_is_no_place_to_be() -> None:
    with pytest.raises(LookupError, match="netns:x: it was not observed"):
        World(lab().snapshot()).observed(Place("netns:x"))


def test_a_route_of_ipv6_out_of_the_loopback_is_not_followed() -> None:
    made = lab()
    made.drop_routes(HOST, "10.90.1.0/24")
    made.drop_routes(HOST, "fd90::/64")
    made.route(HOST, "fd90::/64", link="lo")
    made.route(HOST, "10.90.1.0/24", link="lo")

    six, four = made.trace("host", "fd90::10"), made.trace("host", "10.90.1.10")
    assert six.outcome is Outcome.UNKNOWN
    assert six.cause is not None
    assert "fd90::/64 dev lo sends the packet round" in six.cause.text
    assert four.outcome is Outcome.DROPPED
