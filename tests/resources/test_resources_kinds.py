"""Each kind on the recorded lab: what it wants, what it owns, and what stands in its way."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import UnsafePlanError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.docker import Daemon
from homelab.model.inventory import (
    Allow,
    Connection,
    ContainerNetwork,
    Egress,
    Guest,
    Ingress,
    Inventory,
    Port,
)
from homelab.model.kernel import NextHop, Route, Ruleset
from homelab.model.lxc import MARK
from homelab.model.place import HOST, ROUTER, Place, guest
from homelab.model.plan import Create, Delete, Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.guard import refuse_if_unsafe
from homelab.resources import KINDS
from homelab.resources.docker_network import GuestNetwork
from homelab.resources.filter_rule import OpenFilter
from homelab.resources.forwarding import Forwarding
from homelab.resources.host_route import HostRoute
from homelab.resources.ingress_filter import GuardedNetwork
from homelab.resources.instance import GuestSetting
from homelab.resources.lab import bridge_name
from homelab.resources.router_route import RouterRoute

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
BEFORE = load_snapshot(ROOT / "tests/recorded/before.json")
SIX = ip_network("fd90:1::/64")


def with_namespace(snapshot: Snapshot, place: str, **words: object) -> Snapshot:
    here = snapshot.namespaces[place]  # type: ignore[index] # a Place is a str
    changed = replace(here, **words)  # type: ignore[arg-type] # each test knows the fields
    return replace(snapshot, namespaces={**snapshot.namespaces, Place(place): changed})


def with_config(snapshot: Snapshot, name: str, config: Mapping[str, str]) -> Snapshot:
    runtime = snapshot.runtime
    assert runtime is not None
    instances = tuple(
        replace(
            each,
            config={**each.config, **config},
            expanded_config={**each.expanded_config, **config},
        )
        if each.name == name
        else each
        for each in runtime.instances
    )
    return replace(snapshot, runtime=replace(runtime, instances=instances))


def only(name: str, **words: object) -> Inventory:
    """The inventory with one guest, and that guest's network changed."""
    declared = next(each for each in DECLARED.guests if each.name == name)
    networks = tuple(replace(each, **words) for each in declared.networks)  # type: ignore[arg-type]
    addresses = (*declared.nic.addresses, ip_address("fd77::11"))
    nic = replace(declared.nic, addresses=addresses)
    return replace(DECLARED, guests=(replace(declared, nic=nic, networks=networks),))


def blocked(inventory: Inventory, snapshot: Snapshot) -> str:
    desired = desired_state(inventory, snapshot, KINDS)
    return "\n".join(obstacles(desired, actual_state(snapshot, KINDS), snapshot))


def test_the_recorded_lab_is_as_declared_and_all_of_it_is_recognised() -> None:
    desired = desired_state(DECLARED, APPLIED, KINDS)
    actual = actual_state(APPLIED, KINDS)

    assert desired == actual
    assert {each.kind for each in actual} == {
        "guest setting",
        "guest nic",
        "docker network",
        "filter rule",
        "host route",
        "router route",
    }


def test_a_change_prints_its_value_and_knows_its_guest() -> None:
    for key, each in actual_state(APPLIED, KINDS).items():
        assert each.describe()
        assert each.guest in {"web", "db", "app"}, key


@pytest.mark.parametrize(
    ("version", "has_mode"), [("20.10.24", False), ("28.0.0", True), ("", False)]
)
def test_options_follow_the_generation_of_docker(version: str, has_mode: bool) -> None:
    snapshot = replace(APPLIED, daemons={guest("web"): Daemon(version)})

    (network,) = GuestNetwork.desired(only("web", subnets=(SIX,)), snapshot)

    options = dict(network.options)
    assert ("com.docker.network.bridge.gateway_mode_ipv6" in options) is has_mode
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert network.create(snapshot)[0] == op.CreateDockerNetwork(
        guest("web"),
        network.create(snapshot)[0].network,  # type: ignore[union-attr]
    )


def test_egress_masquerade_and_options_of_the_user() -> None:
    inventory = only(
        "web", egress=Egress.MASQUERADE, options={"com.docker.network.driver.mtu": "1400"}
    )

    (network,) = GuestNetwork.desired(inventory, APPLIED)

    options = dict(network.options)
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "true"
    assert options["com.docker.network.driver.mtu"] == "1400"
    assert "masquerade" in network.describe()


