"""Of several things that could be said of one packet, the one that its maker did comes first: seen on the real lab."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from homelab.model.lxc import InstanceNetwork, Runtime
from homelab.model.place import HOST, guest
from tests.checks.cases import (
    WEB,
    address,
    at,
    case,
    cause,
    check,
    codes,
    daemon,
    docker_network,
    instance,
    judged,
    lab,
    only,
    route,
    routes,
    wanted,
)

DB = guest("db")
POLICY = "-P FORWARD DROP"


def test_a_next_hop_that_is_another_guest_comes_before_what_that_guest_drops() -> None:
    there = replace(lab().namespaces[WEB], addresses=(address("eth0", "10.77.0.12/24"),))
    wrong = route("10.90.1.0/24", "10.77.0.12", "lxdbr0")
    snapshot = routes(lab(), HOST, wrong, without="10.90.1.0/24")
    snapshot = replace(snapshot, namespaces={**snapshot.namespaces, DB: there})
    ended = cause(DB, "policy", chain="FORWARD", rule=POLICY, tool="iptables-nft", owner="docker")

    finding = only(case(ended, snapshot=snapshot))

    assert (finding.fault, finding.at) == ("host-wrong-next-hop", HOST)


def test_docker_keeping_the_overlapping_network_apart_is_the_overlap() -> None:
    pool = docker_network("clash")
    pool = replace(pool, subnets=(replace(pool.subnets[0], subnet=ip_network("10.0.0.0/24")),))
    both = replace(daemon(), networks=(docker_network(), pool))
    ended = cause(
        WEB,
        direction="return",
        chain="DOCKER-ISOLATION-STAGE-2",
        owner="docker",
        iif="br-apps",
        oif="br-clash",
        destination=ip_address("10.0.0.254"),
    )

    assert only(case(ended, snapshot=lab(daemons={WEB: both}))).fault == "docker-pool-overlaps-lan"


def test_a_rule_on_another_way_out_is_not_the_overlap() -> None:
    pool = docker_network("clash")
    pool = replace(pool, subnets=(replace(pool.subnets[0], subnet=ip_network("10.0.0.0/24")),))
    both = replace(daemon(), networks=(docker_network(), pool))
    ended = cause(WEB, direction="return", chain="FORWARD", rule="-A FORWARD -j DROP", oif="eth0")

    assert codes(case(ended, snapshot=lab(daemons={WEB: both})))[0] != "docker-pool-overlaps-lan"


def test_a_bridge_that_is_down_takes_its_route_along_and_is_named() -> None:
    links = tuple(replace(each, up=each.name != "br-apps") for each in lab().namespaces[WEB].links)

    finding = only(case(cause(WEB, "route", oif="eth0"), snapshot=at(lab(), WEB, links=links)))

    assert (finding.fault, finding.at) == ("host-link-down", WEB)
    assert finding.fix is not None
    assert finding.fix.commands[0].endswith("ip link set br-apps up")


def test_an_ipv6_address_that_no_dhcp_hands_out_is_added_in_the_guest() -> None:
    """`homelab apply` has nothing to change then, so it is not what is offered."""
    inventory = wanted(nic="fd77::11")

    (finding,) = check("guest-address-changed")(judged(lab(), inventory))

    assert finding.fix is not None
    assert finding.fix.commands == ("lxc exec web -- ip addr add fd77::11/64 dev eth0",)


def test_an_ipv6_address_of_a_network_with_dhcp_is_applied() -> None:
    network = InstanceNetwork("lxdbr0", managed=True, config={"ipv6.dhcp.stateful": "true"})
    runtime = Runtime("lxd", "5.0.2", (instance(),), networks=(network,))

    (finding,) = check("guest-address-changed")(
        judged(lab(runtime=runtime), wanted(nic="fd77::11"))
    )

    assert finding.fix is not None
    assert finding.fix.commands == ("homelab apply --yes",)
