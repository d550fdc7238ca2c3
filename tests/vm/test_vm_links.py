"""VLAN links, bridges and their ports on a real kernel: each step as foreseen, kept, taken back, no trace left."""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from homelab.errors import OperationError
from homelab.model.inventory import Inventory
from homelab.model.inverse import inverse
from homelab.model.kernel import Namespace
from homelab.model.operation import Operation, SetOwnedLink, SetPort
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot
from homelab.system.carry_out import carry_out
from homelab.system.doors import Door
from homelab.system.kernel_features import lacking
from homelab.system.namespaces import read_namespace
from homelab.system.simulated import simulate
from homelab.workflow.objects import objects
from tests.resources.vlan_lab import TEXT, blocked, inventory, plan

pytestmark = pytest.mark.vlan

# The host's eth0 and eth1 are cables to `wire`, which speaks tags.
BUILD = """
ip netns add host
ip netns add wire
for n in 0 1; do
    ip link add eth$n netns host type veth peer name w$n netns wire
    ip -n host link set eth$n up
    ip -n wire link set w$n up
done
ip -n host link set lo up
ip -n host addr add 10.0.0.2/24 dev eth0
ip -n wire link add link w0 name w0.30 type vlan id 30
ip -n wire addr add 10.30.0.1/24 dev w0.30
ip -n wire link set w0.30 up
ip -n wire link add link w1 name w1.20 type vlan id 20
ip -n wire addr add 10.20.0.1/24 dev w1.20
ip -n wire link set w1.20 up
"""
PORT = """
vlans: {servers: {id: 20}, guests: {id: 30}}
hosts:
  nuc: {vlans: [servers, guests], bridges: {br9: {ports: {eth1: {tagged: [guests], untagged: servers}}}}}
"""
DECLARED = inventory()


def sh(script: str) -> None:
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Machine:
    """The namespace as the machine that operations run on; each is compared with what was foreseen.

    ``seen`` is how it was left by the last one: to read takes seconds on an emulated machine.
    """

    def __init__(self) -> None:
        self.seen: Snapshot | None = None

    def door(self, place: Place) -> Door:
        assert place == HOST
        return Door(place, "/run/netns/host")

    def docker(self, place: Place) -> Any:
        raise NotImplementedError

    def lxd(self) -> Any:
        raise NotImplementedError

    def read(self) -> Snapshot:
        return Snapshot(namespaces={HOST: read_namespace(self.door(HOST), 60.0)})

    def run(self, operation: Operation) -> None:
        before = self.seen or self.read()
        try:
            foreseen = simulate(before, operation)
        except OperationError as refused:
            with pytest.raises(OperationError):
                carry_out(operation, self)
            assert wired(self.read()) == wired(before)
            raise refused from None
        carry_out(operation, self)
        # Carriers are told up to a second later (net/core/link_watch.c).
        time.sleep(1.2)
        self.seen = self.read()
        assert wired(self.seen) == wired(foreseen)
        assert carriers(self.seen) == carriers(foreseen)

    def sh(self, script: str) -> None:
        self.seen = None
        sh(script)

    def make(self, wanted: Inventory) -> None:
        for each in plan(wanted, self.seen or self.read()).operations():
            self.run(each)


def wired(snapshot: Snapshot) -> dict[str, object]:
    here = snapshot.namespaces[HOST]
    links = {name: each for name, each in objects(snapshot).items() if ": link " in name}
    return {**links, "routes": set(_routes(here))}


def carriers(snapshot: Snapshot) -> dict[str, tuple[bool, bool]]:
    return {each.name: (each.up, each.carrier) for each in snapshot.namespaces[HOST].links}


def _routes(here: Namespace) -> Iterator[tuple[object, ...]]:
    for each in here.routes:
        if each.destination.version == 4:
            yield each.destination, each.link, each.kind, each.source, each.table


@pytest.fixture
def machine() -> Iterator[Machine]:
    try:
        sh(BUILD)
        yield Machine()
    finally:
        for each in ("host", "wire"):
            subprocess.run(["ip", "netns", "del", each], capture_output=True, check=False)


def test_what_is_declared_is_made_as_foreseen_speaks_tags_and_is_rolled_back(
    machine: Machine,
) -> None:
    before = machine.read()
    assert not blocked(DECLARED, before)
    assert not lacking()
    operations = plan(DECLARED, before).operations()

    for each in operations:
        machine.run(each)

    assert not plan(DECLARED, machine.read())
    sh("ip netns exec host ping -c 1 -W 5 10.30.0.1 >/dev/null")
    sh("ip netns exec host ping -c 1 -W 5 10.20.0.1 >/dev/null")
    for each in reversed(operations):
        for back in inverse(each):
            machine.run(back)
    assert wired(machine.read()) == wired(before)


def test_a_change_is_made_in_place_or_anew_and_destroy_leaves_nothing(machine: Machine) -> None:
    before = machine.read()
    machine.make(DECLARED)
    text = TEXT.replace("10.30.0.2/24", "10.30.0.3/24").replace("id: 100", "id: 101")
    moved = inventory(text.replace("mtu: 1400", "mtu: 1300"))

    machine.make(moved)

    assert not plan(moved, machine.read())
    sh("ip netns exec host ping -c 1 -W 5 10.30.0.1 >/dev/null")
    machine.make(Inventory())
    assert wired(machine.read()) == wired(before)


def test_the_pvid_of_somebody_else_s_bridge_comes_back(machine: Machine) -> None:
    machine.sh("ip -n host link add br9 type bridge vlan_filtering 1; ip -n host link set br9 up")
    machine.sh("ip -n host link set eth1 master br9; sleep 1")
    before, wanted = machine.read(), inventory(PORT)

    machine.make(wanted)

    assert not plan(wanted, machine.read())
    machine.make(Inventory())
    assert wired(machine.read()) == wired(before)


def test_what_the_kernel_refuses_leaves_nothing_behind(machine: Machine) -> None:
    operations = plan(DECLARED, machine.read()).operations()
    links = {
        each.now.name: each for each in operations if isinstance(each, SetOwnedLink) and each.now
    }
    port = next(each for each in operations if isinstance(each, SetPort))
    machine.sh("ip -n host link set eth0 down; ip -n host link add br0 type bridge; sleep 1")

    for each in (links["eth0.30"], links["br0"], SetOwnedLink(HOST, None, links["br0"].now)):
        with pytest.raises(OperationError):
            machine.run(each)
    machine.sh("ip -n host link del br0; ip -n host link set eth1 alias 'to the attic'")
    with pytest.raises(OperationError):
        machine.run(port)