def test_a_subnet_that_moves_takes_the_containers_addresses_along() -> None:
    inventory = only("web", subnets=(ip_network("10.90.9.0/24"),))
    plan = diff(
        desired_state(inventory, APPLIED, (GuestNetwork,)),
        {
            key: each
            for key, each in actual_state(APPLIED, (GuestNetwork,)).items()
            if each.guest == "web"
        },
        APPLIED,
    )

    kinds = [type(each).__name__ for each in plan.operations()]
    assert kinds == [
        "DisconnectContainer",
        "DisconnectContainer",
        "RemoveDockerNetwork",
        "CreateDockerNetwork",
        "ConnectContainer",
        "ConnectContainer",
        *["ForgetConnections"] * 3,
    ]
    forgotten = [each for each in plan.operations() if isinstance(each, op.ForgetConnections)]
    assert [each.place for each in forgotten] == ["guest:web", "host", "router"]
    assert {str(one) for each in forgotten for one in each.addresses} == {
        "10.90.1.10",
        "10.90.1.11",
    }
    again = [each for each in plan.operations() if isinstance(each, op.ConnectContainer)]
    assert {str(each.attachment.fixed_ipv4) for each in again} == {"10.90.9.10", "10.90.9.11"}
    assert "front" in plan.disruptions()[0]


@pytest.mark.parametrize(
    "name", ["apps", "a.b", "a-name-that-is-much-too-long", "dots.and.length.of.many"]
)
def test_a_bridge_has_a_name_that_a_link_may_have(name: str) -> None:
    bridge = bridge_name(ContainerNetwork("web", name))

    assert len(bridge) <= 15
    assert "." not in bridge


def test_old_generations_get_an_accept_and_28_needs_none() -> None:
    rules = list(OpenFilter.desired(DECLARED, APPLIED))

    assert {each.place for each in rules} == {"guest:web", "guest:db"}
    assert {each.rule.parent for each in rules} == {"DOCKER-USER"}


def test_an_old_daemon_that_keeps_no_rules_needs_no_accept() -> None:
    text = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
    snapshot = with_namespace(APPLIED, "guest:web", rulesets=(Ruleset("iptables-nft", text),))

    assert list(OpenFilter.desired(only("web"), snapshot)) == []


def test_nobody_needs_no_accept_and_gets_a_filter() -> None:
    inventory = only("web", ingress=Ingress.NONE)

    assert list(OpenFilter.desired(inventory, APPLIED)) == []
    (filtered,) = GuardedNetwork.desired(inventory, APPLIED)
    assert filtered.describe() == "lets in nobody"


def test_a_list_becomes_entries_and_its_digest_its_identity() -> None:
    ports = (Port("tcp", 80, 80), Port("udp", 53, 54))
    allow = (Allow((ip_network("10.0.0.0/24"),), ports), Allow((ip_network("fd00::/8"),)))
    (one,) = GuardedNetwork.desired(only("web", ingress=Ingress.LIST, allow=allow), APPLIED)
    (other,) = GuardedNetwork.desired(only("web", ingress=Ingress.LIST, allow=allow[:1]), APPLIED)

    assert one.describe() == "lets in 10.0.0.0/24 80-80/tcp, 10.0.0.0/24 53-54/udp, fd00::/8"
    assert one != other
    assert hash(one) != hash(other)
    assert one != "something else"
    assert one.key == other.key


def test_a_host_that_drops_gets_accepts_both_ways() -> None:
    text = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
    snapshot = with_namespace(APPLIED, HOST, rulesets=(Ruleset("iptables-nft", text),))

    rules = [each for each in OpenFilter.desired(only("app"), snapshot) if each.place == HOST]

    assert {each.rule.parent for each in rules} == {"FORWARD"}
    assert {each.describe() for each in rules} == {
        "accept to 10.90.3.0/24 in filter FORWARD",
        "accept from 10.90.3.0/24 in filter FORWARD",
    }
    assert {each.guest for each in rules} == {"app"}


