"""From where a trace may start, and what TO may say."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.diagnosis.target import parse_target
from homelab.diagnosis.tracer import Tracer
from homelab.model.docker import Attachment, Daemon, DockerContainer
from homelab.model.kernel import LinkAddress, Namespace
from homelab.model.place import HOST, ROUTER, Place, netns
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from tests.diagnosis.trace_worlds import (
    FORWARDING,
    GUEST,
    PLACES,
    lab,
    linked,
    made,
    nic,
    route,
    routed,
    said,
    target,
    trace,
    without,
)

VANTAGES = (
    "lan",
    "router",
    "host",
    "guest:g",
    "container:g/app",
    "container:g/web",
    "netns:alias",
    "packet:eth0:10.0.0.9",
    "packet:eth0:fd00::9",
    "packet:eth0:[fd00::9]",
    "packet:br0:10.3.0.9",
    "packet:vguest:10.3.0.9",
)
LAB = lab(aliases={netns("alias"): GUEST})


def family(origin: str) -> int:
    return 6 if "fd00" in origin else 4


@pytest.mark.parametrize("origin", VANTAGES)
def test_every_vantage_reaches_a_container(origin: str) -> None:
    address = {4: "10.4.0.10", 6: "fd04::10"}[family(origin)]

    assert said(trace(LAB, origin, address)) == "delivered"
    assert said(trace(LAB, origin, address, 80)) == "delivered"


@pytest.mark.parametrize("origin", [each for each in VANTAGES if not each.startswith("packet")])
def test_every_vantage_speaks_both_families(origin: str) -> None:
    assert said(trace(LAB, origin, "fd04::11", 80)) == "delivered"


HOSTLESS = Snapshot(namespaces={GUEST: PLACES[GUEST]}, unread={"host": "no permission"})
LEAF = replace(PLACES[HOST], routes=without(PLACES[HOST], "0.0.0.0/0").routes)


@pytest.mark.parametrize(
    ("seen", "origin", "why"),
    [
        (LAB, "nowhere", "no such place"),
        (LAB, "", "no such place"),
        (LAB, "guest:other", "observed are: container:g/app"),
        (lab(unread={"guest:db": "daemon down"}), "guest:db", "was not observed: daemon down"),
        (LAB, "packet:eth0:here", "is no IP address"),
        (LAB, "packet:eth0", "is no IP address"),
        (LAB, "packet:eth0:fd00::9", "its source is IPv6, and the target IPv4"),
        (LAB, "packet:eth7:10.0.0.1", "the host has no link eth7"),
        (HOSTLESS, "lan", "was not observed: no permission"),
        (HOSTLESS, "router", "neither the router nor the host"),
        (HOSTLESS, "packet:eth0:10.0.0.1", "the host was not observed"),
        (Snapshot(), "lan", "no reason given"),
        (Snapshot(), "host", "observed are: none"),
        (lab({HOST: LEAF}), "router", "names no gateway"),
    ],
)
def test_a_vantage_that_there_is_not_says_why(seen: Snapshot, origin: str, why: str) -> None:
    tracer, to = Tracer(seen), target("10.4.0.10")

    assert why in (tracer.problem(origin, to) or "")
    assert said(tracer.trace(origin, to)).startswith("unknown")


def two_nics(here: Namespace) -> Namespace:
    bare = without(without(here, "0.0.0.0/0"), "::/0")
    return replace(bare, links=(*bare.links, nic(HOST, 9, "eth1")))


@pytest.mark.parametrize(
    ("host", "uplink", "why"),
    [
        (two_nics(PLACES[HOST]), None, "its uplink is not known"),
        (two_nics(PLACES[HOST]), "eth1", "has no IPv4 address"),
        (PLACES[HOST], "wlan0", "no link wlan0"),
    ],
)
def test_a_lan_needs_an_uplink(host: Namespace, uplink: str | None, why: str) -> None:
    for origin in ("lan", "router"):
        problem = Tracer(lab({HOST: host}), uplink).problem(origin, target("10.4.0.10"))
        assert why in (problem or "")
        assert (problem or "").startswith(origin)


def test_without_a_default_route_the_only_nic_is_the_uplink() -> None:
    bare = without(without(PLACES[HOST], "0.0.0.0/0"), "::/0")
    tracer = Tracer(lab({HOST: bare}))

    assert tracer.client_address(4) == ip_address("10.0.0.254")
    assert said(tracer.trace("lan", target("10.4.0.10"))) == "delivered"


def test_of_several_networks_on_the_uplink_the_lan_is_that_of_the_gateway() -> None:
    old = LinkAddress("eth0", ip_interface("172.16.0.2/24"))
    host = PLACES[HOST]
    both = replace(host, addresses=(old, *host.addresses))

    assert Tracer(lab({HOST: both})).client_address(4) == ip_address("10.0.0.254")


@pytest.mark.parametrize("kind", ["blackhole", "unreachable"])
def test_a_host_that_drops_the_addresses_of_documentation_still_has_its_uplink(kind: str) -> None:
    bogons = (route("198.51.100.0/24", kind=kind), route("2001:db8::/32", kind=kind))
    tracer = Tracer(lab({HOST: routed(PLACES[HOST], *bogons)}))

    assert tracer.client_address(4) == ip_address("10.0.0.254")
    assert tracer.client_address(6) is not None
    assert said(tracer.trace("router", target("10.4.0.10"))) == "delivered"


def test_the_uplink_may_be_a_bridge_with_a_nic() -> None:
    links = (
        nic(HOST, 8, "br-lan", "bridge"),
        *(each for each in linked(PLACES[HOST], "eth0", master=8).links),
    )
    moved = replace(
        PLACES[HOST],
        links=links,
        addresses=tuple(
            replace(each, link="br-lan") if each.link == "eth0" else each
            for each in PLACES[HOST].addresses
        ),
        routes=tuple(
            replace(each, hops=tuple(replace(hop, link="br-lan") for hop in each.hops))
            if each.link == "eth0"
            else each
            for each in PLACES[HOST].routes
        ),
    )

    for origin in ("lan", "router", "packet:eth0:10.0.0.7", "packet:br-lan:10.0.0.7"):
        assert said(trace(lab({HOST: moved}), origin, "10.4.0.10")) == "delivered", origin


def test_nobody_free_in_the_lan_is_still_somebody() -> None:
    for subnet, free in (("10.0.0.0/32", "198.51.100.1"), ("10.0.0.0/31", "10.0.0.1")):
        tiny = made(HOST, PLACES[HOST].links[1:], {"eth0": subnet})
        assert Tracer(lab({HOST: tiny})).client_address(4) == ip_address(free)


def with_router(**more: str) -> Snapshot:
    router = made(ROUTER, (nic(ROUTER, 2, "lan0"),), {"lan0": "10.0.0.1/24 fd00::1/64"})
    router = routed(
        router,
        route("10.4.0.0/24", "10.0.0.2", "lan0"),
        route("10.3.0.0/24", "10.0.0.2", "lan0"),
        route("fd04::/64", "fd00::2", "lan0"),
    )
    return lab({ROUTER: replace(router, sysctls={**FORWARDING, **more})})


@pytest.mark.parametrize("origin", ["lan", "router", "host"])
def test_an_observed_router_is_walked_through(origin: str) -> None:
    found = trace(with_router(), origin, "10.4.0.10")

    assert said(found) == "delivered"
    assert ("router" in {each.at for each in found.forward}) == (origin != "host")


def test_a_client_asks_itself_for_what_is_on_its_own_wire() -> None:
    assert said(trace(LAB, "lan", "10.0.0.2")) == "delivered"
    assert said(trace(LAB, "lan", "10.0.0.77")).startswith("unknown")


def test_a_router_that_does_not_forward_is_named() -> None:
    found = trace(with_router(**{"net.ipv4.ip_forward": "0"}), "lan", "10.4.0.10")

    assert said(found) == "dropped router sysctl net.ipv4.ip_forward"


APP = DockerContainer(
    "1", "app", "running", attachments=(Attachment("apps", ipv4=ip_address("10.4.0.10")),)
)


def with_daemons(*containers: DockerContainer) -> Snapshot:
    daemon = Daemon("28.0", containers=containers)
    return lab(daemons={GUEST: daemon, Place("host"): Daemon("28.0", containers=(APP,))})


SIX = replace(APP, name="six", attachments=(Attachment("n", ipv6=ip_address("fd04::10")),))
LONE = replace(APP, name="lone", attachments=(Attachment("n"),))
DAEMONS = with_daemons(APP, SIX, LONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.4.0.10", target("10.4.0.10")),
        ("10.4.0.10:80", target("10.4.0.10", 80)),
        ("10.4.0.10:80/tcp", target("10.4.0.10", 80)),
        ("10.4.0.10:53/udp", target("10.4.0.10", 53, "udp")),
        ("fd04::10", target("fd04::10")),
        ("[fd04::10]", target("fd04::10")),
        ("[fd04::10]:443", target("fd04::10", 443)),
        ("[fd04::10]:53/udp", target("fd04::10", 53, "udp")),
        ("six", target("fd04::10")),
        ("six:80", target("fd04::10", 80)),
        ("g/app", target("10.4.0.10")),
        ("g/app:80/udp", target("10.4.0.10", 80, "udp")),
        ("host/app:1", target("10.4.0.10", 1)),
    ],
)
def test_every_form_of_a_target(text: str, expected: Target) -> None:
    found = parse_target(text, DAEMONS)

    assert found == expected
    assert parse_target(str(found), DAEMONS) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither an address"),
        ("nobody", "neither an address"),
        ("g/nobody:80", "neither an address"),
        ("other/app", "neither an address"),
        ("app", "several containers have that name: g/app, host/app"),
        ("lone", "on no network with an address"),
        ("10.4.0.10:0", "is no port"),
        ("10.4.0.10:65536", "is no port"),
        ("10.4.0.10:80/sctp", "is no port"),
        ("10.4.0.10:http", "is no port"),
        ("[fd04::10]:", "neither an address"),
        ("10.4.0.0/24", "neither an address"),
    ],
)
def test_a_target_that_cannot_be_understood_says_why(text: str, why: str) -> None:
    found = parse_target(text, DAEMONS)

    assert isinstance(found, str)
    assert why in found


def test_a_subnet_of_the_uplink_may_be_of_one_family_only() -> None:
    four = replace(
        PLACES[HOST],
        addresses=tuple(
            each
            for each in PLACES[HOST].addresses
            if each.interface.version == 4 or each.link != "eth0"
        ),
        routes=tuple(
            each
            for each in PLACES[HOST].routes
            if each.destination not in (ip_network("::/0"), ip_network("fd00::/64"))
        ),
    )

    assert "no IPv6 address" in (Tracer(lab({HOST: four})).problem("lan", target("fd04::1")) or "")
