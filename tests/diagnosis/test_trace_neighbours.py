"""Who answers for an address: owners, proxies, fixed entries, twins, and nobody."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.model.kernel import BridgePort, BridgeVlan, Neighbour, Route
from homelab.model.place import HOST, ROUTER
from homelab.model.trace import Cause, Outcome, Trace
from tests.diagnosis.trace_lab import APP, TWO, WEB, Lab, lab, target

REJECT_ND = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j DROP
COMMIT
"""
ARP_FILTER = (
    '{"nftables": [{"metainfo": {"json_schema_version": 1}},'
    ' {"table": {"family": "arp", "name": "f", "handle": 1}},'
    ' {"chain": {"family": "arp", "table": "f", "name": "i", "handle": 1, "type": "filter",'
    ' "hook": "input", "prio": 0, "policy": "accept"}},'
    ' {"rule": {"family": "arp", "table": "f", "chain": "i", "handle": 2, "expr": [{"drop": null}]}}]}'
)


def cause(trace: Trace) -> Cause:
    assert trace.cause is not None
    return trace.cause


def on_link(made: Lab) -> Lab:
    """The host believes that the containers are on lxdbr0: a route without a next hop."""
    made.drop_routes(HOST, "10.90.1.0/24")
    made.route(HOST, "10.90.1.0/24", link="lxdbr0")
    return made


def test_nobody_answers() -> None:
    trace = lab().trace("lan", "10.90.1.77")

    assert trace.outcome is Outcome.DROPPED
    found = cause(trace)
    assert (found.kind, found.at, found.stage, found.oif) == (
        "neighbour",
        WEB,
        "neighbour",
        "br-app",
    )
    assert "nobody on br-app answers for 10.90.1.77" in found.text


def test_a_guest_answers_for_its_containers_only_as_a_proxy() -> None:
    trace = on_link(lab()).trace("host", "10.90.1.10")
    assert (trace.outcome, cause(trace).at, cause(trace).kind) == (
        Outcome.DROPPED,
        HOST,
        "neighbour",
    )
    made = on_link(lab())
    made.sysctl(WEB, net_ipv4_conf_eth0_proxy__arp="1")
    assert made.trace("host", "10.90.1.10").ok
    made.sysctl(WEB, net_ipv4_ip__forward="0")
    assert cause(made.trace("host", "10.90.1.10")).kind == "neighbour"


def test_a_proxy_answers_by_entry_too_and_on_the_same_link_by_another_switch() -> None:
    made = on_link(lab())
    entry = Neighbour("eth0", ip_address("10.90.1.10"), proxy=True)
    made.change(WEB, neighbours=(entry,))
    assert made.trace("host", "10.90.1.10").ok
    made.change(WEB, neighbours=(replace(entry, link="br-app"),))
    assert not made.trace("host", "10.90.1.10").ok
    same = lab()
    same.drop_routes(HOST, "10.90.1.0/24")
    same.route(HOST, "10.66.0.0/24", link="lxdbr0")
    same.sysctl(WEB, net_ipv4_conf_all_proxy__arp__pvlan="1")
    assert cause(same.trace("host", "10.66.0.1")).stage == "rp_filter"
    same.drop_routes(WEB, "0.0.0.0/0")
    assert cause(same.trace("host", "10.66.0.1")).kind == "neighbour"


@pytest.mark.parametrize(("value", "arrives"), [("0", True), ("1", False), ("8", False)])
def test_arp_ignore_on_an_address_of_another_link(value: str, arrives: bool) -> None:
    made = lab()
    made.drop_routes(HOST, "10.90.1.0/24")
    made.route(HOST, "10.90.1.1/32", link="lxdbr0")
    made.sysctl(WEB, net_ipv4_conf_all_arp__ignore=value)

    assert made.trace("host", "10.90.1.1").ok == arrives
    assert made.trace("host", "10.77.0.11").ok == (value != "8")