def test_a_fix_of_a_diagnosis_stays_until_destroy() -> None:
    text = (
        "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n:HOMELAB - [0:0]\n"
        '-A DOCKER-USER -m comment --comment "homelab:jump" -j HOMELAB\n'
        '-A HOMELAB -d 10.9.0.0/24 -m comment --comment "homelab:app/own:fix-x:1" -j ACCEPT\n'
        "-A HOMELAB -d nonsense -m comment --comment homelab:app/own:in:2 -j ACCEPT\n"
        "COMMIT\n"
    )
    snapshot = with_namespace(APPLIED, "guest:app", rulesets=(Ruleset("iptables-nft", text),))

    kept = [
        each.rule.mark
        for each in OpenFilter.desired(DECLARED, snapshot)
        if each.place == "guest:app"
    ]

    assert kept == ["app/own:fix-x:1"]
    assert len([each for each in OpenFilter.actual(snapshot) if each.place == "guest:app"]) == 1


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ('-d 10.9.0.0/24 -m comment --comment "homelab:a:in:1" -j ACCEPT', True),
        ("-d 10.9.0.0/24 -m comment --comment homelab:a:in:1 -j ACCEPT", True),
        ("-d 10.9.0.0/24 -m comment --comment homelab:a:in:1 -j DROP", False),
        ("! -d 10.9.0.0/24 -m comment --comment homelab:a:in:1 -j ACCEPT", False),
        ("-d 10.9.0.0/24 -p tcp -m comment --comment homelab:a:in:1 -j ACCEPT", False),
    ],
)
def test_a_rule_that_somebody_edited_is_ours_and_does_not_count(spec: str, counts: bool) -> None:
    text = (
        "*filter\n:FORWARD ACCEPT [0:0]\n:HOMELAB - [0:0]\n"
        f"-A FORWARD -m comment --comment homelab:jump -j HOMELAB\n-A HOMELAB {spec}\nCOMMIT\n"
    )
    snapshot = with_namespace(APPLIED, "guest:app", rulesets=(Ruleset("iptables-nft", text),))

    found = [each for each in OpenFilter.actual(snapshot) if each.place == "guest:app"]

    assert [(each.rule.mark, each.effective) for each in found] == [("a:in:1", counts)]


def test_our_rules_count_only_while_their_jump_comes_first() -> None:
    text = (
        "*filter\n:DOCKER-USER - [0:0]\n:HOMELAB - [0:0]\n-A DOCKER-USER -j RETURN\n"
        "-A DOCKER-USER -j HOMELAB\n-A HOMELAB -m comment --comment homelab:web/apps:in:1 -j ACCEPT\n"
    )
    snapshot = with_namespace(APPLIED, "guest:web", rulesets=(Ruleset("iptables-nft", text),))

    (ours,) = [each for each in OpenFilter.actual(snapshot) if each.place == "guest:web"]
    assert not ours.effective
    assert ours.describe().endswith("behind other rules")
    assert ours.delete(snapshot) == (op.DeleteFilterRule(guest("web"), ours.rule),)


def test_forwarding_that_is_off_is_set_kept_and_given_back() -> None:
    off = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0"}
    ra = Route(ip_network("::/0"), (NextHop(ip_address("fe80::1"), "eth0"),), protocol="9")
    snapshot = with_namespace(APPLIED, HOST, sysctls=off, routes=(ra,))
    snapshot = with_namespace(snapshot, "guest:web", sysctls=off, routes=())
    inventory = only("web", subnets=(ip_network("10.90.1.0/24"), SIX))

    wanted = list(Forwarding.desired(inventory, snapshot))

    assert [each.key.name for each in wanted] == [
        "guest:web net.ipv4.ip_forward",
        "guest:web net.ipv6.conf.all.forwarding",
        "host net.ipv6.conf.eth0.accept_ra",
        "host net.ipv4.ip_forward",
        "host net.ipv6.conf.all.forwarding",
    ]
    for each in wanted:
        mark, change = each.create(snapshot)
        assert isinstance(mark, op.KeepSysctl | op.SetInstanceConfig)
        assert change == op.SetSysctl(each.place, each.setting, each.value, "0")
        assert each.describe() == f"{each.setting} = {each.value}"


def test_forwarding_that_is_ours_is_recognised_and_undone() -> None:
    key = f"{MARK}was.sysctl.net.ipv4.ip_forward"
    snapshot = replace(
        with_config(APPLIED, "web", {key: "0"}),
        kept_sysctls={"net.ipv4.ip_forward": ("1", "0")},
    )

    ours = list(Forwarding.actual(snapshot))

    assert {(each.place, each.value, each.was) for each in ours} == {
        (HOST, "1", "0"),
        (guest("web"), "1", "0"),
    }
    for each in ours:
        back, unmark = each.delete(snapshot)
        assert back == op.SetSysctl(each.place, "net.ipv4.ip_forward", "0", "1")
        assert isinstance(unmark, op.ForgetSysctl | op.SetInstanceConfig)
        assert each.replace(each, snapshot) == (
            op.SetSysctl(each.place, "net.ipv4.ip_forward", "1", "1"),
        )
    assert set(ours) <= set(Forwarding.desired(DECLARED, snapshot))


def test_a_setting_that_was_right_before_is_not_ours() -> None:
    assert "security.nesting" not in {
        each.setting for each in GuestSetting.desired(DECLARED, APPLIED)
    }


