"""A small lab whose one container answers the LAN, ways to break it, and hand-made causes.

lan ─ router (10.0.0.1) ─ host (10.0.0.2, lxdbr0 10.77.0.1) ─ guest:web (10.77.0.11) ─ container front
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from homelab.checks import CHECKS, FAULTS, findings
from homelab.diagnosis.judge import judge
from homelab.model.docker import Attachment, Daemon, DockerContainer, DockerNetwork, DockerSubnet
from homelab.model.finding import Case, Finding, Judgement, NetworkName
from homelab.model.inventory import (
    ContainerNetwork,
    Guest,
    Host,
    Inventory,
    Nic,
)
from homelab.model.inventory import Router as WantedRouter
from homelab.model.kernel import (
    BridgePort,
    Link,
    LinkAddress,
    Listener,
    Namespace,
    NextHop,
    Route,
    Ruleset,
)
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, ROUTER, Address, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Hop, Outcome, Target, Trace

WEB = guest("web")
FRONT = container("web", "front")
SUBNET = ip_network("10.90.1.0/24")
TARGET = ip_address("10.90.1.10")
CLIENT = ip_address("10.0.0.254")
NAME = NetworkName("nuc", "web", "apps")
FORWARDING = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
LO = Link(1, "lo", loopback=True)
DOCKER_RULES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o br-apps -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br-apps -j DOCKER
-A FORWARD -i br-apps ! -o br-apps -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
"""
NO_RULES = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"


def route(destination: str, via: str | None = None, link: str = "", **more: Any) -> Route:
    hop = NextHop(ip_address(via) if via else None, link)
    return Route(ip_network(destination), (hop,), **more)


def connected(interface: str, link: str) -> tuple[Route, ...]:
    own = ip_interface(interface)
    return (
        route(str(own.network), None, link, protocol="kernel", scope="link", source=own.ip),
        route(str(own.ip), None, link, table=255, kind="local", protocol="kernel", scope="host"),
    )


def address(link: str, interface: str) -> LinkAddress:
    return LinkAddress(link, ip_interface(interface))


def _router() -> Namespace:
    return Namespace(
        inode=1,
        links=(LO, Link(2, "lan0", "veth", "02:00:00:00:00:01", peer=2, peer_netns=0)),
        addresses=(address("lan0", "10.0.0.1/24"),),
        routes=(*connected("10.0.0.1/24", "lan0"), route("10.90.1.0/24", "10.0.0.2", "lan0")),
        sysctls=FORWARDING,
        netns_ids={0: 2},
    )


def _host() -> Namespace:
    return Namespace(
        inode=2,
        links=(
            LO,
            Link(2, "eth0", "veth", "02:00:00:00:00:02", peer=2, peer_netns=0),
            Link(3, "lxdbr0", "bridge", "02:00:00:00:00:03"),
            Link(
                4,
                "vethweb",
                "veth",
                "02:00:00:00:00:04",
                master=3,
                peer=2,
                peer_netns=1,
                port=BridgePort(),
            ),
        ),
        addresses=(address("eth0", "10.0.0.2/24"), address("lxdbr0", "10.77.0.1/24")),
        routes=(
            *connected("10.0.0.2/24", "eth0"),
            *connected("10.77.0.1/24", "lxdbr0"),
            route("0.0.0.0/0", "10.0.0.1", "eth0"),
            route("10.90.1.0/24", "10.77.0.11", "lxdbr0"),
        ),
        sysctls=FORWARDING,
        rulesets=(Ruleset("iptables-nft", NO_RULES),),
        netns_ids={0: 1, 1: 3},
    )


def _guest() -> Namespace:
    return Namespace(
        inode=3,
        links=(
            LO,
            Link(2, "eth0", "veth", "02:00:00:00:00:05", peer=4, peer_netns=0),
            Link(3, "br-apps", "bridge", "02:00:00:00:00:06"),
            Link(
                4,
                "vethfront",
                "veth",
                "02:00:00:00:00:07",
                master=3,
                peer=2,
                peer_netns=1,
                port=BridgePort(),
            ),
        ),
        addresses=(address("eth0", "10.77.0.11/24"), address("br-apps", "10.90.1.1/24")),
        routes=(
            *connected("10.77.0.11/24", "eth0"),
            *connected("10.90.1.1/24", "br-apps"),
            route("0.0.0.0/0", "10.77.0.1", "eth0"),
        ),
        sysctls=FORWARDING,
        rulesets=(Ruleset("iptables-nft", DOCKER_RULES),),
        netns_ids={0: 2, 1: 4},
    )


def _container() -> Namespace:
    return Namespace(
        inode=4,
        links=(LO, Link(2, "eth0", "veth", "02:00:00:00:00:08", peer=4, peer_netns=0)),
        addresses=(address("eth0", "10.90.1.10/24"),),
        routes=(*connected("10.90.1.10/24", "eth0"), route("0.0.0.0/0", "10.90.1.1", "eth0")),
        listeners=(Listener("tcp", 4, None, 80),),
        netns_ids={0: 3},
    )


