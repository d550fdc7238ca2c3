"""Default routes that nobody advertises any more, and neighbours that nobody answers for."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.model.docker import DockerSubnet
from homelab.model.finding import Case, Finding
from homelab.model.kernel import Link, LinkAddress
from homelab.model.operation import SetSysctl
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Target
from tests.checks.cases import (
    WEB,
    address,
    at,
    case,
    cause,
    check,
    daemon,
    found,
    lab,
    only,
    route,
    routes,
    sysctls,
)

SIX = ip_network("fd90::/64")
TARGET = Target(ip_address("fd90::10"))
DEAF = {"net.ipv6.conf.eth0.accept_ra": "1", "net.ipv6.conf.eth0.forwarding": "1"}
OF_RA = route("::/0", "fe80::1", "eth0", protocol="ra")


def six(*causes: Cause, snapshot: Snapshot, passed: tuple[Place, ...] = (ROUTER, HOST)) -> Case:
    """One IPv6 network whose packets ended for these causes."""
    made = case(*causes, snapshot=snapshot, target=TARGET, passed=passed)
    (judgement,) = made.judgements
    return replace(made, judgements=(replace(judgement, subnets=(SIX,)),))


def guest_with(*interfaces: LinkAddress, **keys: str) -> Snapshot:
    deaf = sysctls(lab(), WEB, {**DEAF, **keys})
    own = deaf.namespaces[WEB].addresses
    return at(deaf, WEB, addresses=(*own, *interfaces))


def lost(snapshot: Snapshot, **more: object) -> Finding:
    ended = cause(
        WEB,
        "route",
        direction="return",
        source=ip_address("fd90::10"),
        destination=ip_address("fd01::254"),
        **more,
    )
    return only(six(ended, snapshot=snapshot))


MADE_OF_MAC = address("eth0", "fd77::ff:fe00:5/64")


def test_a_link_that_took_an_address_from_an_advertisement_and_hears_no_more() -> None:
    finding = lost(guest_with(MADE_OF_MAC))

    assert finding.fault == "ipv6-accept-ra-lost"
    assert finding.fix is not None
    (step,) = finding.fix.operations
    assert step == SetSysctl(WEB, "net.ipv6.conf.eth0.accept_ra", "2", "1")


def test_a_route_of_an_advertisement_is_a_witness_too() -> None:
    snapshot = routes(
        guest_with(address("eth0", "fd77::11/64")),
        WEB,
        route("fd77::/64", None, "eth0", protocol="ra"),
    )

    assert lost(snapshot).fault == "ipv6-accept-ra-lost"


@pytest.mark.parametrize(
    "snapshot",
    [
        guest_with(address("eth0", "fd77::11/64")),
        guest_with(address("eth0", "fd77::2ff:fe00:5/64")),
        guest_with(MADE_OF_MAC, **{"net.ipv6.conf.eth0.accept_ra": "2"}),
        guest_with(MADE_OF_MAC, **{"net.ipv6.conf.eth0.forwarding": "0"}),
        guest_with(),
    ],
)
def test_without_a_witness_or_with_open_ears_another_fault_is_named(snapshot: Snapshot) -> None:
    assert lost(snapshot).fault == "guest-no-default-route"


def test_a_place_with_a_default_route_or_a_rule_is_left_to_others() -> None:
    heard = guest_with(MADE_OF_MAC)
    routed = routes(heard, WEB, route("::/0", "fd77::1", "eth0"))

    assert lost(routed).fault != "ipv6-accept-ra-lost"
    assert lost(heard, rule="ip rule 5").fault != "ipv6-accept-ra-lost"
    other = cause(Place("netns:gone"), "route")
    assert only(six(other, snapshot=heard)).fault != "ipv6-accept-ra-lost"


def test_a_default_route_that_will_expire_is_a_warning() -> None:
    snapshot = routes(guest_with(MADE_OF_MAC), WEB, OF_RA)
    made = six(cause(), snapshot=snapshot)

    (finding,) = check("ipv6-accept-ra-lost")(made)

    assert (finding.severity, finding.at) == ("warning", WEB)
    assert finding.fix is not None
    assert finding.fix.operations == (SetSysctl(WEB, "net.ipv6.conf.eth0.accept_ra", "2", "1"),)


def test_it_is_none_where_nobody_needs_it_or_it_is_renewed() -> None:
    snapshot = routes(guest_with(MADE_OF_MAC), WEB, OF_RA)
    renewed = sysctls(snapshot, WEB, {"net.ipv6.conf.eth0.accept_ra": "2"})
    spaces = {place: here for place, here in snapshot.namespaces.items() if place != WEB}

    assert not list(check("ipv6-accept-ra-lost")(case(cause(), snapshot=snapshot)))
    assert not list(check("ipv6-accept-ra-lost")(six(cause(), snapshot=renewed)))
    gone = replace(snapshot, namespaces=spaces)
    assert not list(check("ipv6-accept-ra-lost")(six(cause(), snapshot=gone)))


def in_the_prefix() -> Snapshot:
    """The containers' part of the uplink's own prefix, which the host routes to the guest."""
    prefix = at(
        lab(),
        HOST,
        addresses=(*lab().namespaces[HOST].addresses, address("eth0", "fd90::5/56")),
    )
    inside = routes(prefix, HOST, route(str(SIX), "fd77::11", "lxdbr0"))
    made = daemon(subnets=(DockerSubnet(SIX, None),))
    return replace(inside, daemons={WEB: made})


def asked(place: Place = ROUTER, kind: str = "neighbour", **more: object) -> Cause:
    return cause(place, kind, stage="neighbour", text="nobody answers", oif="lan0", **more)


@pytest.mark.parametrize("kind", ["neighbour", "unmodelled"])
def test_nobody_answers_for_a_part_of_the_uplink_s_prefix(kind: str) -> None:
    finding = found(six(asked(kind=kind), snapshot=in_the_prefix(), passed=()))["ipv6-ndp-missing"]

    assert finding.at == HOST
    assert finding.fix is not None
    assert finding.fix.commands == (
        "sysctl -w net.ipv6.conf.eth0.proxy_ndp=1",
        "ip -6 neigh add proxy fd90::10 dev eth0",
    )


def test_elsewhere_or_on_the_way_back_it_is_another_fault() -> None:
    snapshot = in_the_prefix()
    apart = at(snapshot, HOST, addresses=lab().namespaces[HOST].addresses)
    for made in (
        six(asked(), snapshot=apart, passed=()),
        six(asked(direction="return"), snapshot=snapshot),
        six(replace(asked(), stage="route"), snapshot=snapshot, passed=()),
        case(asked(), snapshot=snapshot, passed=()),
    ):
        assert "ipv6-ndp-missing" not in {each.fault for each in check("ipv6-ndp-missing")(made)}


def test_a_mac_is_told_from_any_other_identifier() -> None:
    """02:00:00:00:00:05 is the guest's eth0; the flipped bit is the one for universal addresses."""
    link = next(each for each in lab().namespaces[WEB].links if each.name == "eth0")

    assert isinstance(link, Link)
    assert link.mac == "02:00:00:00:00:05"
    assert lost(guest_with(MADE_OF_MAC)).fault == "ipv6-accept-ra-lost"
