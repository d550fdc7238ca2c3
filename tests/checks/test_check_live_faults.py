"""The little lab broken one way at a time: the model names the fault, and its fix opens the path again."""

from dataclasses import replace
from ipaddress import ip_network
from typing import NamedTuple

import pytest

from homelab.model.kernel import Route
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import SimulatedSystem
from tests.checks.cases import (
    DOCKER_RULES,
    FRONT,
    NO_RULES,
    WEB,
    at,
    codes,
    daemon,
    judged,
    lab,
    only,
    route,
    routes,
    rules,
    sysctls,
)

DROPPING = DOCKER_RULES.replace(":FORWARD ACCEPT", ":FORWARD DROP")
RAW = (
    "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.90.1.10/32 ! -i br-apps -j DROP\nCOMMIT\n"
)
CLOSED = DOCKER_RULES.replace(
    ":DOCKER - [0:0]\n", ":DOCKER - [0:0]\n:DOCKER-FORWARD - [0:0]\n"
).replace("-A DOCKER-USER -j RETURN", "-A DOCKER ! -i br-apps -o br-apps -j DROP")

MODE = "com.docker.network.bridge.gateway_mode_ipv4"


class Broken(NamedTuple):
    code: str
    at: Place
    lab: Snapshot


def without_route(place: Place, destination: str, *instead: Route) -> Snapshot:
    return routes(lab(), place, *instead, without=destination)


def newer(snapshot: Snapshot, version: str = "28.5.2") -> Snapshot:
    return replace(snapshot, daemons={WEB: daemon(version)})


