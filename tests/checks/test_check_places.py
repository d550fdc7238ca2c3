"""Sysctls, routes, sockets, links and what nobody knows, made by hand: where it ended decides the code."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.checks import findings
from homelab.checks.seen import failures
from homelab.checks.ways import removal, reroute_fix, shown
from homelab.model.finding import Case
from homelab.model.kernel import Listener
from homelab.model.lxc import Runtime
from homelab.model.operation import AddRoute, SetInstanceDevice, SetSysctl, StartContainer
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.trace import Cause, Outcome, Target
from tests.checks.cases import (
    FRONT,
    NAME,
    TARGET,
    WEB,
    address,
    at,
    case,
    cause,
    daemon,
    docker_network,
    front,
    instance,
    lab,
    only,
    route,
    routes,
    wanted,
)

NET_LAN = ip_network("10.0.0.0/16")
BETWEEN = Place("netns:between")
IP_FORWARD = "net.ipv4.ip_forward"
RP_FILTER = "net.ipv4.conf.eth0.rp_filter"


def key(place: Place, name: str, **more: object) -> Cause:
    return cause(place, "sysctl", key=name, iif="eth0", **more)


ENDS = {
    "guest-forwarding-off": key(WEB, IP_FORWARD),
    "host-forwarding-off": key(HOST, "net.ipv4.conf.eth0.forwarding"),
    "router-forwarding-off": key(ROUTER, IP_FORWARD),
    "ipv6-forwarding-off": key(WEB, "net.ipv6.conf.all.forwarding"),
    "guest-rp-filter": key(WEB, RP_FILTER),
    "host-rp-filter": key(HOST, "net.ipv4.conf.all.rp_filter"),
    "container-not-listening": cause(FRONT, "socket", key="80/tcp"),
    "container-no-route-back": cause(FRONT, "route", direction="return"),
    "dropped-by-sysctl": key(BETWEEN, IP_FORWARD),
    "dropped-by-route": cause(BETWEEN, "route"),
    "dropped-by-vlan": cause(BETWEEN, "vlan"),
    "dropped-by-socket": cause(BETWEEN, "socket"),
    "host-link-down": cause(BETWEEN, "link"),
    "host-neighbour-failed": cause(BETWEEN, "neighbour", oif="eth0"),
    "unmodelled": cause(BETWEEN, "unmodelled", key="-m foo"),
}


@pytest.mark.parametrize("code", ENDS)
def test_where_and_how_it_ended_decides_the_code(code: str) -> None:
    assert only(case(ENDS[code], passed=())).fault == code


@pytest.mark.parametrize(
    ("ended", "wanted_key", "value"),
    [
        (key(WEB, IP_FORWARD), IP_FORWARD, "1"),
        (key(WEB, "net.ipv4.conf.all.rp_filter"), RP_FILTER, "2"),
        (key(BETWEEN, IP_FORWARD), IP_FORWARD, "1"),
        (key(BETWEEN, RP_FILTER), RP_FILTER, "2"),
        (key(FRONT, "net.ipv4.icmp_echo_ignore_all"), "net.ipv4.icmp_echo_ignore_all", "0"),
    ],
)
def test_the_key_is_set_to_what_lets_the_packet_pass(
    ended: Cause, wanted_key: str, value: str
) -> None:
    fix = only(case(ended, passed=())).fix

    assert fix is not None
    (step,) = fix.operations
    assert isinstance(step, SetSysctl)
    assert (step.key, step.value) == (wanted_key, value)


def test_a_martian_source_is_named_and_left_alone() -> None:
    finding = only(case(key(HOST, "net.ipv4.conf.eth0.accept_local"), passed=()))

    assert finding.fault == "dropped-by-sysctl"
    assert finding.fix is None


def test_a_strict_filter_without_a_link_sets_the_key_it_names() -> None:
    fix = only(case(cause(WEB, "sysctl", key=RP_FILTER, source=None))).fix

    assert fix is not None
    assert isinstance(fix.operations[0], SetSysctl)
    assert fix.operations[0].key == RP_FILTER


def test_a_strict_filter_without_any_way_back_is_a_missing_default_route() -> None:
    lost = routes(lab(), WEB, without="0.0.0.0/0")

    finding = only(case(key(WEB, RP_FILTER), snapshot=lost))

    assert finding.fault == "guest-no-default-route"
    assert finding.fix is not None
    assert isinstance(finding.fix.operations[0], AddRoute)
    assert str(finding.fix.operations[0].route.hops[0].via) == "10.77.0.1"


def test_a_guest_on_no_network_of_the_host_gets_advice_only() -> None:
    apart = at(routes(lab(), WEB, without="0.0.0.0/0"), WEB, addresses=())
    ended = cause(WEB, "route", direction="return", destination=ip_address("10.0.0.254"))

    finding = only(case(ended, snapshot=apart))

    assert finding.fault == "guest-no-default-route"
    assert finding.fix is not None
    assert not finding.fix.operations


def test_a_service_on_localhost_only_is_told_so() -> None:
    loop = at(lab(), FRONT, listeners=(Listener("tcp", 4, ip_address("127.0.0.1"), 80),))

    finding = only(
        case(ENDS["container-not-listening"], snapshot=loop, target=Target(TARGET, "tcp", 80))
    )

    assert finding.explains.endswith("it listens on 127.0.0.1 port 80 only")


def test_a_stopped_container_is_started() -> None:
    stopped = replace(daemon(), containers=(front("exited"),))
    ended = cause(WEB, "neighbour", oif="br-apps")

    finding = only(case(ended, snapshot=lab(daemons={WEB: stopped})))

    assert (finding.fault, finding.at) == ("container-stopped", FRONT)
    assert finding.fix is not None
    assert finding.fix.operations == (StartContainer(WEB, "front"),)


def test_a_guest_that_has_nothing_of_the_kind_is_no_overlap() -> None:
    both = {
        WEB: daemon(),
        Place("guest:db"): replace(daemon(), networks=(docker_network("x", subnets=()),)),
    }
    wrong = routes(lab(daemons=both), HOST, without="10.90.1.0/24")

    finding = only(case(cause(Place("guest:db"), "neighbour"), snapshot=wrong))

    assert finding.fault == "host-no-route"


def test_an_address_that_no_container_has_is_told_so() -> None:
    nobody = replace(daemon(), containers=())

    finding = only(case(cause(WEB, "neighbour"), snapshot=lab(daemons={WEB: nobody})))

    assert (finding.fault, finding.at) == ("container-stopped", WEB)
    assert "no container has 10.90.1.10" in finding.explains


def test_an_address_on_another_network_is_not_this_ones() -> None:
    elsewhere = replace(front(), attachments=(replace(front().attachments[0], network="shop"),))
    there = replace(daemon(), containers=(elsewhere,))

    finding = only(case(cause(WEB, "neighbour"), snapshot=lab(daemons={WEB: there})))

    assert "no container has 10.90.1.10 on apps" in finding.explains


def test_where_the_host_knows_no_way_nothing_is_taken_out_or_replaced() -> None:
    nowhere = at(lab(), HOST, routes=())
    (seen,) = failures(case(cause(HOST, "route"), snapshot=nowhere))

    assert removal(seen, HOST) == ()
    assert shown(seen, HOST) == "no route"
    assert reroute_fix(seen, HOST, WEB) is None


def test_a_running_container_that_does_not_answer_is_a_matter_of_layer_2() -> None:
    assert only(case(cause(WEB, "neighbour"))).fault == "host-neighbour-failed"


def test_a_link_that_is_down_is_brought_up_by_a_person() -> None:
    down = at(
        lab(), HOST, links=tuple(replace(each, up=False) for each in lab().namespaces[HOST].links)
    )

    finding = only(case(cause(HOST, "link", oif="lxdbr0"), snapshot=down))

    assert finding.fault == "host-link-down"
    assert finding.fix is not None
    assert finding.fix.commands == ("ip link set lxdbr0 up",)


def routed_on_link(**device: str) -> Case:
    snapshot = routes(lab(), HOST, route("10.90.1.0/24", None, "lxdbr0"), without="10.90.1.0/24")
    runtime = Runtime("lxd", "5.0.2", (instance(**device),))
    return case(cause(HOST, "neighbour"), snapshot=replace(snapshot, runtime=runtime))


def test_a_route_of_lxds_is_taken_out_of_the_nic_and_made_anew() -> None:
    finding = only(routed_on_link(**{"ipv4.routes": "10.90.1.0/24, 10.91.0.0/24"}))

    assert finding.fault == "host-route-without-next-hop"
    assert finding.fix is not None
    device, added = finding.fix.operations
    assert isinstance(device, SetInstanceDevice)
    assert device.config is not None
    assert device.config["ipv4.routes"] == "10.91.0.0/24"
    assert device.was is None
    assert isinstance(added, AddRoute)
    assert str(added.route.via) == "10.77.0.11"


def test_the_last_route_of_a_nic_takes_the_key_along() -> None:
    fix = only(routed_on_link(**{"ipv4.routes": "10.90.1.0/24"})).fix

    assert fix is not None
    assert isinstance(fix.operations[0], SetInstanceDevice)
    assert "ipv4.routes" not in (fix.operations[0].config or {})


def test_a_route_on_link_that_is_not_lxds_is_left_to_its_writer() -> None:
    fix = only(routed_on_link()).fix

    assert fix is not None
    assert fix.operations == ()
    assert fix.commands == (
        "ip route del 10.90.1.0/24 proto boot",
        "ip route add 10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201",
    )


def test_the_hosts_own_network_over_the_subnet_is_an_overlap() -> None:
    own = route("10.90.0.0/16", None, "lxdbr0", protocol="kernel")
    snapshot = routes(lab(), HOST, own, without="10.90.1.0/24")

    finding = only(case(cause(HOST, "neighbour"), snapshot=snapshot))

    assert (finding.fault, finding.at) == ("subnet-overlap", HOST)


def test_another_guest_that_has_the_subnet_too_is_an_overlap() -> None:
    both = {WEB: daemon(), Place("guest:db"): daemon()}
    wrong = routes(lab(daemons=both), HOST, without="10.90.1.0/24")

    finding = only(case(cause(Place("guest:db"), "neighbour"), snapshot=wrong))

    assert finding.fault == "subnet-overlap"
    assert "Docker network apps of guest:db" in finding.explains


def test_answers_into_a_network_of_dockers_are_told_so() -> None:
    wide = docker_network("shop", subnets=(docker_network().subnets[0],))
    lan = replace(wide, subnets=(replace(wide.subnets[0], subnet=NET_LAN),))
    pools = replace(daemon(), networks=(docker_network(), lan))
    ended = cause(WEB, "neighbour", direction="return", destination=ip_address("10.0.0.254"))

    finding = only(case(ended, snapshot=lab(daemons={WEB: pools})))

    assert finding.fault == "docker-pool-overlaps-lan"
    assert "Docker network shop" in finding.explains


def test_an_address_that_the_guest_had_is_told_so() -> None:
    old = route("10.90.1.0/24", "10.77.0.99", "lxdbr0", protocol="static")
    snapshot = routes(lab(), HOST, old, without="10.90.1.0/24")
    here = wanted(nic="10.77.0.99")

    told = [
        each
        for each in findings_of(case(cause(HOST, "neighbour"), snapshot=snapshot, inventory=here))
        if each[0] == "guest-address-changed"
    ]

    assert told == [("guest-address-changed", WEB, ("homelab apply --yes",))]


def findings_of(one: Case) -> list[tuple[str, Place, tuple[str, ...]]]:
    return [(each.fault, each.at, each.fix.commands if each.fix else ()) for each in findings(one)]


def test_a_guest_that_is_down_explains_what_is_lost_behind_the_host() -> None:
    stopped = replace(instance(), status="Stopped")
    snapshot = lab(runtime=Runtime("incus", "6.0.4", (stopped,)), daemons={})
    spaces = {place: here for place, here in snapshot.namespaces.items() if place != WEB}

    finding = only(case(cause(HOST, "neighbour"), snapshot=replace(snapshot, namespaces=spaces)))

    assert (finding.fault, finding.at, finding.severity) == ("guest-down", WEB, "error")
    assert finding.fix is not None
    assert finding.fix.commands == ("incus start web",)


@pytest.mark.parametrize(
    ("ended", "unread"),
    [
        (cause(FRONT, "unmodelled", key="sockets", text="its sockets"), {"sockets": "timeout"}),
        (cause(HOST, "unmodelled", text="10.0.0.9 is a machine that was not observed"), {}),
        (cause(WEB, "unmodelled", key="nft", text="nft could not be read: crashed"), {}),
    ],
)
def test_what_was_not_read_is_told_from_what_is_not_known(
    ended: Cause, unread: dict[str, str]
) -> None:
    snapshot = at(lab(), FRONT, unread=unread)

    finding = only(case(ended, snapshot=snapshot, passed=(HOST, WEB), outcome=Outcome.UNKNOWN))

    assert (finding.fault, finding.severity) == ("not-observed", "warning")


def test_a_place_that_was_not_read_is_named_with_the_reason() -> None:
    lost = lab(unread={"netns:x": "permission denied"})
    ended = cause(Place("netns:x"), "unmodelled", text="the other end of veth1")

    assert "permission denied" in only(case(ended, snapshot=lost, passed=())).explains


def test_a_trace_without_a_cause_is_not_silent() -> None:
    one = case(cause())
    trace = replace(one.judgements[0].traces[0], cause=None, outcome=Outcome.UNKNOWN)
    judgement = replace(one.judgements[0], traces=(trace,), reachable=None)

    finding = only(replace(one, judgements=(judgement,)))

    assert (finding.fault, finding.affects) == ("unmodelled", (NAME,))


@pytest.mark.parametrize("place", [HOST, ROUTER])
def test_where_the_next_place_is_not_observed_no_route_is_offered(place: Place) -> None:
    spaces = {one: here for one, here in lab().namespaces.items() if one in (place, FRONT)}
    snapshot = routes(lab(namespaces=spaces), place, without="10.90.1.0/24")

    finding = only(case(cause(place, "route"), snapshot=snapshot, passed=(place,)))

    assert finding.fault in ("host-no-route", "router-no-route")
    assert finding.fix is None


def test_an_address_of_docker0_is_no_next_hop() -> None:
    twins = (address("docker0", "172.17.0.2/16"), address("lxdbr0", "10.77.0.1/24"))
    snapshot = routes(at(lab(), HOST, addresses=twins), HOST, without="10.90.1.0/24")
    both = (address("docker0", "172.17.0.1/16"), address("eth0", "10.77.0.11/24"))

    finding = only(case(cause(HOST, "route"), snapshot=at(snapshot, WEB, addresses=both)))

    assert finding.fix is not None
    assert isinstance(finding.fix.operations[0], AddRoute)
    assert str(finding.fix.operations[0].route.via) == "10.77.0.11"