def docker_network(name: str = "apps", **more: Any) -> DockerNetwork:
    subnets = more.pop("subnets", (DockerSubnet(SUBNET, ip_address("10.90.1.1")),))
    return DockerNetwork(id=name, name=name, bridge=f"br-{name}", subnets=subnets, **more)


def front(status: str = "running") -> DockerContainer:
    four = ip_address("10.90.1.10")
    attached = Attachment("apps", ipv4=four if status == "running" else None, fixed_ipv4=four)
    return DockerContainer("f", "front", status, 1, "apps", (attached,))


def daemon(version: str = "26.1.5", **network: Any) -> Daemon:
    return Daemon(version, networks=(docker_network(**network),), containers=(front(),))


def instance(**device: str) -> Instance:
    nic = {"type": "nic", "network": "lxdbr0", **device}
    nested = {"security.nesting": "true"}
    return Instance("web", "Running", expanded_config=nested, expanded_devices={"eth0": nic})


def lab(**more: Any) -> Snapshot:
    """The lab as it should be: its container answers."""
    return replace(
        Snapshot(
            host="nuc",
            namespaces={HOST: _host(), ROUTER: _router(), WEB: _guest(), FRONT: _container()},
            runtime=Runtime("lxd", "5.0.2", (instance(),)),
            daemons={WEB: daemon()},
        ),
        **more,
    )


def at(snapshot: Snapshot, place: Place, **more: Any) -> Snapshot:
    """The same lab with one namespace changed."""
    changed = replace(snapshot.namespaces[place], **more)
    return replace(snapshot, namespaces={**snapshot.namespaces, place: changed})


def routes(snapshot: Snapshot, place: Place, *added: Route, without: str | None = None) -> Snapshot:
    """The lab with routes of one place added, and those to a destination taken out."""
    kept = (each for each in snapshot.namespaces[place].routes if str(each.destination) != without)
    return at(snapshot, place, routes=(*kept, *added))


def sysctls(snapshot: Snapshot, place: Place, more: Mapping[str, str]) -> Snapshot:
    return at(snapshot, place, sysctls={**snapshot.namespaces[place].sysctls, **more})


def rules(snapshot: Snapshot, place: Place, text: str, tool: str = "iptables-nft") -> Snapshot:
    return at(snapshot, place, rulesets=(Ruleset(tool, text),))


def wanted(network: ContainerNetwork | None = None, nic: str = "10.77.0.11") -> Inventory:
    """An inventory that declares the lab."""
    declared = network or ContainerNetwork("web", "apps", (SUBNET,))
    there = Guest("web", "nuc", Nic(network="lxdbr0", addresses=(ip_address(nic),)), (declared,))
    return Inventory((Host("nuc", router="edge"),), (WantedRouter("edge"),), (there,))


def judged(snapshot: Snapshot, inventory: Inventory | None = None) -> Case:
    """The lab as the model sees it."""
    declared = inventory or Inventory()
    return Case(declared, snapshot, judge(declared, snapshot))


def cause(place: Place = WEB, kind: str = "rule", **more: Any) -> Cause:
    """A cause made by hand: an iptables rule of the user in the guest, unless told otherwise."""
    told = {
        "direction": "forward",
        "stage": "forward",
        "text": "dropped",
        "source": CLIENT,
        "destination": TARGET,
        **more,
    }
    return Cause(place, kind=kind, **told)


def case(
    *causes: Cause,
    snapshot: Snapshot | None = None,
    inventory: Inventory | None = None,
    passed: tuple[Place, ...] = (ROUTER, HOST),
    outcome: Outcome = Outcome.DROPPED,
    target: Target | None = None,
) -> Case:
    """One judged network whose packets ended for these causes."""
    hops = tuple(Hop(each, "route", "") for each in passed)
    asked = target or Target(TARGET)
    traces = tuple(Trace("lan", asked, outcome, CLIENT, hops, cause=each) for each in causes)
    reachable = None if outcome is Outcome.UNKNOWN else False
    subnets = (SUBNET,)
    judgement = Judgement(NAME, WEB, subnets, "lan", (asked,), traces, reachable)
    return Case(inventory or Inventory(), snapshot or lab(), (judgement,))


def found(one: Case) -> dict[str, Finding]:
    """The findings by code; a code twice is an error of the test."""
    told = findings(one)
    assert len({each.fault for each in told}) == len(told), told
    return {each.fault: each for each in told}


def codes(one: Case) -> list[str]:
    return [each.fault for each in findings(one)]


def only(one: Case) -> Finding:
    (finding,) = findings(one)
    return finding


def check(code: str) -> Callable[[Case], list[Finding]]:
    """The check of one code, asked alone as the workflow asks it."""
    asked = next(each for each in CHECKS if each.code == code)
    return lambda one: list(asked.find(one))


def addresses(*written: str) -> tuple[Address, ...]:
    return tuple(map(ip_address, written))


ALL_CODES = tuple(each.code for each in FAULTS)
