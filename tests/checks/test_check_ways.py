"""Ways that go wrong: another table, another network, a route that was cleared, an address that is there twice."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from homelab.checks import lan_client_overlap
from homelab.model.docker import LABEL, Attachment, DockerSubnet
from homelab.model.finding import Finding
from homelab.model.kernel import BridgeVlan, Link, Namespace, PolicyRule, Route
from homelab.model.lxc import InstanceNetwork
from homelab.model.operation import AddRoute
from homelab.model.place import HOST, ROUTER, Place, netns
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Hop, Target
from homelab.system.simulated import SimulatedSystem
from tests.checks.cases import (
    FRONT,
    LO,
    SUBNET,
    WEB,
    address,
    at,
    case,
    cause,
    check,
    codes,
    connected,
    daemon,
    docker_network,
    front,
    judged,
    lab,
    only,
    route,
    routes,
    sysctls,
)

DB = Place("guest:db")


def commands(finding: Finding) -> tuple[str, ...]:
    assert finding.fix is not None
    return finding.fix.commands


VPN = route("10.0.0.0/24", None, "tun0", table=52)
TUN = Link(9, "tun0", "tun", pointopoint=True)


def hijacked(place: Place, *ruled: PolicyRule) -> Snapshot:
    here = lab().namespaces[place]
    usual = (
        PolicyRule(0, 4, table=255),
        *ruled,
        PolicyRule(32766, 4, table=254),
        PolicyRule(32767, 4, table=253),
    )
    return at(lab(), place, links=(*here.links, TUN), routes=(*here.routes, VPN), rules=usual)


@pytest.mark.parametrize("place", [WEB, HOST])
def test_a_vpn_that_takes_the_answer_is_named_with_its_rule(place: Place) -> None:
    finding = only(judged(hijacked(place, PolicyRule(5270, 4, table=52))))

    assert (finding.fault, finding.at) == ("guest-policy-rule-hijack", place)
    assert "5270" in finding.explains
    assert "table 52" in finding.explains
    assert commands(finding)[0].endswith("ip rule add to 10.0.0.0/24 lookup main priority 5269")


def test_the_command_that_is_offered_opens_the_path() -> None:
    before = PolicyRule(5269, 4, table=254, destination=ip_network("10.0.0.0/24"))

    assert codes(judged(hijacked(WEB, before, PolicyRule(5270, 4, table=52)))) == []


def test_a_rule_that_refuses_is_a_hijack_too() -> None:
    black = PolicyRule(100, 4, action="prohibit", destination=ip_network("10.0.0.0/24"))

    finding = only(judged(hijacked(WEB, black)))

    assert finding.fault == "guest-policy-rule-hijack"
    assert "into prohibit" in finding.explains


@pytest.mark.parametrize(
    "rule",
    [
        PolicyRule(5270, 4, table=52, fwmark=1),
        PolicyRule(5270, 4, table=52, destination=ip_network("192.0.2.0/24")),
        PolicyRule(5270, 4, table=52, iif="wg0"),
        PolicyRule(5270, 4, table=52, suppress_prefixlength=24),
        PolicyRule(5270, 6, table=52),
        PolicyRule(5270, 4, table=53),
        PolicyRule(5270, 4, table=52, source=ip_network("192.0.2.0/24")),
        PolicyRule(5270, 4, table=52, inverted=True, destination=ip_network("10.0.0.0/24")),
        PolicyRule(5270, 4, table=52, destination_ports=(22, 22)),
        PolicyRule(32767, 4, table=52),
    ],
)
def test_a_rule_that_is_not_for_the_packet_is_no_hijack(rule: PolicyRule) -> None:
    told = cause(WEB, "route", direction="return", oif="eth0")

    if rule.destination_ports is None:
        assert codes(judged(hijacked(WEB, rule))) == []
    assert check("guest-policy-rule-hijack")(case(told, snapshot=hijacked(WEB, rule))) == []


def test_a_rule_for_what_comes_from_the_containers_is_a_hijack() -> None:
    by_source = PolicyRule(5270, 4, table=52, source=SUBNET)

    assert only(judged(hijacked(WEB, by_source))).fault == "guest-policy-rule-hijack"


def test_where_table_main_has_nothing_either_there_is_nothing_to_go_back_to() -> None:
    bare = routes(hijacked(WEB, PolicyRule(5270, 4, table=52)), WEB, without="0.0.0.0/0")

    assert check("guest-policy-rule-hijack")(judged(bare)) == []


def test_reverse_path_filtering_that_asks_the_other_table_is_a_hijack() -> None:
    broken = sysctls(
        hijacked(WEB, PolicyRule(5270, 4, table=52)), WEB, {"net.ipv4.conf.eth0.rp_filter": "1"}
    )

    assert only(judged(broken)).fault == "guest-policy-rule-hijack"


def test_a_hijack_of_ipv6_is_mended_with_a_rule_of_ipv6() -> None:
    six, there = ip_address("fd90::10"), ip_address("fd00::99")
    here = lab().namespaces[WEB]
    broken = at(
        lab(),
        WEB,
        links=(*here.links, TUN),
        routes=(
            *here.routes,
            route("::/0", "fd77::1", "eth0"),
            route("::/0", None, "tun0", table=52),
        ),
        rules=(PolicyRule(5270, 6, table=52), PolicyRule(32766, 6, table=254)),
    )
    told = cause(WEB, "link", direction="return", oif="tun0", destination=there)
    one = case(told, snapshot=broken, target=Target(six))
    (judgement,) = one.judgements
    trace = replace(
        judgement.traces[0], source=there, back=(Hop(WEB, "route", "", "br-apps", "tun0"),)
    )
    moved = replace(one, judgements=(replace(judgement, traces=(trace,)),))

    finding = only(moved)

    assert finding.fault == "guest-policy-rule-hijack"
    assert "ip -6 rule add to fd00::99/128 lookup main priority 5269" in commands(finding)[0]


def labelled(snapshot: Snapshot, *, managed: bool = True) -> Snapshot:
    runtime = snapshot.runtime
    assert runtime is not None
    bridge = InstanceNetwork("lxdbr0", managed=managed)
    return replace(
        snapshot,
        daemons={WEB: daemon(labels={LABEL: "web/apps"})},
        runtime=replace(runtime, networks=(bridge,)),
    )


@pytest.mark.parametrize(
    ("managed", "culprit"), [(True, "lxd flushes"), (False, "a network service")]
)
def test_routes_of_homelab_that_are_all_gone_were_cleared(managed: bool, culprit: str) -> None:
    broken = labelled(routes(lab(), HOST, without="10.90.1.0/24"), managed=managed)

    finding = only(judged(broken))

    assert (finding.fault, finding.at, finding.severity) == ("host-route-lost", HOST, "error")
    assert culprit in finding.explains
    assert finding.fix is not None
    assert [type(each) for each in finding.fix.operations] == [AddRoute]
    system = SimulatedSystem(broken)
    for each in finding.fix.operations:
        system.run(each)
    assert codes(judged(system.read())) == []


def test_one_route_that_is_missing_among_others_was_taken_by_hand() -> None:
    other = route("10.90.2.0/24", "10.77.0.12", "lxdbr0", protocol="201")
    broken = labelled(routes(lab(), HOST, other, without="10.90.1.0/24"))

    assert codes(judged(broken)) == ["host-no-route"]


def test_a_network_that_homelab_did_not_make_never_had_its_route() -> None:
    assert codes(judged(routes(lab(), HOST, without="10.90.1.0/24"))) == ["host-no-route"]


def on_two_networks(version: str = "28.5.2") -> Snapshot:
    """The container has a second link, and its default route there."""
    here = lab().namespaces[FRONT]
    inner = Link(3, "eth1", "veth", "02:00:00:00:01:08", peer=6, peer_netns=0)
    broken = at(
        lab(),
        FRONT,
        links=(*here.links, inner),
        addresses=(*here.addresses, address("eth1", "10.91.0.10/24")),
        routes=(
            *connected("10.90.1.10/24", "eth0"),
            *connected("10.91.0.10/24", "eth1"),
            route("0.0.0.0/0", "10.91.0.1", "eth1"),
        ),
    )
    back = Attachment("zone", ipv4=ip_address("10.91.0.10"))
    both = replace(front(), attachments=(*front().attachments, back))
    return replace(broken, daemons={WEB: replace(daemon(version), containers=(both,))})


def strict(snapshot: Snapshot) -> Snapshot:
    return sysctls(snapshot, FRONT, {"net.ipv4.conf.eth0.rp_filter": "1"})


def test_a_container_with_its_default_route_elsewhere_is_named() -> None:
    finding = only(judged(strict(on_two_networks())))

    assert (finding.fault, finding.at) == ("container-wrong-gateway", FRONT)
    assert "eth1" in finding.explains
    assert "--gw-priority 1 --ip 10.90.1.10 apps front" in commands(finding)[-1]


def test_an_old_docker_knows_no_priority_of_gateways() -> None:
    finding = only(judged(strict(on_two_networks("26.1.5"))))

    assert commands(finding) == ("lxc exec web -- docker network disconnect zone front",)


def test_no_priority_puts_a_network_of_one_version_before_one_of_both() -> None:
    broken = on_two_networks()
    both = (DockerSubnet(ip_network("10.91.0.0/24")), DockerSubnet(ip_network("fd91::/64")))
    one = docker_network("apps", subnets=(DockerSubnet(SUBNET),))
    known = replace(broken.daemons[WEB], networks=(one, docker_network("zone", subnets=both)))

    case = judged(strict(replace(broken, daemons={WEB: known})))
    finding = check("container-wrong-gateway")(case)[0]

    assert commands(finding) == ("lxc exec web -- docker network disconnect zone front",)


def test_the_gateway_on_the_network_that_is_asked_opens_the_path() -> None:
    mended = at(
        on_two_networks(),
        FRONT,
        routes=(
            *connected("10.90.1.10/24", "eth0"),
            *connected("10.91.0.10/24", "eth1"),
            route("0.0.0.0/0", "10.90.1.1", "eth0"),
        ),
    )

    assert codes(judged(strict(mended))) == []


def test_an_address_that_no_container_has_any_more_is_named() -> None:
    told = cause(kind="neighbour", oif="br-apps", text="nobody answers for 10.90.1.77")
    one = case(told, target=Target(ip_address("10.90.1.77")))

    finding = only(one)

    assert (finding.fault, finding.at) == ("container-address-changed", WEB)
    assert "front has 10.90.1.10" in finding.explains
    assert commands(finding)[1].endswith("docker network connect --ip 10.90.1.77 apps front")


def test_a_container_that_asked_for_its_address_is_not_the_one_that_lost_another() -> None:
    told = cause(kind="neighbour", oif="br-apps", text="nobody answers for 10.90.1.77")
    asked = ip_address("10.90.1.11")
    stays = replace(
        front(), name="api", attachments=(Attachment("apps", ipv4=asked, fixed_ipv4=asked),)
    )
    moved = replace(front(), attachments=(Attachment("apps", ipv4=ip_address("10.90.1.10")),))
    one = case(told, target=Target(ip_address("10.90.1.77")))
    known = replace(one.snapshot.daemons[WEB], containers=(stays, moved))

    finding = only(replace(one, snapshot=replace(one.snapshot, daemons={WEB: known})))

    assert commands(finding)[1].endswith("docker network connect --ip 10.90.1.77 apps front")


def test_a_container_that_is_there_and_does_not_answer_is_another_fault() -> None:
    one = case(cause(kind="neighbour", oif="br-apps"))

    assert codes(one) != ["container-address-changed"]


HOP = "10.0.0.11"


def on_macvlan() -> Snapshot:
    here, inside = lab().namespaces[HOST], lab().namespaces[WEB]
    link = Link(2, "eth0", "macvlan", "02:00:00:00:00:55", peer=2, peer_netns=0)
    addresses = (address("eth0", f"{HOP}/24"), *(e for e in inside.addresses if e.link != "eth0"))
    moved = at(lab(), WEB, links=(LO, link, *inside.links[2:]), addresses=addresses)
    kept = [each for each in here.routes if str(each.destination) != "10.90.1.0/24"]
    return at(moved, HOST, routes=(*kept, route("10.90.1.0/24", HOP, "eth0")))


def test_a_guest_on_a_macvlan_is_out_of_the_hosts_reach() -> None:
    told = cause(HOST, "neighbour", oif="eth0")

    finding = only(case(told, snapshot=on_macvlan(), passed=(ROUTER,)))

    assert (finding.fault, finding.at) == ("host-macvlan-isolation", HOST)
    assert commands(finding) == (
        "ip link add homelab0 link eth0 type macvlan mode bridge",
        "ip link set homelab0 up",
        f"ip route add {HOP} dev homelab0",
        f"ip route replace 10.90.1.0/24 via {HOP} dev homelab0",
    )


def test_a_neighbour_that_is_silent_for_another_reason_is_no_macvlan() -> None:
    told = cause(HOST, "neighbour", oif="lxdbr0")

    assert codes(case(told, snapshot=on_macvlan(), passed=(ROUTER,))) == ["host-neighbour-failed"]
    assert codes(case(told, passed=(ROUTER,))) == ["host-neighbour-failed"]


def beside(mine: str = "10.77.0.11/24", **port: Any) -> Snapshot:
    """Another guest on the same bridge."""
    here = lab().namespaces[HOST]
    outer = replace(here.links[3], index=7, name="vethdb", mac="02:00:00:00:00:14", peer_netns=2)
    inner = Link(2, "eth0", "veth", "02:00:00:00:00:15", peer=7, peer_netns=0)
    other = Namespace(
        inode=9,
        links=(LO, inner),
        addresses=(address("eth0", mine),),
        routes=connected(mine, "eth0"),
        netns_ids={0: 2},
    )
    there = at(
        lab(),
        HOST,
        links=(*here.links, replace(outer, **port)),
        netns_ids={0: 1, 1: 3, 2: 9},
    )
    return replace(there, namespaces={**there.namespaces, DB: other})


def test_an_address_on_two_guests_of_one_bridge_is_the_first_finding() -> None:
    finding = only(judged(beside()))

    assert finding.fault == "duplicate-address"
    assert "10.77.0.11 is on guest:db (eth0) and guest:web (eth0)" in finding.explains


def test_the_hosts_own_address_on_a_guest_is_seen_too() -> None:
    found = check("duplicate-address")(judged(beside("10.77.0.1/24")))

    assert [each.fault for each in found] == ["duplicate-address"]
    assert "host (lxdbr0)" in found[0].explains


def test_other_addresses_and_other_segments_are_no_duplicates() -> None:
    assert codes(judged(beside("10.77.0.12/24"))) == []
    assert check("duplicate-address")(judged(beside(master=None))) == []


def test_another_address_ends_the_fault() -> None:
    assert codes(judged(beside("10.77.0.99/24"))) == []


def test_an_address_on_ports_of_two_vlans_is_no_duplicate() -> None:
    apart = beside(vlans=(BridgeVlan(20, 20, pvid=True),))
    here = apart.namespaces[HOST]
    filtering = tuple(
        replace(each, options={"vlan_filtering": "1"}) if each.name == "lxdbr0" else each
        for each in here.links
    )

    assert check("duplicate-address")(judged(at(apart, HOST, links=filtering))) == []


LAPTOP = netns("laptop")


def with_laptop(*own: Route, forward: str = "0") -> Snapshot:
    """A client that was observed too, with routes of its own."""
    here = Namespace(
        inode=20,
        links=(LO, Link(2, "wlan0", "veth"), Link(3, "docker0", "bridge")),
        addresses=(address("wlan0", "10.0.0.50/24"),),
        routes=(*connected("10.0.0.50/24", "wlan0"), route("0.0.0.0/0", "10.0.0.1", "wlan0"), *own),
        sysctls={"net.ipv4.ip_forward": forward},
    )
    return replace(lab(), namespaces={**lab().namespaces, LAPTOP: here})


DOCKER0 = route("10.90.0.0/16", None, "docker0", protocol="kernel")


def test_a_client_whose_own_docker_covers_the_subnet_is_warned_of() -> None:
    finding = only(judged(with_laptop(DOCKER0)))

    assert (finding.fault, finding.at, finding.severity) == (
        "lan-client-overlap",
        LAPTOP,
        "warning",
    )
    assert commands(finding) == (
        "ip netns exec laptop ip route add 10.90.1.0/25 via 10.0.0.1",
        "ip netns exec laptop ip route add 10.90.1.128/25 via 10.0.0.1",
    )


@pytest.mark.parametrize(
    "quiet",
    [
        with_laptop(),
        with_laptop(route("10.90.0.0/16", "10.0.0.2", "wlan0")),
        with_laptop(route("10.90.0.0/16", "10.0.0.1", "eth9")),
        with_laptop(DOCKER0, forward="1"),
        with_laptop(route("10.91.0.0/16", None, "docker0")),
    ],
)
def test_a_client_whose_packets_come_to_the_lan_is_not(quiet: Snapshot) -> None:
    assert codes(judged(quiet)) == []


def test_a_packet_that_ended_at_the_client_itself_is_claimed() -> None:
    told = cause(LAPTOP, "neighbour", oif="docker0")

    found = check("lan-client-overlap")(case(told, snapshot=with_laptop(DOCKER0), passed=(LAPTOP,)))

    assert [(each.severity, each.at) for each in found] == [("error", LAPTOP)]
    assert found[0].fault == lan_client_overlap.CODE


def test_a_duplicate_that_took_the_packet_to_the_wrong_guest_is_blamed() -> None:
    told = cause(DB, "route", text="guest:db has no route")

    finding = only(case(told, snapshot=beside()))

    assert (finding.fault, finding.at, finding.severity) == ("duplicate-address", WEB, "error")


def test_a_vlan_link_on_the_host_is_a_segment_of_its_own() -> None:
    here = beside("10.77.0.1/24").namespaces[HOST]
    moved = tuple(
        replace(each, link="lan.20") if each.link == "lxdbr0" else each for each in here.addresses
    )
    tagged = Link(30, "lan.20", "vlan", peer=3, options={"vlan_id": "20"})
    apart = at(beside("10.77.0.1/24"), HOST, links=(*here.links, tagged), addresses=moved)

    assert check("duplicate-address")(judged(apart)) == []


def test_without_the_host_nobody_can_tell_who_shares_a_segment() -> None:
    alone = {place: each for place, each in beside().namespaces.items() if place != HOST}

    assert check("duplicate-address")(judged(replace(beside(), namespaces=alone))) == []


def test_a_client_without_a_default_route_gets_words_only() -> None:
    no_default = with_laptop(DOCKER0)
    here = no_default.namespaces[LAPTOP]
    kept = tuple(each for each in here.routes if each.destination.prefixlen)

    finding = only(judged(at(no_default, LAPTOP, routes=kept)))

    assert finding.fault == "lan-client-overlap"
    assert commands(finding) == ()


def test_a_macvlan_that_is_the_target_itself_needs_no_second_route() -> None:
    kept = [
        each
        for each in on_macvlan().namespaces[HOST].routes
        if str(each.destination) != "10.90.1.0/24"
    ]
    near = at(on_macvlan(), HOST, routes=tuple(kept))
    told = cause(HOST, "neighbour", oif="eth0")

    finding = only(case(told, snapshot=near, passed=(ROUTER,), target=Target(ip_address(HOP))))

    assert finding.fault == "host-macvlan-isolation"
    assert len(commands(finding)) == 3
