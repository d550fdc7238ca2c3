"""Names in a lab of several hosts: there and back, and no two things under one name."""

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.model import operation as op
from homelab.model.docker import Daemon
from homelab.model.inventory import Connection, Guest, Host, Inventory
from homelab.model.kernel import LinkAddress, Namespace, NextHop, Route
from homelab.model.lxc import Instance, InstanceNetwork, Runtime
from homelab.model.place import HOST, ROUTER, Place, container, guest, netns
from homelab.model.several import Names, merged, names_in, names_of, seen_from
from homelab.model.snapshot import Snapshot
from homelab.model.view import view

SSH = Connection("ssh", "root@10.0.0.3")
DECLARED = Inventory(
    hosts=(Host("nas", SSH), Host("nuc"), Host("old", Connection("none"))),
    guests=(Guest("web", "nuc"), Guest("db", "nas")),
)
NUC, NAS = names_of(DECLARED)
EACH = [
    (NUC, HOST, "host"),
    (NAS, HOST, "host@nas"),
    (NUC, guest("web"), "guest:web"),
    (NAS, guest("db"), "guest:db"),
    (NUC, guest("db"), "guest:db@nuc"),
    (NAS, guest("web"), "guest:web@nas"),
    (NAS, guest("x"), "guest:x@nas"),
    (NUC, guest("x"), "guest:x"),
    (NAS, container("db", "pg"), "container:db/pg"),
    (NAS, container("web", "a"), "container:web@nas/a"),
    (NAS, container("host", "a"), "container:host@nas/a"),
    (NUC, container("host", "a"), "container:host/a"),
    (NAS, netns("lab"), "netns:lab@nas"),
]


@pytest.mark.parametrize(("names", "own", "lab"), EACH)
def test_each_host_finds_its_own_places_again_and_no_other(
    names: Names, own: Place, lab: str
) -> None:
    other = NAS if names is NUC else NUC

    assert names.place(own) == lab
    assert names.own_place(Place(lab)) == own
    assert other.own_place(Place(lab)) is None


def test_the_local_host_is_the_first_and_a_router_is_nobodys() -> None:
    assert (NUC.host, NAS.host) == ("nuc", "nas")
    assert [each.own_place(ROUTER) for each in (NUC, NAS)] == [None, None]
    assert seen_from(DECLARED, "nas").primary == Host("nas")


def test_an_operation_on_an_instance_names_it_as_its_host_does() -> None:
    restart = op.RestartInstance(HOST, "web")
    lab = NAS.operation(restart)

    assert lab == op.RestartInstance(Place("host@nas"), "web@nas")
    assert NAS.own_operation(lab) == restart


def runtime(name: str, *instances: str) -> Runtime:
    every = tuple(Instance(each, "Running") for each in instances)
    return Runtime(name, "1", every, (InstanceNetwork(f"{name}br0"),))


def seen(host: str, address: str, *guests: str) -> Snapshot:
    link = LinkAddress("eth0", ip_interface(address))
    places = {HOST: Namespace(addresses=(link,), inode=7, netns_ids={0: 8})}
    return Snapshot(
        host=host,
        namespaces=places | {guest(each): Namespace(inode=8) for each in guests},
        aliases={netns("a"): HOST},
        runtime=runtime(host, *guests),
        daemons={guest(each): Daemon("28.0.0") for each in guests},
        unread={"container:web/a/x": "why", "host/docker": "down"},
        kept_sysctls={"net.ipv4.ip_forward": ("1", "0")},
        lacks=("8021q",) if host == "nas" else (),
    )


ON_NUC, ON_NAS = (
    seen("nuc", "10.0.0.2/24", "web", "x"),
    seen("nas", "10.0.0.3/24", "db", "web", "x"),
)
LAB = merged([(NUC, ON_NUC), (NAS, ON_NAS)], {"nas": ROUTER})


def test_nothing_of_two_hosts_is_lost_in_one_lab() -> None:
    assert sorted(LAB.namespaces) == [
        *("guest:db", "guest:web", "guest:web@nas", "guest:x", "guest:x@nas"),
        *("host", "host@nas"),
    ]
    assert LAB.runtime is not None
    assert len(LAB.runtime.instances) == 5
    assert LAB.unread["container:web@nas/a/x"] == "why"
    assert LAB.unread["host@nas/docker"] == "down"
    assert set(LAB.kept_sysctls) == {"net.ipv4.ip_forward", "net.ipv4.ip_forward@nas"}
    inodes = {each.inode for each in LAB.namespaces.values()}
    assert len(inodes) == 4


def test_each_host_is_found_in_it_as_it_was() -> None:
    first, second = names_in(LAB)

    assert view(LAB, first) == ON_NUC
    theirs = view(LAB, second)
    assert theirs.namespaces.keys() == ON_NAS.namespaces.keys()
    assert (theirs.runtime, theirs.daemons) == (ON_NAS.runtime, ON_NAS.daemons)
    assert (theirs.unread, theirs.aliases) == (ON_NAS.unread, ON_NAS.aliases)
    assert (theirs.kept_sysctls, theirs.lacks) == (ON_NAS.kept_sysctls, ("8021q",))


def test_a_host_without_lxd_has_none_though_another_has() -> None:
    bare = Snapshot(host="nuc", unread={"host/lxd": "there is none"})
    lab = merged([(NUC, bare), (NAS, ON_NAS)], {})
    first, second = (view(lab, each) for each in names_in(lab))

    assert first.runtime is None
    assert second.runtime == ON_NAS.runtime


def way(subnet: str, via: str, protocol: str = "201") -> Route:
    return Route(ip_network(subnet), (NextHop(ip_address(via), "eth0"),), protocol=protocol)


def test_of_our_routes_on_the_router_each_host_has_those_that_lead_to_it() -> None:
    routes = (
        way("10.1.0.0/24", "10.0.0.2"),
        way("10.2.0.0/24", "10.0.0.3"),
        way("10.3.0.0/24", "10.0.0.9"),
        way("10.4.0.0/24", "10.0.0.3", "static"),
    )
    with_router = {**ON_NUC.namespaces, ROUTER: Namespace(routes=routes)}
    nuc = Snapshot(host="nuc", namespaces=with_router)
    lab = merged([(NUC, nuc), (NAS, ON_NAS)], {"nas": ROUTER})

    first, second = (view(lab, each).namespaces[ROUTER].routes for each in names_in(lab))
    assert [str(each.destination)[3] for each in first] == ["1", "3", "4"]
    assert [str(each.destination)[3] for each in second] == ["2", "4"]
