"""Laws of all kinds together, on the recorded lab simulated: whatever an inventory may say of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from homelab.errors import OperationError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model.docker import DockerNetwork, DockerSubnet
from homelab.model.inventory import (
    Allow,
    ContainerNetwork,
    Egress,
    Guest,
    Ingress,
    Inventory,
    Port,
)
from homelab.model.kernel import NextHop, Route, Ruleset, Rulesets
from homelab.model.lxc import Instance
from homelab.model.operation import AddRoute, CreateDockerNetwork, Operation
from homelab.model.persistence import Persistence
from homelab.model.place import HOST, ROUTER, Network, guest
from homelab.model.plan import Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.execute import execute, undo
from homelab.resources import KINDS
from homelab.system.simulated import SimulatedSystem

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
KEPT = Persistence({"networkmanager": "/run/x"}, units=("lxd.service",))
APPLIED = replace(
    load_snapshot(ROOT / "tests/recorded/applied.json"), persistence={HOST: KEPT, ROUTER: KEPT}
)


def plan(declared: Inventory | None, snapshot: Snapshot) -> Plan:
    desired = desired_state(declared, snapshot, KINDS) if declared else {}
    return diff(desired, actual_state(snapshot, KINDS), snapshot)


def blocked(declared: Inventory, snapshot: Snapshot) -> tuple[str, ...]:
    desired = desired_state(declared, snapshot, KINDS)
    return obstacles(desired, actual_state(snapshot, KINDS), snapshot)


def carry_out(declared: Inventory | None, snapshot: Snapshot) -> Snapshot:
    """Twice, as apply does: a guest that restarts loses what only its kernel held."""
    system = SimulatedSystem(snapshot)
    for _ in range(2):
        execution = execute(plan(declared, system.read()).operations(), system.run)
        assert execution.failure is None, execution.failure
    return system.read()


def settled(snapshot: Snapshot) -> Snapshot:
    """The rulesets in one order, without empty lines at the end: neither means anything."""
    namespaces = {
        place: replace(here, rulesets=tuple(_settled(here.rulesets)))
        for place, here in snapshot.namespaces.items()
    }
    return replace(snapshot, namespaces=namespaces)


def _settled(rulesets: Rulesets) -> Iterator[Ruleset]:
    for each in sorted(rulesets, key=lambda each: each.tool):
        yield replace(each, text=each.text.rstrip())


@cache
def bare() -> Snapshot:
    """The lab without us, with things of others in it.

    A snapshot has no profiles: the simulation learns from a guest that nobody declares what a
    removed override uncovers.
    """
    without = carry_out(None, APPLIED)
    assert without.runtime is not None
    nic = {"name": "eth0", "network": "lxdbr0", "type": "nic"}
    there = without.runtime.instances
    instances = (
        *(replace(each, expanded_devices={"eth0": nic, **each.expanded_devices}) for each in there),
        Instance(
            "spare",
            "Stopped",
            profiles=there[0].profiles,
            expanded_config={"raw.lxc": "redacted"},
            expanded_devices={"eth0": nic},
        ),
    )
    system = SimulatedSystem(
        replace(without, runtime=replace(without.runtime, instances=instances))
    )
    own = DockerNetwork(
        "", "own", subnets=(DockerSubnet(ip_network("192.168.44.0/24")),), labels={"mine": "yes"}
    )
    for each in ("web", "db", "app"):
        system.run(CreateDockerNetwork(guest(each), own))
    foreign = Route(
        ip_network("198.51.100.0/24"), (NextHop(ip_address("10.77.0.11"), "lxdbr0"),), protocol="4"
    )
    now = system.read()
    host = now.namespaces[HOST]
    host = replace(host, routes=(*host.routes, foreign))
    return settled(replace(now, namespaces={**now.namespaces, HOST: host}))


SUBNETS: list[Network] = [ip_network(f"10.90.{each}.0/24") for each in (1, 3, 7, 40, 41, 42)]
PORTS = (Port("tcp", 443, 443), Port("udp", 53, 54))
INGRESS = st.sampled_from(
    [
        (Ingress.OPEN, ()),
        (Ingress.NONE, ()),
        (Ingress.LIST, (Allow((ip_network("10.0.0.0/24"),)),)),
        (Ingress.LIST, (Allow((ip_network("0.0.0.0/0"), ip_network("fd00::/8")), PORTS),)),
    ]
)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Each guest with no network to two, of any name, subnet and rule; or not declared at all."""
    free = iter(draw(st.permutations(SUBNETS)))
    guests = (_guest(draw, each, free) for each in DECLARED.guests if draw(st.booleans()))
    return replace(DECLARED, guests=tuple(guests))


