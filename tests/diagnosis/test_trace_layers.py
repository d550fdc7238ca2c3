"""ARP's switches, bridges' ports and tables, macvlan, VRF and devices of chains: each alone, on the lab made by hand."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from homelab.diagnosis.answers import answers_arp, answers_ndp, asks_from
from homelab.diagnosis.box import Box
from homelab.diagnosis.bridge_hooks import shows_to_ip
from homelab.diagnosis.bridge_ports import lost_frame
from homelab.diagnosis.frame import Crossing
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.reverse_path import of_no_wire
from homelab.model.kernel import (
    BridgePort,
    FdbEntry,
    Link,
    LinkAddress,
    Listener,
    Namespace,
    Neighbour,
    PolicyRule,
    Ruleset,
)
from homelab.model.place import Address, Place
from homelab.model.trace import Outcome
from tests.diagnosis.trace_worlds import (
    APP,
    GUEST,
    INODES,
    PLACES,
    WEB,
    lab,
    linked,
    mac,
    made,
    nic,
    route,
    routed,
    said,
    set_,
    trace,
)

FOUR, SIX = "10.4.0.10", "fd04::10"
FROM_WEB = "container:g/web"
APP_MAC = mac(APP, 2)


def address(text: str) -> Address:
    return ip_address(text)


def guest(**more: Any) -> Namespace:
    return replace(PLACES[GUEST], **more)


def port(name: str, **more: Any) -> Namespace:
    return linked(PLACES[GUEST], name, port=BridgePort(**more))


def met(guest_: Namespace, origin: str = FROM_WEB, to: str = FOUR) -> str:
    return said(trace(lab({GUEST: guest_}), origin, to))


# ARP and NDP


def arp(via: str, asker: str | None = "10.3.0.1", /, **sysctls: str) -> int:
    here = PLACES[GUEST]
    more = (
        LinkAddress("lo", ip_interface("10.9.0.1/32"), "host"),
        LinkAddress("lo", ip_interface("10.9.0.2/32")),
        LinkAddress("eth0", ip_interface("10.8.0.1/24")),
    )
    here = replace(here, addresses=(*here.addresses, *more))
    for key, value in sysctls.items():
        here = set_(here, f"net.ipv4.conf.{key.replace('__', '.')}", value)
    return answers_arp(Box(GUEST, here), "eth0", address(via), address(asker) if asker else None)


def test_any_local_address_answers_the_links_own_most_surely() -> None:
    assert (arp("10.3.0.2"), arp("10.4.0.1"), arp("10.9.0.1"), arp("10.7.7.7")) == (3, 2, 2, 0)


@pytest.mark.parametrize(
    ("mode", "answers"),
    [
        ("1", {"10.3.0.2": 3, "10.8.0.1": 3, "10.4.0.1": 0, "10.9.0.2": 0}),
        ("2", {"10.3.0.2": 3, "10.8.0.1": 0, "10.4.0.1": 0}),
        ("3", {"10.3.0.2": 3, "10.9.0.1": 0, "10.9.0.2": 2, "10.4.0.1": 2}),
        ("5", {"10.3.0.2": 3, "10.9.0.1": 2}),
        ("8", {"10.3.0.2": 0, "10.9.0.2": 0}),
    ],
)
def test_arp_ignore(mode: str, answers: dict[str, int]) -> None:
    assert {via: arp(via, eth0__arp_ignore=mode) for via in answers} == answers
    assert {via: arp(via, all__arp_ignore=mode) for via in answers} == answers


def test_who_asks_without_an_address_is_of_no_subnet() -> None:
    assert arp("10.8.0.1", None, eth0__arp_ignore="2") == 3


def test_arp_filter_wants_the_way_back_on_the_same_link() -> None:
    assert arp("10.3.0.2", "10.3.0.1", eth0__arp_filter="1") == 3
    assert arp("10.3.0.2", "10.4.0.10", eth0__arp_filter="1") == 0
    assert arp("10.3.0.2", None, eth0__arp_filter="1") == 3


def test_a_proxy_of_ndp_forwards_on_that_very_link() -> None:
    proxy = Neighbour("eth0", address(SIX), proxy=True)
    here = set_(guest(neighbours=(proxy,)), "net.ipv6.conf.eth0.proxy_ndp", "1")
    off = set_(here, "net.ipv6.conf.eth0.forwarding", "0")

    assert answers_ndp(Box(GUEST, here), "eth0", address(SIX)) == 1
    assert answers_ndp(Box(GUEST, off), "eth0", address(SIX)) == 0


# Ports and tables of bridges


@pytest.mark.parametrize(
    ("changed", "to", "expected"),
    [
        (port("vapp", bcast_flood=False), FOUR, "dropped guest:g link vapp"),
        (port("vapp", bcast_flood=False), SIX, "delivered"),
        (port("vapp", mcast_flood=False), SIX, "unknown guest:g unmodelled vapp"),
        (port("vapp", mcast_flood=False), FOUR, "delivered"),
        (port("vapp", neigh_suppress=True), FOUR, "unknown guest:g unmodelled vapp"),
        (port("vapp", learning=False, flood=False), FOUR, "dropped guest:g link vapp"),
        (port("vapp", flood=False), FOUR, "delivered"),
        (port("vapp", locked=True), FOUR, "dropped guest:g link vapp"),
    ],
)
def test_ports_that_keep_frames_back(changed: Namespace, to: str, expected: str) -> None:
    assert met(changed, to=to) == expected


def test_a_known_neighbour_need_not_be_asked_for() -> None:
    known = Neighbour("eth0", address(FOUR), APP_MAC, ("STALE",))
    web = replace(PLACES[WEB], neighbours=(known,))
    other = replace(PLACES[WEB], neighbours=(replace(known, states=("FAILED",)),))
    changed = port("vapp", bcast_flood=False)

    assert said(trace(lab({GUEST: changed, WEB: web}), FROM_WEB, FOUR)) == "delivered"
    assert said(trace(lab({GUEST: changed, WEB: other}), FROM_WEB, FOUR)).startswith("dropped")


def test_who_asked_is_known_to_who_answers() -> None:
    assert met(port("vweb", bcast_flood=False)) == "delivered"
    assert met(port("vweb", bcast_flood=False), "container:g/app", "10.4.0.11").startswith(
        "dropped"
    )


def test_what_the_bridge_itself_sends_goes_to_every_port() -> None:
    assert met(port("vapp", bcast_flood=False), "guest:g") == "delivered"


def test_an_address_known_behind_a_locked_port_passes() -> None:
    here = replace(port("vapp", locked=True), fdb=(FdbEntry("vapp", APP_MAC, master="br-app"),))

    assert met(here) == "delivered"


@pytest.mark.parametrize(
    ("entry", "origin", "expected"),
    [
        (FdbEntry("vweb", APP_MAC, static=True, master="br-app"), FROM_WEB, "delivered"),
        (
            FdbEntry("vweb", APP_MAC, static=True, sticky=True, master="br-app"),
            "guest:g",
            "dropped guest:g link vweb",
        ),
        (
            FdbEntry("vapp", APP_MAC, static=True, sticky=True, master="br-app"),
            FROM_WEB,
            "delivered",
        ),
        (
            FdbEntry("vweb", APP_MAC, permanent=True, master="br-app"),
            FROM_WEB,
            "dropped guest:g link vweb",
        ),
        (FdbEntry("vweb", APP_MAC, permanent=True), FROM_WEB, "delivered"),
    ],
)
def test_entries_of_the_fdb(entry: FdbEntry, origin: str, expected: str) -> None:
    assert met(guest(fdb=(entry,)), origin) == expected


def test_the_table_of_a_bridge_with_vlans_is_not_followed() -> None:
    entry = FdbEntry("vweb", APP_MAC, permanent=True, master="br-app")
    crossing = Crossing(GUEST, "br-app", "vweb", "vapp")

    def lost(**options: str) -> bool:
        here = linked(guest(fdb=(entry,)), "br-app", options=options)
        return lost_frame(Box(GUEST, here), crossing, APP_MAC, None) is not None

    assert (lost(), lost(vlan_filtering="1")) == (True, False)


# Rules of devices and of bridges

RULE = '{"rule": {"family": "FAMILY", "table": "t", "chain": "c", "handle": 2, "expr": [EXPR, {"drop": null}]}}'
TABLE = """{"nftables": [{"table": {"family": "FAMILY", "name": "t", "handle": 1}},
 {"chain": {"family": "FAMILY", "table": "t", "name": "c", "handle": 1, "type": "filter", "hook": "HOOK", "prio": 0,
  "policy": "accept"}}, """
TEXT = "table FAMILY t {\n\tchain c {\n\t\ttype filter hook HOOK device%s priority filter; policy accept;\n\t}\n}\n"
ANY = '{"match": {"op": "!=", "left": {"meta": {"key": "mark"}}, "right": 99}}'


def nft(family: str, hook: str, *rules: str, devices: str | None = None) -> tuple[Ruleset, ...]:
    told = TABLE + ", ".join(RULE.replace("EXPR", each) for each in rules or (ANY,)) + "]}"
    text = (TEXT % devices) if devices else ""
    return tuple(
        Ruleset(tool, each.replace("FAMILY", family).replace("HOOK", hook))
        for tool, each in (("nft-json", told), ("nft", text))
    )


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (' "vapp"', "delivered"),
        (' "vweb"', "dropped guest:g rule"),
        ("s = { vapp, vweb }", "dropped guest:g rule"),
        ('s = { "v*" }', "dropped guest:g rule"),
        (None, "unknown guest:g unmodelled"),
    ],
)
def test_the_devices_of_a_chain_are_in_the_text(devices: str | None, expected: str) -> None:
    here = guest(rulesets=nft("netdev", "ingress", devices=devices))
    found = trace(lab({GUEST: here}), "container:g/web", "10.4.0.1")

    assert said(found).startswith(expected)


def test_a_port_has_an_egress_of_its_own() -> None:
    here = guest(rulesets=nft("netdev", "egress", devices=' "vapp"'))

    assert met(here) == "dropped guest:g rule"
    assert met(here, "lan", "10.4.0.11") == "delivered"


def field(name: str, right: str, operator: str = "==") -> str:
    left = f'{{"payload": {{"protocol": "arp", "field": "{name}"}}}}'
    return f'{{"match": {{"op": "{operator}", "left": {left}, "right": {right}}}}}'


TYPE = '{"match": {"op": "==", "left": {"payload": {"protocol": "ether", "field": "type"}}, "right": "arp"}}'
MAC = '{"match": {"op": "==", "left": {"payload": {"protocol": "ether", "field": "saddr"}}, "right": "%s"}}'


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (TYPE, "dropped"),
        (field("operation", '"request"'), "dropped"),
        (field("operation", '"rrequest"'), "delivered"),
        (field("operation", '"reply"') + ", " + MAC % APP_MAC, "dropped"),
        (field("operation", '"reply"') + ", " + MAC % mac(WEB, 2), "delivered"),
        (field("saddr ip", '"10.4.0.11"'), "dropped"),
        (field("daddr ip", '"10.4.0.12"'), "delivered"),
        (field("saddr ether", f'"{APP_MAC}"'), "dropped"),
        (field("htype", "1") + ", " + field("hlen", "7"), "delivered"),
        (field("ptype", '"ip"', "!="), "delivered"),
        (field("plen", "4"), "dropped"),
        (
            '{"match": {"op": "!=", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, '
            + TYPE,
            "delivered",
        ),
        (
            '{"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.9"}}, '
            + TYPE,
            "delivered",
        ),
        (
            '{"match": {"op": "!=", "left": {"payload": {"protocol": "th", "field": "sport"}}, "right": 1}}, '
            + TYPE,
            "delivered",
        ),
        (
            '{"match": {"op": "!=", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": 1}}, '
            + TYPE,
            "delivered",
        ),
        (
            '{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}, ' + TYPE,
            "delivered",
        ),
    ],
)
def test_bridges_filter_arp(rule: str, expected: str) -> None:
    found = trace(lab({GUEST: guest(rulesets=nft("bridge", "forward", rule))}), FROM_WEB, FOUR)

    assert found.outcome.value == expected
    if found.cause is not None:
        assert (found.cause.at, found.cause.family) == (GUEST, "bridge")
        assert found.cause.text.startswith(f"neighbour discovery of {FOUR}")


def test_rules_of_the_family_arp_are_not_followed() -> None:
    arptables = nft("arp", "input")
    called = "net.bridge.bridge-nf-call-arptables"

    for place in (WEB, APP):
        filtering = replace(PLACES[place], rulesets=arptables)
        assert (
            said(trace(lab({place: filtering}), FROM_WEB, FOUR))
            == f"unknown {place} unmodelled arp"
        )
    here = set_(guest(rulesets=arptables), called, "1")
    assert met(here) == "unknown guest:g unmodelled arp"
    assert met(set_(here, called, "0")) == "delivered"


def test_a_bridged_frame_that_is_translated_is_not_followed() -> None:
    text = f"*nat\n:PREROUTING ACCEPT\n-A PREROUTING -d {FOUR}/32 -j DNAT --to-destination 10.4.0.1\nCOMMIT\n"
    here = set_(
        guest(rulesets=(Ruleset("iptables-nft", text),)), "net.bridge.bridge-nf-call-iptables", "1"
    )
    found = trace(lab({GUEST: here}), FROM_WEB, FOUR)

    assert found.outcome is Outcome.UNKNOWN
    assert found.cause is not None
    assert found.cause.stage == "bridged prerouting"


# Links


def upper(kind: str, **options: str) -> dict[Place, Namespace]:
    """A link of web's that stands on the container app's eth0, with an address of its own."""
    here = made(
        WEB,
        (nic(WEB, 2, "up0", kind, peer=2, peer_netns=INODES[APP], options=options),),
        {"up0": "10.4.0.11/24"},
    )
    return {WEB: routed(here, route("0.0.0.0/0", "10.4.0.1", "up0"))}


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("macvlan", {"mode": "bridge"}, "delivered"),
        ("macvlan", {"mode": "private"}, "delivered"),
        ("macvlan", {"mode": "source"}, "unknown"),
        ("ipvlan", {"mode": "l2", "flags": "bridge"}, "delivered"),
        ("ipvlan", {"mode": "l2"}, "unknown"),
        ("ipvlan", {"mode": "l3", "flags": "bridge"}, "unknown"),
    ],
)
def test_links_on_another(kind: str, options: dict[str, str], expected: str) -> None:
    seen = lab(upper(kind, **options))

    assert trace(seen, "lan", "10.4.0.11").outcome.value == expected
    assert trace(seen, FROM_WEB, "10.3.0.2").outcome.value == expected


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa"])
def test_what_stands_on_a_link_does_not_hear_it(mode: str) -> None:
    assert not trace(lab(upper("macvlan", mode=mode)), "container:g/app", "10.4.0.11").ok


def test_a_passthru_link_takes_what_comes_to_its_parent() -> None:
    seen = lab(upper("macvlan", mode="passthru"))

    assert trace(seen, "lan", "10.4.0.11").ok
    assert trace(seen, "lan", FOUR).outcome is Outcome.UNKNOWN


def test_a_vrf_is_not_followed() -> None:
    vrf = Link(9, "blue", "vrf", options={"table": "10"})
    here = guest(
        links=(
            *(replace(e, master=9 if e.name == "eth0" else e.master) for e in PLACES[GUEST].links),
            vrf,
        )
    )

    assert met(here, "lan") == "unknown guest:g unmodelled blue"


def test_no_wire_brings_loopback_or_multicast_sources_of_ipv6() -> None:
    def refused(source: str, destination: str, iif: str = "eth0") -> bool:
        return of_no_wire(Packet(address(source), address(destination), "tcp"), iif) is not None

    assert refused("::1", SIX)
    assert refused(SIX, "::1")
    assert refused("ff02::1", SIX)
    assert not refused(SIX, "ff02::1")
    assert not refused("::1", "::1", "lo")
    assert not refused("127.0.0.1", FOUR)


def test_a_socket_of_a_link_hears_this_place_too() -> None:
    def answers(link: str) -> bool:
        here = replace(PLACES[APP], listeners=(Listener("tcp", 4, None, 80, link),))
        return trace(lab({APP: here}), "container:g/app", FOUR, 80).ok

    assert (answers("eth0"), answers("lo")) == (True, False)


def test_an_address_of_a_link_is_not_forwarded() -> None:
    found = trace(lab(), "packet:eth0:fe80::9", SIX)

    assert said(found).endswith("host route")
    assert found.cause is not None
    assert "counts on its link only" in found.cause.text


def test_a_martian_of_ipv6_is_refused() -> None:
    found = trace(lab(), "packet:eth0:::1", SIX)

    assert said(found) == "dropped host route"


def test_br_netfilter_takes_tagged_frames_when_told() -> None:
    def shown(*, tagged: bool, told: str) -> bool:
        here = set_(PLACES[GUEST], "net.bridge.bridge-nf-call-iptables", "1")
        here = set_(here, "net.bridge.bridge-nf-filter-vlan-tagged", told)
        return shows_to_ip(Box(GUEST, here), Crossing(GUEST, "br-app", "vapp", "vweb", tagged), 4)

    assert [shown(tagged=tagged, told=told) for tagged in (False, True) for told in "01"] == [
        True,
        True,
        False,
        True,
    ]


# Who asks, and what is said of it


@pytest.mark.parametrize(
    ("announce", "via", "asks"),
    [
        ("0", "10.4.0.10", "10.3.0.2"),
        ("1", "10.4.0.10", "10.4.0.1"),
        ("2", "10.4.0.10", "10.4.0.1"),
    ],
)
def test_arp_announce(announce: str, via: str, asks: str) -> None:
    box = Box(GUEST, set_(PLACES[GUEST], "net.ipv4.conf.all.arp_announce", announce))

    assert asks_from(box, "br-app", address(via), address("10.3.0.2")) == address(asks)


def test_a_neighbour_of_ipv6_is_asked_by_the_links_own_address() -> None:
    local = LinkAddress("br-app", ip_interface("fe80::1/64"), "link")
    bare, linked = PLACES[GUEST], guest(addresses=(*PLACES[GUEST].addresses, local))
    asked = address("fd04::10")

    assert asks_from(Box(GUEST, linked), "br-app", asked, address("fd04::1")) == address("fd04::1")
    assert asks_from(Box(GUEST, linked), "br-app", asked, address("fd03::2")) == address("fe80::1")
    assert asks_from(Box(GUEST, bare), "br-app", asked, address("fd03::2")) == address("fd04::1")


def test_a_forwarded_packet_is_asked_for_with_an_own_address() -> None:
    box = Box(GUEST, set_(PLACES[GUEST], "net.ipv4.conf.br-app.arp_announce", "1"))
    strange = address("192.0.2.1")

    assert asks_from(box, "br-app", address(FOUR), strange) == address("10.4.0.1")
    assert asks_from(box, "br-app", address(FOUR), address("10.4.0.1")) == address("10.4.0.1")


def test_a_rule_with_a_selector_that_nobody_knows_may_be_for_any_packet() -> None:
    odd = PolicyRule(10, 4, "unmodelled", table=99)
    standard = (PolicyRule(0, 4, table=255), PolicyRule(32766, 4, table=254))
    here = guest(rules=(odd, *standard))

    assert met(here, "lan") == "unknown guest:g unmodelled ip rule"


def test_several_machines_with_one_address_are_noted() -> None:
    twin = replace(
        PLACES[WEB],
        addresses=(*PLACES[WEB].addresses, LinkAddress("eth0", ip_interface("10.4.0.10/24"))),
        routes=(
            *PLACES[WEB].routes,
            replace(route(FOUR + "/32", None, "eth0"), kind="local", table=255),
        ),
    )
    found = trace(lab({WEB: twin}), "lan", FOUR)

    assert found.ok
    assert found.notes == (
        f"guest:g: several machines answer for {FOUR}: container:g/web, container:g/app",
    )


def test_a_macvlan_and_its_parent_are_told_apart_in_the_cause() -> None:
    found = trace(lab(upper("macvlan", mode="bridge")), "container:g/app", "10.4.0.11")

    assert said(found) == "dropped container:g/web link up0"
    assert found.cause is not None
    assert "eth0 does not hear macvlan up0 (mode bridge)" in found.cause.text


@pytest.mark.parametrize(
    ("destination", "hairpin", "expected"),
    [
        ("10.4.0.11", False, "dropped guest:g link vweb"),
        ("10.4.0.11", True, "unknown guest:g unmodelled bridge-nf-call"),
        ("10.3.0.1", False, "unknown guest:g unmodelled bridge-nf-call"),
    ],
)
def test_a_bridged_frame_that_is_turned_back(
    destination: str, expected: str, *, hairpin: bool
) -> None:
    text = f"*nat\n:PREROUTING ACCEPT\n-A PREROUTING -d {FOUR}/32 -j DNAT --to-destination {destination}\nCOMMIT\n"
    here = linked(PLACES[GUEST], "vweb", port=BridgePort(hairpin=hairpin))
    here = set_(here, "net.bridge.bridge-nf-call-iptables", "1")

    assert met(replace(here, rulesets=(Ruleset("iptables-nft", text),))) == expected


def raw(offset: int, length: int, right: int, base: str = "nh") -> str:
    left = f'{{"payload": {{"base": "{base}", "offset": {offset}, "len": {length}}}}}'
    kind = '{"match": {"op": "==", "left": {"payload": {"protocol": "icmpv6", "field": "type"}}, "right": "nd-neighbor-advert"}}'
    return f'{kind}, {{"match": {{"op": "!=", "left": {left}, "right": {right}}}}}'


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (raw(528, 48, int(APP_MAC.replace(":", ""), 16)), "delivered"),
        (raw(528, 48, 7), "dropped"),
        (raw(384, 128, int(address(SIX))), "delivered"),
        (raw(384, 128, int(address("fd04::11"))), "dropped"),
        (raw(0, 8, 7), "unknown"),
        (raw(528, 48, 7, "th"), "unknown"),
    ],
)
def test_bridges_filter_advertisements_as_lxd_writes_it(rule: str, expected: str) -> None:
    found = trace(lab({GUEST: guest(rulesets=nft("bridge", "forward", rule))}), FROM_WEB, SIX)

    assert found.outcome.value == expected


def test_an_advertisement_without_an_address_may_be_any() -> None:
    rule = raw(528, 48, 7)
    bare = {
        GUEST: guest(rulesets=nft("bridge", "forward", rule)),
        APP: linked(PLACES[APP], "eth0", mac=None),
    }

    assert trace(lab(bare), FROM_WEB, SIX).outcome is Outcome.UNKNOWN