SUBNET = "10.90.1.0/24"
BLACK = Route(ip_network(SUBNET), kind="blackhole", protocol="static")
AWAY = route("10.0.0.0/24", None, "br-apps", protocol="static")
FIXED = (
    Broken("guest-forward-policy-drop", WEB, rules(lab(), WEB, DROPPING)),
    Broken(
        "docker-user-drop",
        WEB,
        rules(
            lab(),
            WEB,
            DOCKER_RULES.replace(
                "-A DOCKER-USER -j RETURN", "-A DOCKER-USER -d 10.90.1.0/24 -j DROP"
            ),
        ),
    ),
    Broken("docker-direct-access-drop", WEB, newer(rules(lab(), WEB, RAW + CLOSED))),
    Broken("docker-unpublished-port-drop", WEB, newer(rules(lab(), WEB, CLOSED))),
    Broken(
        "foreign-forward-drop-before-docker",
        WEB,
        rules(
            lab(),
            WEB,
            DOCKER_RULES.replace(
                "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DROP\n-A FORWARD -j DOCKER-USER"
            ),
        ),
    ),
    Broken(
        "docker-iptables-disabled-no-forward",
        WEB,
        rules(lab(), WEB, NO_RULES.replace("ACCEPT", "DROP")),
    ),
    Broken("guest-forwarding-off", WEB, sysctls(lab(), WEB, {"net.ipv4.ip_forward": "0"})),
    Broken("guest-no-default-route", WEB, without_route(WEB, "0.0.0.0/0")),
    Broken("host-forwarding-off", HOST, sysctls(lab(), HOST, {"net.ipv4.ip_forward": "0"})),
    Broken("host-no-route", HOST, without_route(HOST, SUBNET)),
    Broken(
        "guest-address-changed",
        WEB,
        without_route(HOST, SUBNET, route(SUBNET, "10.77.0.99", "lxdbr0", protocol="201")),
    ),
    Broken(
        "host-wrong-next-hop",
        HOST,
        without_route(HOST, SUBNET, route("10.90.0.0/16", "10.77.0.99", "lxdbr0")),
    ),
    Broken(
        "host-forward-policy-drop", HOST, rules(lab(), HOST, NO_RULES.replace("ACCEPT", "DROP"))
    ),
    Broken("router-no-route", ROUTER, without_route(ROUTER, SUBNET)),
    Broken(
        "router-wrong-next-hop",
        ROUTER,
        without_route(ROUTER, SUBNET, route(SUBNET, "10.0.0.77", "lan0", protocol="201")),
    ),
    Broken("router-forwarding-off", ROUTER, sysctls(lab(), ROUTER, {"net.ipv4.ip_forward": "0"})),
)
TOLD = (
    Broken("host-route-blackholed", HOST, without_route(HOST, SUBNET, BLACK)),
    Broken(
        "host-route-blackholed",
        HOST,
        routes(lab(), HOST, route("10.90.1.8/29", "10.0.0.1", "eth0")),
    ),
    Broken(
        "host-route-without-next-hop",
        HOST,
        without_route(HOST, SUBNET, route(SUBNET, None, "lxdbr0", scope="link")),
    ),
    Broken(
        "host-wrong-next-hop",
        HOST,
        without_route(HOST, SUBNET, route(SUBNET, "10.77.0.99", "lxdbr0", protocol="static")),
    ),
    Broken("router-wrong-next-hop", ROUTER, without_route(ROUTER, SUBNET, BLACK)),
    Broken(
        "guest-rp-filter",
        WEB,
        sysctls(routes(lab(), WEB, AWAY), WEB, {"net.ipv4.conf.eth0.rp_filter": "1"}),
    ),
    Broken("container-no-route-back", FRONT, routes(lab(), FRONT, without="0.0.0.0/0")),
    Broken(
        "container-own-firewall",
        FRONT,
        rules(lab(), FRONT, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"),
    ),
    Broken(
        "guest-foreign-firewall",
        WEB,
        rules(
            lab(),
            WEB,
            "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\nCOMMIT\n" + DOCKER_RULES,
        ),
    ),
    Broken(
        "docker-network-internal",
        WEB,
        replace(rules(lab(), WEB, CLOSED), daemons={WEB: daemon("28.5.2", internal=True)}),
    ),
    Broken(
        "docker-gateway-mode-routed-ports",
        WEB,
        replace(
            rules(lab(), WEB, CLOSED), daemons={WEB: daemon("28.5.2", options={MODE: "routed"})}
        ),
    ),
    Broken(
        "docker-network-isolated",
        WEB,
        replace(
            routes(lab(), WEB, without=SUBNET),
            daemons={WEB: daemon("28.5.2", options={MODE: "isolated"})},
        ),
    ),
    Broken("router-firewall", ROUTER, rules(lab(), ROUTER, NO_RULES.replace("ACCEPT", "DROP"))),
    Broken(
        "host-link-down",
        HOST,
        at(
            lab(),
            HOST,
            links=tuple(
                replace(each, up=each.name != "lxdbr0") for each in lab().namespaces[HOST].links
            ),
        ),
    ),
    Broken(
        "dropped-by-sysctl", FRONT, sysctls(lab(), FRONT, {"net.ipv4.icmp_echo_ignore_all": "1"})
    ),
)


@pytest.mark.parametrize("broken", TOLD, ids=lambda each: each.code)
def test_a_fault_that_a_person_mends_is_named(broken: Broken) -> None:
    finding = only(judged(broken.lab))

    assert (finding.fault, finding.at, finding.severity) == (broken.code, broken.at, "error")
    assert finding.fix is not None


def mended(snapshot: Snapshot) -> Snapshot:
    system = SimulatedSystem(snapshot)
    fix = only(judged(snapshot)).fix
    assert fix is not None
    for each in fix.operations:
        system.run(each)
    return system.read()


def test_the_lab_itself_has_no_fault() -> None:
    assert codes(judged(lab())) == []


@pytest.mark.parametrize("broken", FIXED, ids=lambda each: each.code)
def test_a_fault_is_named_and_its_fix_opens_the_path(broken: Broken) -> None:
    finding = only(judged(broken.lab))

    assert (finding.fault, finding.at, finding.severity) == (broken.code, broken.at, "error")
    assert codes(judged(mended(broken.lab))) == []
    assert finding.fix is not None
    assert finding.fix.opens or finding.fix.operations