def test_a_link_that_speaks_no_arp_does_not_answer() -> None:
    made = lab()
    made.set_link(WEB, "eth0", noarp=True)

    assert cause(made.trace("host", "10.77.0.11")).kind == "neighbour"


def test_the_question_itself_must_be_plausible() -> None:
    made = lab()
    made.sysctl(WEB, net_ipv4_conf_eth0_rp__filter="1")
    made.drop_routes(WEB, "10.77.0.0/24")
    made.route(WEB, "10.77.0.0/24", link="br-app")

    found = cause(made.trace("host", "10.77.0.11"))
    assert (found.kind, found.key, found.at) == ("sysctl", "net.ipv4.conf.eth0.rp_filter", WEB)
    made.sysctl(WEB, net_ipv4_conf_eth0_rp__filter="0")
    made.add_route(WEB, Route(ip_network("10.77.0.1/32"), (), 255, "broadcast"))
    assert cause(made.trace("host", "10.77.0.11")).kind == "route"


def test_rules_on_arp_are_not_followed() -> None:
    made = lab()
    made.rules(WEB, "nft-json", ARP_FILTER)

    trace = made.trace("host", "10.77.0.11")
    assert (trace.outcome, cause(trace).key, cause(trace).at) == (Outcome.UNKNOWN, "arp", WEB)


def twins() -> Lab:
    """Both containers have 10.90.1.10, and only one of them listens on 81."""
    made = lab()
    made.address(TWO, "eth0", "10.90.1.10/24")
    made.listen(APP, 81)
    return made


def test_two_machines_with_one_address_are_a_matter_of_chance() -> None:
    assert twins().trace("guest:web", "10.90.1.10").ok
    trace = twins().trace("guest:web", "10.90.1.10", 81)
    assert trace.outcome is Outcome.UNKNOWN
    assert "several machines answer for 10.90.1.10" in str(cause(trace).rule)


def test_who_is_known_already_is_asked() -> None:
    made = twins()
    mac = next(each.mac for each in made.spaces[TWO].links if each.name == "eth0")
    entry = Neighbour("br-app", ip_address("10.90.1.10"), mac, ("REACHABLE",))
    made.change(WEB, neighbours=(entry,))

    assert made.trace("guest:web", "10.90.1.10", 81).outcome is Outcome.REJECTED


def test_a_fixed_entry_asks_nobody() -> None:
    made = lab()
    mac = next(each.mac for each in made.spaces[TWO].links if each.name == "eth0")
    entry = Neighbour("br-app", ip_address("10.90.1.77"), mac, ("PERMANENT",))
    made.change(WEB, neighbours=(replace(entry, states=("FAILED",)), entry))
    assert cause(made.trace("guest:web", "10.90.1.77")).at == TWO
    made.change(WEB, neighbours=(replace(entry, mac="02:00:00:00:00:99"),))
    found = cause(made.trace("guest:web", "10.90.1.77"))
    assert (found.kind, found.at) == ("neighbour", WEB)
    assert "is fixed at 02:00:00:00:00:99" in found.text
    made.change(WEB, neighbours=(entry,))
    made.set_link(WEB, "vtwo", port=BridgePort("blocking"))
    assert cause(made.trace("guest:web", "10.90.1.77")).kind == "link"


WRONG = "02:00:00:00:00:99"


def known_as(state: str, address: str = "10.90.1.10", mac: str | None = WRONG) -> Trace:
    """A packet for a container of which the guest's neighbour table says this."""
    made = lab()
    if mac is None:
        mac = next(each.mac for each in made.spaces[TWO].links if each.name == "eth0")
    made.change(WEB, neighbours=(Neighbour("br-app", ip_address(address), mac, (state,)),))
    return made.trace("guest:web", address)


@pytest.mark.parametrize("state", ["FAILED", "INCOMPLETE", "NONE"])
def test_an_entry_that_failed_is_asked_for_again(state: str) -> None:
    assert known_as(state).ok


