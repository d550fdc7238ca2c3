"""Container networks that only the kernel tells of."""

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest

from homelab.diagnosis.judge import judge
from homelab.model.docker import Daemon
from homelab.model.finding import NetworkName
from homelab.model.inventory import Inventory
from homelab.model.kernel import LinkAddress
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot
from tests.diagnosis.trace_worlds import (
    APP,
    GUEST,
    PLACES,
    WEB,
    lab,
    linked,
    made,
    nic,
    port,
    trace,
    tuned,
    veth,
)

NAME = NetworkName("host", "g", "br-app")


def judged(snapshot: Snapshot) -> dict[NetworkName, tuple[str, ...]]:
    return {each.name: tuple(map(str, each.targets)) for each in judge(Inventory(), snapshot)}


def test_a_bridge_with_members_is_judged_by_echo_and_by_an_open_port() -> None:
    (found,) = judge(Inventory(), lab())

    assert (found.name, found.place, found.reachable) == (NAME, GUEST, True)
    assert found.subnets == (ip_network("10.4.0.0/24"), ip_network("fd04::/64"))
    assert sorted(map(str, found.targets)) == sorted(
        f"{bracketed}{port}"
        for address in ("10.4.0.10", "10.4.0.11", "fd04::10", "fd04::11")
        for bracketed, port in (
            (address, ""),
            (f"[{address}]" if ":" in address else address, ":80/tcp"),
        )
    )


def test_only_one_network_is_judged_where_only_that_is_asked_for() -> None:
    assert judge(Inventory(), lab(), only=()) == ()
    assert len(judge(Inventory(), lab(), only=(NAME,))) == 1


def test_what_a_daemon_tells_of_itself_stands() -> None:
    assert judged(replace(lab(), daemons={GUEST: Daemon("28.5")})) == {}


def test_a_bridge_without_members_is_no_network() -> None:
    snapshot = lab()
    alone = {place: here for place, here in snapshot.namespaces.items() if place not in (APP, WEB)}

    assert judged(replace(snapshot, namespaces=alone)) == {}


def test_what_does_not_hang_together_with_the_host_is_not_judged_from_its_lan() -> None:
    snapshot = lab()
    host = snapshot.namespaces[HOST]
    apart = replace(host, links=tuple(e for e in host.links if e.name != "vguest"))
    guest = snapshot.namespaces[GUEST]
    away = replace(guest, links=tuple(e for e in guest.links if e.name != "eth0"))

    assert (
        judged(replace(snapshot, namespaces={**snapshot.namespaces, HOST: apart, GUEST: away}))
        == {}
    )


def test_a_guest_on_a_macvlan_hangs_together_with_the_host_if_its_parent_is_known() -> None:
    on = {"kind": "macvlan", "peer": 2, "peer_netns": 1, "options": {"mode": "bridge"}}
    guest = linked(PLACES[GUEST], "eth0", **on)
    host = replace(
        PLACES[HOST], links=tuple(each for each in PLACES[HOST].links if each.name != "vguest")
    )

    assert list(judged(lab({HOST: host, GUEST: guest}))) == [NAME]
    nobody_knows = linked(guest, "eth0", peer_netns=99)
    assert judged(lab({HOST: host, GUEST: nobody_knows})) == {}


@pytest.mark.parametrize("foreign", ["192.0.2.7/24", "fe80::7/64"])
def test_an_address_outside_of_the_bridges_subnets_is_no_target(foreign: str) -> None:
    snapshot = lab()
    app = snapshot.namespaces[APP]
    more = replace(app, addresses=(*app.addresses, LinkAddress("eth0", ip_interface(foreign))))

    assert judged(replace(snapshot, namespaces={**snapshot.namespaces, APP: more})) == judged(
        snapshot
    )


def test_a_named_namespace_gives_its_name_to_its_networks() -> None:
    """As in a lab that is made of nothing but namespaces."""
    snapshot = lab()
    renamed = {
        Place("netns:x") if place == GUEST else place: here
        for place, here in snapshot.namespaces.items()
    }

    assert list(judged(replace(snapshot, namespaces=renamed))) == [
        NetworkName("host", "netns:x", "br-app")
    ]


EDGE = Place("netns:x")


def with_gateway() -> Snapshot:
    """The lab, and the namespace that has the gateway's address, at the other end of the uplink."""
    uplink = veth(HOST, 2, "eth0", (EDGE, 2))
    host = linked(PLACES[HOST], "eth0", kind="veth", peer=uplink.peer, peer_netns=uplink.peer_netns)
    edge = made(EDGE, (veth(EDGE, 2, "lan0", (HOST, 2)),), {"lan0": "10.0.0.1/24 fd00::1/64"})
    return lab({HOST: host, EDGE: tuned(edge, **{"net.ipv4.ip_forward": "1"})})


def test_the_place_with_the_gateways_address_is_the_router() -> None:
    found = trace(with_gateway(), "lan", "10.4.0.10")

    assert found.forward[1].at == EDGE
    assert found.cause is not None
    assert (found.cause.at, found.cause.kind) == (EDGE, "route")


def test_a_foreign_lab_with_the_same_addresses_is_not_the_router() -> None:
    snapshot = with_gateway()
    apart = lab({EDGE: snapshot.namespaces[EDGE]})

    assert trace(apart, "lan", "10.4.0.10").forward[1].at == HOST


def test_a_host_that_has_its_own_gateways_address_is_entered_itself() -> None:
    host = PLACES[HOST]
    own = LinkAddress("eth0", ip_interface("10.0.0.1/24"))
    snapshot = lab({HOST: replace(host, addresses=(*host.addresses, own))})

    assert trace(snapshot, "lan", "10.4.0.10").forward[1].at == HOST


def test_a_bridge_with_the_host_on_it_is_a_lan_and_no_container_network() -> None:
    """As on a router that joins its clients and the host by a bridge; here nobody is named a router."""
    snapshot = with_gateway()
    links = (
        nic(EDGE, 3, "br-lan", "bridge"),
        port(EDGE, 2, "lan0", (HOST, 2), 3),
        port(EDGE, 4, "lan1", (WEB, 7), 3),
    )
    edge = made(EDGE, links, {"br-lan": "10.0.0.9/24"})
    client = snapshot.namespaces[WEB]
    joined = replace(
        client,
        links=(*client.links, veth(WEB, 7, "lan", (EDGE, 4))),
        addresses=(*client.addresses, LinkAddress("lan", ip_interface("10.0.0.7/24"))),
    )

    found = judged(lab({HOST: snapshot.namespaces[HOST], EDGE: edge, WEB: joined}))

    assert list(found) == [NAME]


def test_what_is_behind_the_router_is_not_behind_the_host() -> None:
    snapshot = with_gateway()
    edge = snapshot.namespaces[EDGE]
    more = (nic(EDGE, 3, "br-dmz", "bridge"), port(EDGE, 4, "dmz1", (WEB, 7), 3))
    router = replace(
        edge,
        links=(*edge.links, *more),
        addresses=(*edge.addresses, LinkAddress("br-dmz", ip_interface("10.9.0.1/24"))),
    )
    web = snapshot.namespaces[WEB]
    member = replace(
        web,
        links=(*web.links, veth(WEB, 7, "dmz", (EDGE, 4))),
        addresses=(*web.addresses, LinkAddress("dmz", ip_interface("10.9.0.7/24"))),
    )

    found = judged(lab({HOST: snapshot.namespaces[HOST], EDGE: router, WEB: member}))

    assert list(found) == [NAME]