def _guest(draw: st.DrawFn, declared: Guest, free: Iterator[Network]) -> Guest:
    names = draw(st.lists(st.sampled_from(["apps", "data", "own.2"]), max_size=2, unique=True))
    networks = tuple(_network(draw, declared.name, name, free) for name in names)
    return replace(declared, networks=networks, restart=draw(st.booleans()))


def _network(draw: st.DrawFn, inside: str, name: str, free: Iterator[Network]) -> ContainerNetwork:
    ingress, allow = draw(INGRESS)
    options = draw(st.sampled_from([{}, {"com.docker.network.driver.mtu": "1400"}]))
    egress = draw(st.sampled_from(Egress))
    subnet = next(free)
    return ContainerNetwork(
        inside, name, (subnet,), ingress=ingress, allow=allow, egress=egress, options=options
    )


@settings(max_examples=15, deadline=None)
@given(inventories())
def test_apply_converges_from_nothing_and_destroy_leaves_the_lab_as_it_was(
    declared: Inventory,
) -> None:
    assert blocked(declared, bare()) == ()

    applied = carry_out(declared, bare())

    assert not plan(declared, applied)
    assert blocked(declared, applied) == ()
    assert settled(carry_out(None, applied)) == bare()


@settings(max_examples=15, deadline=None)
@given(inventories(), inventories())
def test_one_inventory_after_the_other_is_as_the_other_alone(
    one: Inventory, other: Inventory
) -> None:
    first = carry_out(one, bare())
    assume(
        not blocked(other, first)
    )  # two networks that swap their subnets are in each other's way

    second = carry_out(other, first)

    assert not plan(other, second)
    assert settled(carry_out(None, second)) == bare()


@settings(max_examples=15, deadline=None)
@given(inventories(), st.integers(0, 60))
def test_an_apply_that_fails_anywhere_is_taken_back_to_the_letter(
    declared: Inventory, fails_at: int
) -> None:
    system = SimulatedSystem(bare())
    left = iter(range(fails_at))

    def run(operation: Operation) -> None:
        if next(left, None) is None:
            raise OperationError("the disk is full")
        system.run(operation)

    execution = execute(plan(declared, bare()).operations(), run)
    back = undo(execution, system.run)

    assert back.failure is None
    assert settled(system.read()) == bare()


@settings(max_examples=15, deadline=None)
@given(inventories())
def test_what_others_have_stays_while_ours_is_there(declared: Inventory) -> None:
    applied = carry_out(declared, bare())

    for place, daemon in bare().daemons.items():
        assert set(map(str, daemon.networks)) <= set(map(str, applied.daemons[place].networks))
    ours = {each for each in applied.namespaces[HOST].routes if each.protocol == "201"}
    assert set(bare().namespaces[HOST].routes) == set(applied.namespaces[HOST].routes) - ours
    added = [each for each in plan(declared, bare()).operations() if isinstance(each, AddRoute)]
    assert {each.route.destination for each in added} >= {each.destination for each in ours}


def attached(snapshot: Snapshot) -> dict[tuple[str, str], set[tuple[str, object, object]]]:
    return {
        (place, container.name): {
            (each.network, each.ipv4, each.ipv6) for each in container.attachments
        }
        for place, daemon in snapshot.daemons.items()
        for container in daemon.containers
    }


@settings(max_examples=15, deadline=None)
@given(inventories(), st.integers(0, 60))
def test_containers_are_back_at_their_addresses_after_a_failure(
    declared: Inventory, fails_at: int
) -> None:
    assume(not blocked(declared, APPLIED))
    system = SimulatedSystem(APPLIED)
    operations = plan(declared, APPLIED).operations()[:fails_at]

    back = undo(execute(operations, system.run), system.run)

    assert back.failure is None
    assert attached(system.read()) == attached(APPLIED)
    assert actual_state(system.read(), KINDS) == actual_state(APPLIED, KINDS)