def test_an_entry_without_arp_is_never_asked_for() -> None:
    found = known_as("NOARP")

    assert (found.outcome, cause(found).kind) == (Outcome.DROPPED, "neighbour")


@pytest.mark.parametrize("state", ["REACHABLE", "STALE", "DELAY", "PROBE"])
def test_what_an_entry_says_that_is_asked_for_again_soon_is_true_for_seconds_only(
    state: str,
) -> None:
    wrong = known_as(state)
    assert (wrong.outcome, cause(wrong).kind) == (Outcome.UNKNOWN, "unmodelled")
    assert f"10.90.1.10 is still known at {WRONG} on br-app ({state})" in cause(wrong).text
    nobody = known_as(state, "10.90.1.77", None)
    assert nobody.outcome is Outcome.DROPPED
    assert cause(nobody).kind == "neighbour"
    lost = known_as(state, "10.90.1.77")
    assert (lost.outcome, cause(lost).kind) == (Outcome.DROPPED, "neighbour")


def test_what_keeps_the_owner_from_hearing_is_the_cause() -> None:
    made = lab()
    made.set_link(WEB, "vapp", port=BridgePort("disabled"))
    found = cause(made.trace("lan", "10.90.1.10"))
    assert (found.kind, found.at, found.key) == ("link", WEB, "vapp")
    filtered = lab()
    filtered.set_link(WEB, "br-app", options={"vlan_filtering": "1"})
    one = (BridgeVlan(1, 1, pvid=True, untagged=True),)
    for each in ("br-app", "vtwo"):
        filtered.set_link(WEB, each, vlans=one)
    assert filtered.trace("lan", "10.90.1.11").ok
    found = cause(filtered.trace("lan", "10.90.1.10"))
    assert (found.kind, found.at) == ("vlan", WEB)
    assert "vapp is not in VLAN 1" in found.text
    assert found.key == "vapp"


def test_what_could_not_be_followed_is_said() -> None:
    made = lab()
    made.link(WEB, "mac", "macvlan")
    made.address(WEB, "mac", "10.88.0.1/24")

    trace = made.trace("guest:web", "10.88.0.9")
    assert trace.outcome is Outcome.UNKNOWN
    assert "lies in a place that was not read" in cause(trace).text
    assert cause(trace).key == "10.88.0.9"


def test_an_unobserved_machine_is_unknown() -> None:
    trace = lab().trace("host", "192.168.1.9")

    assert trace.outcome is Outcome.UNKNOWN
    assert "is a machine that was not observed" in cause(trace).text


def test_a_far_machine_answers_only_on_its_own_subnet() -> None:
    made = lab()
    made.link(ROUTER, "wan")
    made.address(ROUTER, "wan", "198.18.0.2/24")
    made.route(HOST, "198.18.0.2/32", link="eth0")

    assert made.trace("host", "198.18.0.2").ok
    made.set_link(ROUTER, "wan", up=False)
    found = cause(made.trace("host", "198.18.0.2"))
    assert (found.kind, found.at, found.key) == ("link", ROUTER, "wan")
    made.set_link(ROUTER, "wan", up=True)
    made.change(
        ROUTER, addresses=tuple(a for a in made.spaces[ROUTER].addresses if a.link != "wan")
    )
    assert made.trace("host", "198.18.0.2").outcome is Outcome.UNKNOWN


