"""Which subnets cannot live together, said with position, severity and way out."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.model.docker import LABEL, Daemon, DockerNetwork, DockerSubnet
from homelab.model.inventory import ContainerNetwork, Guest, Inventory, Nic, Pool, Vlan, Where
from homelab.model.kernel import Link, LinkAddress, Namespace, NextHop, Route
from homelab.model.lxc import InstanceNetwork, Runtime
from homelab.model.place import HOST, ROUTER, guest
from homelab.model.snapshot import Snapshot
from homelab.planning.overlaps import Problem, problems

NOTHING = Snapshot()
HERE = Where("i.yaml", 5, 3)
ADDRESS = ip_address("10.77.0.11")


def network(name: str, subnet: str, line: int = 5) -> ContainerNetwork:
    inside, _, short = name.partition("/")
    return ContainerNetwork(inside, short, (ip_network(subnet),), where=Where("i.yaml", line, 3))


def inventory(*networks: ContainerNetwork, nic: str | None = "lxdbr0") -> Inventory:
    guests = (
        Guest(
            name,
            "nuc",
            Nic(network=nic, addresses=(ADDRESS,) if name == "web" else (), where=HERE),
            tuple(each for each in networks if each.guest == name),
        )
        for name in dict.fromkeys(each.guest for each in networks)
    )
    return Inventory(guests=tuple(guests))


def said(wanted: Inventory, shown: Snapshot = NOTHING) -> list[str]:
    return [str(each) for each in problems(wanted, shown)]


WEB = inventory(network("web/a", "10.90.1.0/24"))


def test_apart_is_fine() -> None:
    assert said(inventory(network("web/a", "10.90.1.0/24"), network("db/a", "10.90.2.0/24"))) == []


def test_declared_subnets_that_overlap() -> None:
    wanted = replace(
        inventory(network("web/a", "10.90.1.0/24"), network("db/a", "10.90.0.0/16", 9)),
        vlans=(Vlan("v", 5, (ip_network("10.90.1.0/26"),), Where("i.yaml", 2, 3)),),
    )

    assert said(wanted) == [
        (
            "i.yaml:5:3: error: network web/a 10.90.1.0/24 overlaps vlan v 10.90.1.0/26 (i.yaml:2:3); "
            "change one of them"
        ),
        (
            "i.yaml:9:3: error: network db/a 10.90.0.0/16 overlaps network web/a 10.90.1.0/24 (i.yaml:5:3); "
            "change one of them"
        ),
    ]


def test_a_network_over_the_address_of_a_guest() -> None:
    assert said(inventory(network("web/a", "10.77.0.0/24"))) == [
        (
            "i.yaml:5:3: error: guest web 10.77.0.11 overlaps network web/a 10.77.0.0/24 (i.yaml:5:3); "
            "change one of them"
        )
    ]


def pool(name: str, subnet: str, line: int = 1) -> Pool:
    return Pool(name, ip_network(subnet), 24, Where("i.yaml", line, 3))


def test_pools_that_overlap_are_a_warning() -> None:
    wanted = Inventory(pools=(pool("a", "10.90.0.0/16"), pool("b", "10.90.8.0/22", 2)))

    assert said(wanted) == [
        (
            "i.yaml:2:3: warning: pool b 10.90.8.0/22 overlaps pool a 10.90.0.0/16 (i.yaml:1:3): "
            "what one hands out the other lacks; make them apart"
        )
    ]


@pytest.mark.parametrize(
    ("subnet", "docker"),
    [
        ("172.17.3.0/24", "172.17.0.0/16"),
        ("172.31.0.0/24", "172.28.0.0/14"),
        ("192.168.7.0/24", "192.168.0.0/16"),
        ("172.16.0.0/12", "172.17.0.0/16"),
    ],
)
def test_a_subnet_of_dockers_own_pools_is_a_warning(subnet: str, docker: str) -> None:
    reason = (
        f"lies in {docker}, one of Docker's default address pools: the daemon of any guest may hand it out "
        "and then no longer reach this one; choose a subnet outside 172.16.0.0/12 and 192.168.0.0/16, "
        "such as 10.90.0.0/16"
    )

    assert said(inventory(network("web/a", subnet))) == [
        f"i.yaml:5:3: warning: network web/a {subnet} {reason}"
    ]
    inside = replace(inventory(network("web/a", subnet)), pools=(pool("p", subnet),))
    assert said(inside) == [f"i.yaml:1:3: warning: pool p {subnet} {reason}"]


def test_public_addresses_are_a_warning() -> None:
    assert said(inventory(network("web/a", "8.8.8.0/24"), network("web/b", "2a00:1::/64"))) == [
        (
            "i.yaml:5:3: warning: network web/a 8.8.8.0/24 is public address space: whoever owns it cannot be "
            "reached from the lab any more; choose a private subnet (RFC 1918), such as 10.90.1.0/24"
        )
    ]


def docker(place: str, name: str, subnet: str, label: str | None = None) -> Snapshot:
    labels = {} if label is None else {LABEL: label}
    one = DockerNetwork(name, name, subnets=(DockerSubnet(ip_network(subnet)),), labels=labels)
    return Snapshot(daemons={guest(place): Daemon("28.5", networks=(one,))})


def test_a_docker_network_of_another_guest() -> None:
    assert said(WEB, docker("db", "x", "10.90.1.128/25")) == [
        (
            "i.yaml:5:3: error: network web/a 10.90.1.0/24 overlaps 10.90.1.128/25 of guest:db: Docker network x; "
            "give the network another subnet, or remove the other"
        )
    ]


def test_the_network_itself_and_what_is_ours_is_no_overlap() -> None:
    assert said(WEB, docker("web", "a", "10.90.1.0/24")) == []
    assert said(WEB, docker("db", "gone", "10.90.1.0/24", "db/gone")) == []


def test_a_label_of_another_guest_is_not_ours() -> None:
    """As in a guest that was copied from another one."""
    assert len(said(WEB, docker("db", "a", "10.90.1.0/24", "web/a"))) == 1


def route(destination: str, via: str | None, protocol: str = "static") -> Route:
    hop = NextHop(ip_address(via) if via else None, "lxdbr0")
    return Route(ip_network(destination), (hop,), protocol=protocol)


def host(*routes: Route, address: str | None = None) -> Snapshot:
    addresses = (LinkAddress("eth0", ip_interface(address)),) if address else ()
    return Snapshot(
        namespaces={HOST: Namespace(links=(Link(2, "eth0"),), addresses=addresses, routes=routes)}
    )


@pytest.mark.parametrize(
    "fine",
    [
        route("10.90.1.0/24", "10.77.0.11"),
        route("10.90.1.0/24", "10.77.0.99", "201"),
        route("10.90.2.0/24", "10.77.0.99"),
        route("0.0.0.0/0", "10.0.0.1"),
        route("0.0.0.0/1", "10.0.0.1"),
    ],
)
def test_routes_that_do_no_harm(fine: Route) -> None:
    assert said(WEB, host(fine)) == []


@pytest.mark.parametrize("subnet", ["10.90.1.0/24", "10.90.0.0/16"])
def test_a_route_of_the_router_through_the_host_leads_to_the_network(subnet: str) -> None:
    shown = host(address="10.0.0.2/24")
    router = Namespace(routes=(route(subnet, "10.0.0.2"),))

    assert said(WEB, replace(shown, namespaces={**shown.namespaces, ROUTER: router})) == []


def test_routes_that_lead_elsewhere() -> None:
    found = said(WEB, host(route("10.90.1.0/24", "10.77.0.99"), route("10.90.1.0/24", None)))

    assert found == [
        (
            "i.yaml:5:3: error: network web/a 10.90.1.0/24 overlaps 10.90.1.0/24 of host: route via 10.77.0.99 "
            "(and 1 more); give the network another subnet, or remove the other"
        )
    ]


def test_a_wider_route_is_a_warning() -> None:
    assert said(WEB, host(route("10.0.0.0/8", "10.77.0.99"))) == [
        (
            "i.yaml:5:3: warning: network web/a 10.90.1.0/24 is part of 10.0.0.0/8, to which host: route via "
            "10.77.0.99 leads: it hides the addresses there; choose a subnet that nobody uses, if somebody uses it"
        )
    ]


def test_a_wider_link_is_an_error() -> None:
    assert said(WEB, host(address="10.0.0.2/8")) == [
        (
            "i.yaml:5:3: error: network web/a 10.90.1.0/24 overlaps 10.0.0.0/8 of host: link eth0; "
            "give the network another subnet, or remove the other"
        )
    ]


def test_what_is_itself_does_not_hide_what_is_around_it() -> None:
    both = host(route("10.90.1.0/24", "10.77.0.11"), address="10.90.0.2/16")

    assert len(said(WEB, both)) == 1


def lxd(address: str) -> Snapshot:
    there = InstanceNetwork("lxdbr0", config={"ipv4.address": address, "ipv6.address": "auto"})
    return Snapshot(runtime=Runtime("lxd", "5.0", networks=(there,)))


def test_a_network_of_lxd() -> None:
    assert said(WEB, lxd("10.0.0.1/8")) == [
        (
            "i.yaml:5:3: error: network web/a 10.90.1.0/24 overlaps 10.0.0.0/8 of lxd network lxdbr0; "
            "give the network another subnet, or remove the other"
        )
    ]


def test_a_guest_with_an_address_that_its_network_does_not_have() -> None:
    assert said(WEB, lxd("10.78.0.1/24")) == [
        (
            "i.yaml:5:3: error: guest web: 10.77.0.11 is not in 10.78.0.0/24, the subnet of lxdbr0; "
            "write an address of it"
        )
    ]
    assert said(WEB, lxd("10.77.0.1/24")) == []
    assert said(inventory(*WEB.networks, nic=None), lxd("10.78.0.1/24")) == []


def test_problems_print_with_severity_and_position() -> None:
    assert str(Problem(HERE, "error", "x")) == "i.yaml:5:3: error: x"