def test_nesting_and_a_new_address_restart_the_guest() -> None:
    snapshot = with_config(APPLIED, "web", {"security.nesting": "false"})
    settings = {each.setting: each for each in GuestSetting.desired(only("web"), snapshot)}

    nesting = settings["security.nesting"]

    assert nesting.was == "false"
    assert "restarts" in str(nesting.disruption(None, snapshot))
    kinds = [type(each).__name__ for each in nesting.create(snapshot)]
    assert kinds == ["SetInstanceConfig", "SetInstanceConfig", "RestartInstance"]
    assert settings["linux.sysctl.net.ipv4.ip_forward"].disruption(None, snapshot) is None
    undone = nesting.delete(snapshot)[0]
    assert isinstance(undone, op.SetInstanceConfig)
    assert undone.config == {"security.nesting": "false"}


def test_a_restart_is_asked_for_once() -> None:
    nothing = GuestSetting("web", "security.nesting", "true", "false")
    create = Create(nothing, (op.RestartInstance(HOST, "web"), op.RestartInstance(HOST, "web")))

    assert Plan((create,)).operations() == (op.RestartInstance(HOST, "web"),)


def test_what_is_missing_or_in_the_way_is_named() -> None:
    assert "it is stopped; `lxc start web`" in blocked(DECLARED, stopped("web"))
    assert "no such guest on this host" in blocked(with_guest("nas"), APPLIED)
    assert "is not homelab's" in blocked(DECLARED, BEFORE)
    no_router = replace(
        APPLIED,
        namespaces={k: v for k, v in APPLIED.namespaces.items() if k != ROUTER},
        unread={"router": "permission denied"},
    )
    assert blocked(DECLARED, no_router).startswith("router: permission denied")
    no_host = replace(APPLIED, namespaces={}, unread={"host": "permission denied"})
    assert "host: permission denied; run homelab as root" in blocked(DECLARED, no_host)


def test_a_foreign_route_to_the_subnet_is_in_the_way() -> None:
    foreign = Route(ip_network("10.90.1.0/24"), (NextHop(link="lxdbr0"),), protocol="static")
    routes = (*(r for r in APPLIED.namespaces[HOST].routes if r.protocol != "201"), foreign)

    said = blocked(DECLARED, with_namespace(APPLIED, HOST, routes=routes))

    assert (
        "host: a route to 10.90.1.0/24 without a next hop dev lxdbr0 (proto static) is there"
        in said
    )


def test_a_foreign_docker_network_on_the_subnet_is_in_the_way() -> None:
    theirs = APPLIED.daemons[guest("app")]
    moved = tuple(replace(each, labels={}, name="own") for each in theirs.networks)
    snapshot = replace(
        APPLIED, daemons={**APPLIED.daemons, guest("db"): replace(theirs, networks=moved)}
    )

    emptied = replace(snapshot, daemons={**snapshot.daemons, guest("app"): Daemon("28.5.2")})

    assert "Docker network own has 10.90.3.0/24" in blocked(DECLARED, emptied)


def test_routers_that_are_not_programmed_get_no_route() -> None:
    printed = replace(DECLARED, routers=(replace(DECLARED.routers[0], kind="openwrt"),))
    silent = replace(
        DECLARED, routers=(replace(DECLARED.routers[0], connection=Connection("none")),)
    )

    assert list(RouterRoute.desired(printed, APPLIED)) == []
    assert list(RouterRoute.desired(silent, APPLIED)) == []
    assert len(list(HostRoute.desired(silent, APPLIED))) == 3


def test_a_plan_that_looks_like_an_accident_is_refused() -> None:
    actual = actual_state(APPLIED, KINDS)
    plan = Plan(tuple(Delete(each, ()) for each in actual.values()))

    with pytest.raises(UnsafePlanError, match="--force"):
        refuse_if_unsafe(plan, actual, disruption=True, accident=False)
    refuse_if_unsafe(plan, actual, disruption=True, accident=True)
    refuse_if_unsafe(Plan(), actual, disruption=False, accident=False)


def stopped(name: str) -> Snapshot:
    snapshot = removed(APPLIED, name)
    runtime = snapshot.runtime
    assert runtime is not None
    instances = tuple(
        replace(each, status="Stopped") if each.name == name else each for each in runtime.instances
    )
    return replace(snapshot, runtime=replace(runtime, instances=instances))


def removed(snapshot: Snapshot, name: str) -> Snapshot:
    """The snapshot without a guest's daemon."""
    daemons = {place: each for place, each in snapshot.daemons.items() if place != guest(name)}
    return replace(snapshot, daemons=daemons)


def with_guest(name: str) -> Inventory:
    network = ContainerNetwork(name, "apps", (ip_network("10.90.8.0/24"),))
    nic = replace(DECLARED.guests[0].nic, addresses=(ip_address("10.77.0.18"),))
    return replace(DECLARED, guests=(*DECLARED.guests, Guest(name, "nuc", nic, (network,))))