def test_neighbours_of_ipv6() -> None:
    assert cause(lab().trace("lan", "fd90::77")).kind == "neighbour"
    made = lab()
    made.drop_routes(HOST, "fd90::/64")
    made.route(HOST, "fd90::/64", link="lxdbr0")
    assert cause(made.trace("host", "fd90::10")).kind == "neighbour"
    entry = Neighbour("eth0", ip_address("fd90::10"), proxy=True)
    made.change(WEB, neighbours=(entry,))
    assert cause(made.trace("host", "fd90::10")).kind == "neighbour"
    made.sysctl(WEB, net_ipv6_conf_eth0_proxy__ndp="1")
    assert made.trace("host", "fd90::10").ok
    made.sysctl(WEB, net_ipv6_conf_all_forwarding="0")
    assert cause(made.trace("host", "fd90::10")).kind == "neighbour"
    off = lab()
    off.sysctl(APP, net_ipv6_conf_eth0_disable__ipv6="1")
    assert cause(off.trace("lan", "fd90::10")).kind == "neighbour"


def test_rules_may_stop_the_discovery_of_neighbours() -> None:
    made = lab()
    made.rules(WEB, "ip6tables-nft", REJECT_ND)

    tracer = made.tracer()
    for port in (None, 80):
        found = cause(tracer.trace("host", target("fd90::10", port)))
        assert found.text.startswith("neighbour discovery of fd77::11: drop by ip6 filter INPUT")
        assert (found.at, found.kind, found.direction) == (WEB, "rule", "forward")
    assert tracer.trace("host", target("10.90.1.10")).ok


def test_the_client_may_be_behind_another_link_of_the_segment() -> None:
    """The packet came in at the router, and the guest answers it directly."""
    made = lab()
    made.address(WEB, "eth0", "192.168.1.20/24")
    made.bridge(HOST, "br0", "eth0", "vweb")

    trace = made.trace("lan", "192.168.1.20")
    assert trace.ok
    away = lab()
    away.route(HOST, "192.168.1.77/32", link="lxdbr0")
    assert cause(away.trace("packet:eth0:192.168.1.77", "10.90.1.10")).kind == "neighbour"
    inside = lab()
    inside.route(HOST, "10.77.0.200/32", link="lxdbr0")
    assert inside.trace("packet:lxdbr0:10.77.0.200", "10.77.0.11").ok


def test_who_is_known_for_having_asked_alone_is_a_matter_of_time() -> None:
    made = lab()
    made.sysctl(APP, net_ipv4_conf_eth0_arp__ignore="8")

    there = made.trace(str(WEB), "10.90.1.10")
    assert (there.outcome, cause(there).kind) == (Outcome.DROPPED, "neighbour")
    back = made.trace(str(APP), "10.90.1.1")
    assert back.outcome is Outcome.UNKNOWN
    assert "10.90.1.10 on br-app is known since it asked" in cause(back).text


def test_the_answer_to_a_port_of_a_bridge_comes_up_at_the_bridge() -> None:
    made = lab()
    made.drop_routes(HOST, "10.90.1.0/24")
    made.route(HOST, "10.90.1.0/24", link="vweb")
    made.sysctl(WEB, net_ipv4_conf_eth0_proxy__arp="1")

    found = cause(made.trace("host", "10.90.1.10"))
    assert (found.kind, found.at) == ("neighbour", HOST)
    assert "vweb is a port of lxdbr0" in found.text


def test_nobody_advertises_an_address_of_ones_own() -> None:
    made = lab()
    made.address(HOST, "lxdbr0", "fd77::11/128")
    made.drop_routes(HOST, "fd77::11/128")

    found = cause(made.trace("host", "fd90::10"))
    assert found.kind == "neighbour"
    assert "fd77::11 is its own address on lxdbr0" in found.text


def test_a_next_hop_that_is_ones_own_address_may_be_none() -> None:
    made = on_link(lab())
    made.sysctl(WEB, net_ipv4_conf_eth0_proxy__arp="1")
    made.drop_routes(HOST, "10.90.1.0/24")
    made.route(HOST, "10.90.1.0/24", "10.77.0.1")

    trace = made.trace("host", "10.90.1.10")
    assert trace.outcome is Outcome.UNKNOWN
    assert "the next hop 10.77.0.1 is its own address" in cause(trace).text
