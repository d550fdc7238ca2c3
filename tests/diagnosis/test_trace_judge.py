"""Which networks are judged, from where, and by which packets."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.diagnosis.judge import judge
from homelab.model.docker import Attachment, Daemon, DockerContainer, DockerNetwork, DockerSubnet
from homelab.model.finding import Judgement
from homelab.model.inventory import Allow, ContainerNetwork, Guest, Host, Ingress, Inventory, Port
from homelab.model.kernel import Listener
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, ROUTER, Place, container, guest
from homelab.model.snapshot import Snapshot
from tests.diagnosis.trace_lab import APP, WEB, Lab, lab, target

SUBNET, SIX = ip_network("10.90.1.0/24"), ip_network("fd90::/64")
APPS = DockerNetwork(
    "1", "apps", bridge="br-app", subnets=(DockerSubnet(SUBNET), DockerSubnet(SIX))
)
BRIDGE = DockerNetwork("0", "bridge", bridge="docker0")
ON_BOTH = Attachment("apps", ip_address("10.90.1.10"), ip_address("fd90::10"))
NOTHING = Inventory()


def runs(name: str, *attached: Attachment, status: str = "running") -> DockerContainer:
    return DockerContainer(name, name, status, attachments=attached)


def docker(*containers: DockerContainer, networks: Iterable[DockerNetwork] = (APPS,)) -> Daemon:
    return Daemon("28.5", networks=tuple(networks), containers=containers)


def seen(daemon: Daemon, made: Lab | None = None, **more: object) -> Snapshot:
    return replace((made or lab()).snapshot(), daemons={WEB: daemon}, **more)  # type: ignore[arg-type] # fields by name


def only(judged: tuple[Judgement, ...]) -> Judgement:
    (one,) = judged
    return one


def wanted(ingress: Ingress = Ingress.OPEN, *allow: Allow, guest_name: str = "web") -> Inventory:
    network = ContainerNetwork(guest_name, "apps", (SUBNET,), ingress=ingress, allow=allow)
    return Inventory(hosts=(Host("nuc"),), guests=(Guest(guest_name, "nuc", networks=(network,)),))


def test_a_network_is_judged_by_echo_and_by_one_port_of_each_container() -> None:
    one = only(judge(NOTHING, seen(docker(runs("app", ON_BOTH)))))

    assert (one.name, one.place, one.origin, one.declared) == (
        ("host", "web", "apps"),
        WEB,
        "lan",
        False,
    )
    assert one.targets == (
        target("10.90.1.10"),
        target("10.90.1.10", 80),
        target("fd90::10"),
        target("fd90::10", 80),
    )
    assert (one.reachable, one.subnets) == (True, (SUBNET, SIX))


def test_the_port_is_the_lowest_one_that_is_open_to_others() -> None:
    made = lab()
    made.change(
        APP,
        listeners=(
            Listener("tcp", 4, ip_address("127.0.0.1"), 22),
            Listener("udp", 4, None, 53),
            Listener("tcp", 4, ip_address("10.90.1.10"), 8080),
            Listener("tcp", 4, None, 9090),
        ),
    )
    one = only(judge(NOTHING, seen(docker(runs("app", ON_BOTH)), made)))

    assert one.targets == (target("10.90.1.10"), target("10.90.1.10", 8080), target("fd90::10"))


def test_a_family_that_the_lan_does_not_speak_is_not_judged() -> None:
    made = lab()
    for place in (HOST, ROUTER):
        four = (a for a in made.spaces[place].addresses if a.interface.version == 4)
        made.change(place, addresses=tuple(four))
    one = only(judge(NOTHING, seen(docker(runs("app", ON_BOTH)), made)))

    assert {each.address.version for each in one.targets} == {4}


def test_dockers_own_bridge_is_judged_only_when_it_is_used() -> None:
    daemon = docker(
        runs("app", ON_BOTH), networks=(APPS, BRIDGE, replace(APPS, name="over", driver="overlay"))
    )
    assert [each.name.network for each in judge(NOTHING, seen(daemon))] == ["apps"]
    used = docker(runs("x", Attachment("bridge", ip_address("172.17.0.2"))), networks=(BRIDGE,))
    assert only(judge(NOTHING, seen(used))).name.network == "bridge"


def test_a_network_without_containers_is_neither() -> None:
    one = only(judge(NOTHING, seen(docker())))

    assert (one.reachable, one.targets) == (None, ())


def test_containers_of_other_networks_do_not_count() -> None:
    other = runs("web", Attachment("other", ip_address("10.91.0.2")))
    one = only(judge(NOTHING, seen(docker(runs("app", ON_BOTH), other))))

    assert {each.address for each in one.targets} == {ON_BOTH.ipv4, ON_BOTH.ipv6}


def test_a_list_of_sources_of_a_family_without_targets() -> None:
    allow = Allow((ip_network("2001:db8::/64"),))
    four = runs("app", Attachment("apps", ip_address("10.90.1.10")))
    one = only(judge(wanted(Ingress.LIST, allow), seen(docker(four))))

    assert (one.targets, one.reachable) == ((), None)


def test_a_stopped_container_is_a_target_at_its_fixed_address() -> None:
    fixed = Attachment("apps", fixed_ipv4=ip_address("10.90.1.77"))
    one = only(judge(NOTHING, seen(docker(runs("app", fixed, status="exited")))))

    assert (one.targets, one.reachable) == ((target("10.90.1.77"),), False)
    gone = runs("app", Attachment("apps"), status="exited")
    assert only(judge(NOTHING, seen(docker(gone)))).targets == ()


def test_what_is_unknown_is_not_reachable_and_not_unreachable() -> None:
    made = lab()
    made.change(WEB, unread={"routes": "no permission"})

    assert only(judge(NOTHING, seen(docker(runs("app", ON_BOTH)), made))).reachable is None


def test_a_daemon_of_the_host() -> None:
    made = lab()
    place = container(HOST, "own")
    made.place(place)
    made.wire((HOST, "vown"), (place, "eth0"))
    made.bridge(HOST, "docker0", "vown")
    made.address(HOST, "docker0", "172.17.0.1/16")
    made.address(place, "eth0", "172.17.0.2/16")
    made.route(place, "0.0.0.0/0", "172.17.0.1")
    made.route(ROUTER, "172.17.0.0/16", "192.168.1.5")
    made.listen(place, 443)
    daemon = docker(runs("own", Attachment("bridge", ip_address("172.17.0.2"))), networks=(BRIDGE,))
    one = only(
        judge(NOTHING, replace(made.snapshot(), daemons={HOST: daemon, WEB: docker(networks=())}))
    )

    assert (one.name.guest, one.reachable) == ("host", True)
    assert one.targets == (target("172.17.0.2"), target("172.17.0.2", 443))


def test_what_is_declared_is_judged() -> None:
    one = only(judge(wanted(), seen(docker(runs("app", ON_BOTH)))))
    assert (one.declared, one.reachable, one.subnets) == (True, True, (SUBNET,))
    closed = only(judge(wanted(Ingress.NONE), seen(docker(runs("app", ON_BOTH)))))
    assert closed.declared is False


def test_what_is_declared_and_missing_is_unreachable() -> None:
    assert only(judge(wanted(), seen(docker(networks=())))).reachable is False
    assert only(judge(wanted(guest_name="db"), seen(docker()))).reachable is None
    stopped = Runtime("lxd", "5", (Instance("web", "Stopped"),))
    assert only(judge(wanted(), seen(docker(), runtime=stopped))).reachable is False
    running = Runtime("lxd", "5", (Instance("web", "Running"),))
    assert only(judge(wanted(), seen(docker(), runtime=running))).reachable is None


PORTS = (Port("tcp", 80, 90), Port("tcp", 443, 443))
LAN_NET, GUESTS = ip_network("192.168.1.0/24"), ip_network("10.77.0.0/24")


@pytest.mark.parametrize(
    ("allow", "origin", "targets"),
    [
        ((Allow((LAN_NET,), PORTS),), "lan", (target("10.90.1.10", 80),)),
        ((Allow((), PORTS, lan=True),), "lan", (target("10.90.1.10", 80),)),
        (
            (Allow((GUESTS,), PORTS), Allow((LAN_NET,))),
            "lan",
            (target("10.90.1.10"), target("10.90.1.10", 80)),
        ),
        ((Allow((GUESTS,), PORTS),), "packet:lxdbr0:10.77.0.254", (target("10.90.1.10", 80),)),
        (
            (Allow((ip_network("fd77::/120"), ip_network("203.0.113.5/32")), PORTS),),
            "packet:lxdbr0:fd77::ff",
            (target("fd90::10", 80),),
        ),
        (
            (Allow((ip_network("203.0.113.5/32"),)),),
            "packet:eth0:203.0.113.5",
            (target("10.90.1.10"), target("10.90.1.10", 80)),
        ),
        ((Allow(()),), "lan", ()),
        ((), "lan", ()),
    ],
)
def test_a_list_is_judged_from_a_source_that_it_lets_in(
    allow: tuple[Allow, ...], origin: str, targets: tuple[object, ...]
) -> None:
    one = only(judge(wanted(Ingress.LIST, *allow), seen(docker(runs("app", ON_BOTH)))))

    assert (one.origin, one.targets) == (origin, targets)
    assert one.reachable is (True if targets else None)


def test_the_uplink_is_the_inventorys() -> None:
    inventory = replace(wanted(), hosts=(Host("nuc", uplink="eth7"),))
    one = only(judge(inventory, seen(docker(runs("app", ON_BOTH)))))

    assert one.reachable is None
    assert one.traces[0].cause is not None
    assert "has no link eth7" in one.traces[0].cause.text


def test_judgements_come_in_the_order_of_their_names() -> None:
    two = (replace(APPS, name="zoo"), APPS)
    snapshot = seen(docker(networks=two))
    both = replace(
        snapshot,
        daemons={Place("guest:x"): docker(networks=two), guest("web"): docker(networks=two)},
    )

    assert [each.name[1:] for each in judge(NOTHING, both)] == [
        ("web", "apps"),
        ("web", "zoo"),
        ("x", "apps"),
        ("x", "zoo"),
    ]
