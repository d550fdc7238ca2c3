"""Foreign things are taken over as they are, by name, and are ours from then on."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import ConflictError, UsageError
from homelab.load.inventory import load_inventory
from homelab.load.redact import redact
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.docker import DockerNetwork, DockerSubnet
from homelab.model.inventory import Guest, Ingress
from homelab.model.kernel import NextHop, Route
from homelab.model.place import HOST, ROUTER, Place, guest
from homelab.model.snapshot import Snapshot
from homelab.planning.adopt import adoptable
from homelab.planning.diff import actual_state
from homelab.report.documents import adoptable_document, plan_document
from homelab.report.paint import Paint
from homelab.report.plan_text import plan_text
from homelab.resources import KINDS
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import carrying, change
from homelab.workflow.objects import objects
from tests.workflow.test_workflow_laws import destroyed

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
YES = carrying.Consent(disruption=True, accident=True)
NETWORK, ROUTE = "docker-network:web/apps", "host-route:10.90.1.0/24"
OPTIONS = {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.bridge.name": "hl-apps",
}


def with_route(snapshot: Snapshot, place: Place, via: str, link: str) -> Snapshot:
    here = snapshot.namespace(place)
    assert here is not None
    theirs = Route(ip_network("10.90.1.0/24"), (NextHop(ip_address(via), link),), protocol="boot")
    name = snapshot.resolve(place)
    changed = replace(here, routes=(*here.routes, theirs))
    return replace(snapshot, namespaces={**snapshot.namespaces, name: changed})


def with_network(snapshot: Snapshot, options: dict[str, str] | None = None) -> Snapshot:
    system = SimulatedSystem(snapshot)
    subnet = DockerSubnet(ip_network("10.90.1.0/24"), ip_address("10.90.1.1"))
    network = DockerNetwork("", "apps", subnets=(subnet,), options=options or {})
    system.run(op.CreateDockerNetwork(guest("web"), network))
    return system.read()


BARE = destroyed()


def adopted(snapshot: Snapshot, *handles: str) -> Snapshot:
    goal = change.Goal(DECLARED, adopt=frozenset(handles), as_it_is=True)
    change.refuse_unknown(goal, snapshot)
    system = SimulatedSystem(snapshot)
    applied = carrying.apply(change.plan(goal, snapshot), system, None, YES, carrying.Witness())
    assert (applied.execution.failure, applied.rollback, len(applied.plan.changes)) == (
        None,
        None,
        len(handles),
    )
    return system.read()


def changed_objects(before: Snapshot, after: Snapshot) -> set[str]:
    one, other = objects(before), objects(after)
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def test_a_foreign_network_is_named_with_three_ways_out() -> None:
    planned = change.plan(change.Goal(DECLARED), with_network(BARE))

    with pytest.raises(ConflictError) as refused:
        change.refuse_obstacles(planned)

    said = str(refused.value)
    assert f"`homelab adopt {NETWORK}`" in said
    assert f"`homelab apply --adopt {NETWORK}`" in said
    assert "write another name for ours at" in said
    assert "lab.yaml:" in said


def test_a_foreign_route_is_named_with_three_ways_out() -> None:
    planned = change.plan(change.Goal(DECLARED), with_route(BARE, HOST, "10.77.0.12", "lxdbr0"))

    (said,) = (each for each in planned.obstacles if "a route to" in each)
    assert f"`homelab adopt {ROUTE}`" in said
    assert f"`homelab apply --adopt {ROUTE}`" in said
    assert "another subnet for the network at" in said


def test_an_adopted_network_stays_as_it_is_and_is_ours() -> None:
    foreign = with_network(BARE, OPTIONS)

    ours = adopted(foreign, NETWORK)

    assert changed_objects(foreign, ours) == {"guest web: configuration user.homelab.adopted.apps"}
    assert not adoptable(DECLARED, ours, KINDS).keys() & {NETWORK}
    planned = change.plan(change.Goal(DECLARED), ours)
    assert planned.obstacles == ()
    assert "docker network web/apps" not in plan_text(planned.plan, ours, Paint())


def test_an_adopted_network_keeps_the_bridge_that_docker_named() -> None:
    options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    ours = adopted(with_network(BARE, options), NETWORK)
    network = next(each for each in ours.daemons[guest("web")].networks if each.name == "apps")

    said = plan_text(change.plan(change.Goal(DECLARED), ours).plan, ours, Paint())
    guarded = replace(DECLARED, guests=tuple(map(closed, DECLARED.guests)))
    chains = [
        each.filter.bridge
        for each in change.plan(change.Goal(guarded), ours).plan.operations()
        if isinstance(each, op.SetIngressFilter) and each.place == guest("web")
    ]

    assert "docker network web/apps" not in said
    assert network.bridge.startswith("br-")
    assert chains == [network.bridge]


def with_address(snapshot: Snapshot) -> Snapshot:
    runtime = snapshot.runtime
    assert runtime is not None
    nic = {"name": "eth0", "network": "lxdbr0", "type": "nic", "ipv4.address": "10.77.0.11"}
    instances = tuple(
        replace(each, devices={"eth0": nic}, expanded_devices={"eth0": nic})
        if each.name == "web"
        else each
        for each in runtime.instances
    )
    return replace(snapshot, runtime=replace(runtime, instances=instances))


def closed(one: Guest) -> Guest:
    return replace(
        one, networks=tuple(replace(each, ingress=Ingress.NONE) for each in one.networks)
    )


def test_a_network_that_differs_is_made_anew_and_needs_the_note_no_more() -> None:
    foreign = with_network(BARE)
    goal = change.Goal(DECLARED, adopt=frozenset({NETWORK}))
    planned = change.plan(goal, foreign)
    system = SimulatedSystem(foreign)

    applied = carrying.apply(planned, system, None, YES, carrying.Witness())

    assert (applied.execution.failure, applied.rollback) == (None, None)
    said = plan_text(planned.plan, foreign, Paint())
    assert "= docker network web/apps" in said
    assert "~ docker network web/apps" in said
    assert "1 to adopt" in said
    assert plan_document(planned.plan, foreign, ())["changes"][0]["action"] == "adopt"
    now = system.read()
    instance = now.instance("web")
    assert instance is not None
    assert "user.homelab.adopted.apps" not in instance.config
    assert not change.plan(change.Goal(DECLARED), now).plan


def test_what_is_adopted_goes_with_destroy() -> None:
    ours = adopted(with_network(BARE, OPTIONS), NETWORK)
    system = SimulatedSystem(ours)
    removal = change.plan(change.Goal(DECLARED, removal=True), ours)

    carrying.apply(removal, system, None, YES, carrying.Witness())

    assert not actual_state(system.read(), KINDS)
    assert "guest:web: Docker network apps" not in objects(system.read())


@pytest.mark.parametrize(
    ("place", "via", "link", "handle"),
    [
        (HOST, "10.77.0.11", "lxdbr0", ROUTE),
        (HOST, "10.77.0.12", "lxdbr0", ROUTE),
        (ROUTER, "10.0.0.2", "br-lan", "router-route:10.90.1.0/24"),
    ],
)
def test_a_route_gets_our_protocol_in_place(place: Place, via: str, link: str, handle: str) -> None:
    foreign = with_route(BARE, place, via, link)

    ours = adopted(foreign, handle)

    here, name = ours.namespace(place), foreign.resolve(place)
    assert here is not None
    (route,) = (each for each in here.routes if str(each.destination) == "10.90.1.0/24")
    assert (route.protocol, str(route.via), route.link) == ("201", via, link)
    assert changed_objects(foreign, ours) == {f"{name}: route 10.90.1.0/24"} or place == ROUTER
    assert not [
        each for each in change.plan(change.Goal(DECLARED), ours).obstacles if place in each
    ]


def test_a_route_that_cannot_be_marked_is_named_with_what_removes_it() -> None:
    host = BARE.namespaces[HOST]
    hole = Route(ip_network("10.90.1.0/24"), kind="blackhole", protocol="static")
    snapshot = replace(
        BARE,
        namespaces={**BARE.namespaces, HOST: replace(host, routes=(*host.routes, hole))},
    )

    (said,) = (
        each
        for each in change.plan(change.Goal(DECLARED), snapshot).obstacles
        if "a route to" in each
    )

    assert "`ip route del blackhole 10.90.1.0/24` there" in said
    assert ROUTE not in adoptable(DECLARED, snapshot, KINDS)


def test_an_address_that_a_guest_has_already_is_adopted_by_a_note() -> None:
    foreign = with_address(BARE)
    found = adoptable(DECLARED, foreign, KINDS)
    handle = "guest-nic:web/eth0"

    ours = adopted(foreign, handle)

    assert changed_objects(foreign, ours) == {
        "guest web: configuration user.homelab.was.device.eth0.ipv4.address"
    }
    assert not [
        each
        for each in change.plan(change.Goal(DECLARED), ours).plan.changes
        if each.key.handle == handle
    ]
    rows = adoptable_document(found, foreign)["objects"]
    assert handle in {each["object"] for each in rows}


def test_an_adoption_that_fails_is_taken_back() -> None:
    foreign = with_network(with_route(BARE, HOST, "10.77.0.11", "lxdbr0"), OPTIONS)
    goal = change.Goal(DECLARED, adopt=frozenset({NETWORK, ROUTE}), as_it_is=True)
    system = SimulatedSystem(foreign, breaks_on=op.MarkRoute)

    applied = carrying.apply(change.plan(goal, foreign), system, None, YES, carrying.Witness())

    assert applied.residue == ()
    assert changed_objects(foreign, system.read()) == set()


def test_what_is_not_there_cannot_be_adopted() -> None:
    goal = change.Goal(DECLARED, adopt=frozenset({"docker-network:web/nope"}))

    with pytest.raises(UsageError, match=r"docker-network:web/nope: .*there is: "):
        change.refuse_unknown(goal, BARE)


def test_a_network_made_anew_on_another_subnet_is_not_the_one_that_was_adopted() -> None:
    ours = adopted(with_network(BARE, OPTIONS), NETWORK)
    daemon = ours.daemons[guest("web")]
    networks = tuple(
        replace(each, subnets=(DockerSubnet(ip_network("10.91.0.0/24")),))
        if each.name == "apps"
        else each
        for each in daemon.networks
    )
    other = replace(
        ours, daemons={**ours.daemons, guest("web"): replace(daemon, networks=networks)}
    )

    planned = change.plan(change.Goal(DECLARED), other)

    assert any(f"homelab adopt {NETWORK}" in each for each in planned.obstacles)
    assert "- adoption web/apps" in plan_text(planned.plan, other, Paint())


def test_a_redacted_snapshot_tells_of_adoptions_too() -> None:
    ours = adopted(with_network(BARE, OPTIONS), NETWORK)

    hidden = redact(ours)

    kinds = [each.kind for each in actual_state(ours, KINDS)]
    assert [each.kind for each in actual_state(hidden, KINDS)] == kinds
    assert kinds.count("docker network") == 1
