"""The simulated dockerd writes what real ones of four generations were seen to write."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.model.docker import (
    Attachment,
    Daemon,
    DockerContainer,
    DockerNetwork,
    DockerSubnet,
)
from homelab.model.kernel import MAIN, Link, Namespace
from homelab.model.operation import (
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    Operation,
    RemoveDockerNetwork,
    StartContainer,
)
from homelab.model.place import Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.system.saved_rules import tables
from homelab.system.simulated import simulate
from tests import captured

WEB = guest(captured.GUEST)
PROXYLESS = "docker-20.10/userland-proxy-false"
IPTABLES = [
    each
    for each in captured.DOCKER
    if not captured.daemon(each).firewall.startswith("nft") and captured.name(each) != PROXYLESS
]
NFTABLES = [each for each in captured.DOCKER if captured.daemon(each).firewall.startswith("nft")]


def after(snapshot: Snapshot, *operations: Operation) -> Snapshot:
    for each in operations:
        snapshot = simulate(snapshot, each)
    return snapshot


def capture(name: str) -> Snapshot:
    return captured.snapshot(captured.CAPTURES / name)


def own_networks(daemon: Daemon) -> Iterator[DockerNetwork]:
    return (each for each in daemon.networks if each.driver == "bridge" and each.name != "bridge")


def attached(daemon: Daemon, network: str) -> Iterator[tuple[str, Attachment]]:
    for one in daemon.containers:
        for each in one.attachments:
            if each.network == network:
                yield one.name, each


def rules(namespace: Namespace) -> Counter[str]:
    return Counter(
        f"{ruleset.tool} {table.name} {rule.chain} {rule.spec}"
        for ruleset in namespace.rulesets
        if "tables" in ruleset.tool
        for table in tables(ruleset.text).values()
        for rule in table.rules
    )


def taken_down(snapshot: Snapshot) -> Snapshot:
    daemon = snapshot.daemons[WEB]
    for network in own_networks(daemon):
        for name, each in attached(daemon, network.name):
            snapshot = after(snapshot, DisconnectContainer(WEB, name, each))
        snapshot = after(snapshot, RemoveDockerNetwork(WEB, network))
    return snapshot


def built_again(snapshot: Snapshot, daemon: Daemon) -> Snapshot:
    for network in own_networks(daemon):
        snapshot = after(snapshot, CreateDockerNetwork(WEB, network))
        for name, each in attached(daemon, network.name):
            snapshot = after(snapshot, ConnectContainer(WEB, name, each))
    return snapshot


@pytest.mark.parametrize("folder", IPTABLES, ids=captured.name)
def test_all_networks_taken_down_and_built_again_have_the_rules_they_had(folder: Path) -> None:
    before = captured.snapshot(folder)

    again = built_again(taken_down(before), before.daemons[WEB])

    assert rules(again.namespaces[WEB]) == rules(before.namespaces[WEB])


@pytest.mark.parametrize("folder", IPTABLES, ids=captured.name)
def test_nothing_of_a_network_that_was_taken_down_is_left(folder: Path) -> None:
    before = captured.snapshot(folder)
    bridges = {each.bridge for each in own_networks(before.daemons[WEB])}

    left = taken_down(before).namespaces[WEB]

    assert not bridges & {each.name for each in left.links}
    assert not bridges & {hop.link for each in left.routes for hop in each.hops}
    assert not [each for each in rules(left) for bridge in bridges if f" {bridge} " in f"{each} "]


@pytest.mark.parametrize(
    "name", ["docker-20.10/default-fwd0", "docker-26.1/default-fwd0", "docker-28.5/default-fwd0"]
)
def test_the_rules_stand_in_the_order_in_which_dockerd_puts_them(name: str) -> None:
    before = capture(name)

    again = built_again(taken_down(before), before.daemons[WEB])

    for chain in ("FORWARD", "DOCKER-FORWARD", "DOCKER"):
        assert order(again, chain) == order(before, chain)


def order(snapshot: Snapshot, chain: str) -> list[str]:
    text = next(
        each.text for each in snapshot.namespaces[WEB].rulesets if each.tool == "iptables-nft"
    )
    return [each.spec for each in tables(text)["filter"].of(chain)]


def test_a_container_is_reached_through_its_bridge_again() -> None:
    before = capture("docker-28.5/default-fwd0")
    daemon = before.daemons[WEB]
    name, attachment = next(attached(daemon, "n1"))

    apart = after(before, DisconnectContainer(WEB, name, attachment))
    inside = apart.namespaces[container("web", name)]
    assert [each.name for each in inside.links] == ["lo"]
    assert [each for each in inside.routes if each.table == MAIN] == []

    again = after(apart, ConnectContainer(WEB, name, attachment))
    inside, outside = again.namespaces[container("web", name)], again.namespaces[WEB]
    inner = next(each for each in inside.links if each.name == "eth0")
    outer = next(each for each in outside.links if each.index == inner.peer)
    assert outer.peer == inner.index
    assert outside.netns_ids[outer.peer_netns or 0] == inside.inode
    assert inside.netns_ids[inner.peer_netns or 0] == outside.inode
    assert next(each.name for each in outside.links if each.index == outer.master) == "br-n1"
    assert {str(each.destination) for each in inside.routes if each.table == MAIN} == {
        "0.0.0.0/0",
        "10.90.1.0/24",
    }
    assert again.daemons[WEB] == daemon


def test_a_bridge_without_ports_has_no_carrier() -> None:
    before = capture("docker-28.5/default-fwd0")
    daemon = before.daemons[WEB]
    apart = before
    for name, each in attached(daemon, "n1"):
        apart = after(apart, DisconnectContainer(WEB, name, each))

    assert carrier(before) == (True, False)
    assert carrier(apart) == (False, True)


def carrier(snapshot: Snapshot) -> tuple[bool, bool]:
    here = snapshot.namespaces[WEB]
    link = next(each for each in here.links if each.name == "br-n1")
    route = next(
        each
        for each in here.routes
        if each.link == "br-n1" and str(each.destination) == "10.90.1.0/24"
    )
    return link.carrier, route.hops[0].linkdown


@pytest.mark.parametrize("folder", NFTABLES, ids=captured.name)
def test_what_the_nftables_backend_would_write_is_said_to_be_unknown(folder: Path) -> None:
    made = after(captured.snapshot(folder), CreateDockerNetwork(WEB, network("new")))

    assert "not simulated" in made.namespaces[WEB].unread["nft-json"]


def network(name: str, subnet: str = "10.99.0.0/24", **more: object) -> DockerNetwork:
    made = DockerNetwork("", name, subnets=(DockerSubnet(ip_network(subnet)),))
    return replace(made, **more)  # type: ignore[arg-type] # the fields of the dataclass


BEFORE = capture("docker-28.5/default-fwd0")
N1 = next(each for each in BEFORE.daemons[WEB].networks if each.name == "n1")
NAME, ATTACHED = next(attached(BEFORE.daemons[WEB], "n1"))
NEW = Attachment("new")

REFUSED: dict[str, tuple[tuple[Operation, ...], Operation, str]] = {
    "a name that is taken": (
        (),
        CreateDockerNetwork(WEB, network("n1", "10.99.0.0/24")),
        "network with name n1 already exists",
    ),
    "a name that is none": ((), CreateDockerNetwork(WEB, network("../x")), "is no name"),
    "a subnet that is taken": (
        (),
        CreateDockerNetwork(WEB, network("new", "10.90.0.0/16")),
        "10.90.0.0/16 overlaps network n1 with 10.90.1.0/24",
    ),
    "removing a network that is not there": (
        (),
        RemoveDockerNetwork(WEB, network("new")),
        "there is no docker network new",
    ),
    "removing a network with containers": (
        (),
        RemoveDockerNetwork(WEB, N1),
        "has containers attached (n1c1, n1c2)",
    ),
    "removing another network of that name": (
        (),
        RemoveDockerNetwork(WEB, replace(N1, id="0" * 64)),
        "is another one now",
    ),
    "connecting what is connected": (
        (),
        ConnectContainer(WEB, NAME, ATTACHED),
        "is on docker network n1 already",
    ),
    "connecting to a network that is not there": (
        (),
        ConnectContainer(WEB, NAME, NEW),
        "there is no docker network new",
    ),
    "connecting a container that is not there": (
        (),
        ConnectContainer(WEB, "nobody", ATTACHED),
        "there is no container nobody",
    ),
    "disconnecting what is not connected": (
        (CreateDockerNetwork(WEB, network("new")),),
        DisconnectContainer(WEB, NAME, NEW),
        "is not on docker network new",
    ),
    "an address that is taken": (
        (CreateDockerNetwork(WEB, network("new")),),
        ConnectContainer(WEB, NAME, Attachment("new", fixed_ipv4=ip_address("10.99.0.1"))),
        "10.99.0.1 is not free in 10.99.0.0/24",
    ),
    "an address outside": (
        (CreateDockerNetwork(WEB, network("new")),),
        ConnectContainer(WEB, NAME, Attachment("new", fixed_ipv4=ip_address("10.98.0.9"))),
        "10.98.0.9 is not free in 10.99.0.0/24",
    ),
    "an address of the other version": (
        (CreateDockerNetwork(WEB, network("new")),),
        ConnectContainer(WEB, NAME, Attachment("new", fixed_ipv6=ip_address("fd99::9"))),
        "fd99::9 is in no subnet of it",
    ),
    "a full network": (
        (
            CreateDockerNetwork(WEB, network("new", "10.99.0.0/30")),
            ConnectContainer(WEB, "n1c2", NEW),
        ),
        ConnectContainer(WEB, "n1c1", NEW),
        "no address is free in 10.99.0.0/30",
    ),
    "a place without a daemon": (
        (),
        StartContainer(guest("db"), "c1"),
        "docker: there is no Docker daemon",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_daemon_refuses_is_refused(case: str) -> None:
    first, refused, said = REFUSED[case]

    with pytest.raises(OperationError) as error:
        after(BEFORE, *first, refused)

    assert said in str(error.value)


def test_a_second_network_gets_the_next_free_address_and_no_second_default_route() -> None:
    made = after(BEFORE, CreateDockerNetwork(WEB, network("new")), ConnectContainer(WEB, NAME, NEW))

    inside = made.namespaces[container("web", NAME)]
    assert [each.name for each in inside.links] == ["lo", "eth0", "eth1"]
    assert "10.99.0.2/24" in {str(each.interface) for each in inside.addresses}
    assert sum(each.destination.prefixlen == 0 for each in inside.routes) == 1


def test_the_default_route_moves_to_the_network_that_is_left() -> None:
    made = after(
        BEFORE,
        CreateDockerNetwork(WEB, network("new")),
        ConnectContainer(WEB, NAME, NEW),
        DisconnectContainer(WEB, NAME, ATTACHED),
    )

    inside = made.namespaces[container("web", NAME)]
    assert [str(each.via) for each in inside.routes if each.destination.prefixlen == 0] == [
        "10.99.0.1"
    ]


def test_an_ipv6_network_has_both_families() -> None:
    both = replace(
        network("new"),
        ipv6=True,
        subnets=(
            DockerSubnet(ip_network("10.99.0.0/24")),
            DockerSubnet(ip_network("fd99::/64"), ip_address("fd99::1")),
        ),
    )
    made = after(BEFORE, CreateDockerNetwork(WEB, both), ConnectContainer(WEB, NAME, NEW))

    inside = made.namespaces[container("web", NAME)]
    addresses = {str(each.interface) for each in inside.addresses}
    assert {"10.99.0.2/24", "fd99::2/64"} <= addresses
    assert "::/0" in {str(each.destination) for each in inside.routes}


def test_an_internal_or_isolated_network_leads_nowhere() -> None:
    mode = {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}
    made = after(BEFORE, CreateDockerNetwork(WEB, network("new", internal=True, options=mode)))

    here = made.namespaces[WEB]
    bridge = next(each for each in made.daemons[WEB].networks if each.name == "new").bridge
    assert bridge.startswith("br-")
    assert bridge in {each.name for each in here.links}
    assert bridge not in {each.link for each in here.addresses}


def test_a_network_of_another_driver_has_no_bridge() -> None:
    made = after(BEFORE, CreateDockerNetwork(WEB, network("new", driver="macvlan")))

    assert made.namespaces == BEFORE.namespaces
    assert "new" in {each.name for each in made.daemons[WEB].networks}


def stopped(snapshot: Snapshot) -> Snapshot:
    daemon = snapshot.daemons[WEB]
    one = next(each for each in daemon.containers if each.name == NAME)
    apart = after(snapshot, DisconnectContainer(WEB, NAME, ATTACHED))
    still = replace(one, status="exited", attachments=(replace(ATTACHED, ipv4=None, mac=None),))
    others = tuple(each for each in daemon.containers if each is not one)
    namespaces = {
        place: each for place, each in apart.namespaces.items() if place != container("web", NAME)
    }
    return replace(
        apart, daemons={WEB: replace(daemon, containers=(*others, still))}, namespaces=namespaces
    )


def test_a_container_that_is_started_is_plugged_in_and_says_nothing_of_its_sockets() -> None:
    started = after(stopped(BEFORE), StartContainer(WEB, NAME))

    inside = started.namespaces[container("web", NAME)]
    assert "sockets" in inside.unread
    assert str(ATTACHED.ipv4) in {str(each.interface.ip) for each in inside.addresses}
    assert rules(started.namespaces[WEB]) == rules(BEFORE.namespaces[WEB])
    assert after(started, StartContainer(WEB, NAME)) == started


def test_a_container_of_the_hosts_network_has_no_namespace_of_its_own() -> None:
    daemon = BEFORE.daemons[WEB]
    one = DockerContainer("f" * 64, "bare", "exited", network_mode="host")
    before = replace(BEFORE, daemons={WEB: replace(daemon, containers=(one,))})

    started = after(before, StartContainer(WEB, "bare"))

    assert started.daemons[WEB].containers[0].is_running
    assert started.namespaces == before.namespaces


def test_a_stopped_container_keeps_the_address_it_asked_for() -> None:
    before = stopped(BEFORE)
    apart = after(before, DisconnectContainer(WEB, NAME, ATTACHED))
    again = after(apart, ConnectContainer(WEB, NAME, ATTACHED))

    one = next(each for each in again.daemons[WEB].containers if each.name == NAME)
    assert one.attachments == (replace(ATTACHED, ipv4=None, fixed_ipv4=ATTACHED.ipv4),)


def test_a_container_that_was_not_observed_is_only_known_to_its_daemon() -> None:
    hidden = replace(
        BEFORE, namespaces={WEB: BEFORE.namespaces[WEB]}, unread={container("web", NAME): "gone"}
    )
    apart = after(hidden, DisconnectContainer(WEB, NAME, ATTACHED))
    again = after(apart, ConnectContainer(WEB, NAME, ATTACHED))

    assert again.namespaces[WEB].links == BEFORE.namespaces[WEB].links
    assert again.daemons == BEFORE.daemons


def test_a_place_that_is_not_there_is_named_with_the_reason() -> None:
    lost = replace(BEFORE, namespaces={}, unread={WEB: "stopped", f"{WEB}/docker": "down"})
    with pytest.raises(OperationError, match="guest:web: stopped"):
        after(lost, CreateDockerNetwork(WEB, network("new")))
    with pytest.raises(OperationError, match="guest:web: docker: down"):
        after(replace(lost, daemons={}), CreateDockerNetwork(WEB, network("new")))


def test_a_link_keeps_its_sysctls_from_default() -> None:
    here = replace(
        BEFORE.namespaces[WEB], sysctls={"net.ipv4.conf.default.rp_filter": "2", "net.ipv4.x": "1"}
    )
    before = replace(BEFORE, namespaces={**BEFORE.namespaces, WEB: here})
    wanted = network("new", options={"com.docker.network.bridge.name": "br-x.1"})

    made = after(before, CreateDockerNetwork(WEB, wanted))
    assert made.namespaces[WEB].sysctls["net.ipv4.conf.br-x.1.rp_filter"] == "2"

    gone = after(made, RemoveDockerNetwork(WEB, wanted))
    assert gone.namespaces[WEB].sysctls == here.sysctls
    assert Link(99, "none") not in gone.namespaces[WEB].links


def test_the_daemon_of_the_host_has_containers_too() -> None:
    host = Place("host")
    snapshot = Snapshot(
        namespaces={host: Namespace(), container("host", "one"): Namespace(inode=7)},
        daemons={host: Daemon("28.5.2", containers=(DockerContainer("a" * 64, "one", "running"),))},
    )
    made = after(
        snapshot,
        CreateDockerNetwork(host, network("new")),
        ConnectContainer(host, "one", NEW),
    )

    assert "eth0" in {each.name for each in made.namespaces[container("host", "one")].links}
