"""What only a real machine can show: probes, a router behind ssh, batches, and doors that are shut."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.model.inventory import Connection
from homelab.model.kernel import NextHop, Route
from homelab.model.operation import (
    AddFilterRule,
    AddRoute,
    DeleteRoute,
    FilterRule,
    Operation,
    SetSysctl,
)
from homelab.model.place import ROUTER, Place
from homelab.model.trace import Target
from homelab.system.carry_out import run_many
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.probe import NOT_POSSIBLE, probe
from homelab.system.routes import change_routes
from homelab.system.saved_rules import tables
from homelab.system.simulate_places import ruleset
from homelab.system.sysctl import set_sysctl
from tests.contract.contract_worlds import NAME, PLACE, Kernel, ip, kernel_world, settle, within

pytestmark = pytest.mark.kernel

PEER = f"{NAME}-peer"


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    yield from kernel_world()


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A door to a machine behind ssh: a program of that name runs the command in the namespace."""
    program = tmp_path / "ssh"
    program.write_text(
        f'#!/bin/sh\nfor last; do :; done\nexec ip netns exec {NAME} sh -c "$last"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Door(ROUTER, ssh=Connection("ssh", "root@router"))


@pytest.fixture
def neighbour(kernel: Kernel) -> Iterator[None]:
    """Another namespace on the other end of v0: it answers, refuses, rejects, or keeps silent."""
    ip("netns", "add", PEER)
    server = None
    try:
        within("link", "set", "v1", "netns", PEER)
        for words in (
            "link set lo up",
            "addr add 10.77.0.2/24 dev v1",
            "addr add fd77::2/64 dev v1 nodad",
            "link set v1 up",
        ):
            ip("-n", PEER, *words.split())
        server = subprocess.Popen(
            ["ip", "netns", "exec", PEER, "busybox", "httpd", "-f", "-p", "80", "-h", "/usr"]
        )
        for port, fate in (("81", "REJECT"), ("82", "DROP")):
            words = f"iptables -A INPUT -p tcp --dport {port} -j {fate}"
            subprocess.run(["ip", "netns", "exec", PEER, *words.split()], check=True)
        settle(kernel)
        time.sleep(1)
        yield
    finally:
        if server:
            server.terminate()
            server.wait()
        ip("netns", "del", PEER)


def route(destination: str, via: str = "10.77.0.11") -> Route:
    return Route(ip_network(destination), (NextHop(ip_address(via)),), protocol="201")


def open_handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def ours(kernel: Kernel) -> list[str]:
    return sorted(str(each.destination) for each in kernel.read().routes if each.protocol == "201")


@pytest.mark.usefixtures("neighbour")
def test_a_probe_tells_each_fate(kernel: Kernel) -> None:
    within("route", "add", "unreachable", "10.80.0.0/24")
    within("route", "add", "blackhole", "10.81.0.0/24")
    expected = {
        Target(ip_address("10.77.0.2")): "answered",
        Target(ip_address("fd77::2")): "answered",
        Target(ip_address("10.77.0.2"), "tcp", 80): "answered",
        Target(ip_address("10.77.0.2"), "tcp", 9): "refused",
        Target(ip_address("fd77::2"), "tcp", 9): "refused",
        Target(ip_address("10.77.0.2"), "tcp", 81): "unreachable",
        Target(ip_address("10.77.0.2"), "tcp", 82): "timeout",
        Target(ip_address("10.77.0.2"), "udp", 9): "refused",
        Target(ip_address("10.77.0.9")): "timeout",
        Target(ip_address("10.80.0.1")): "unreachable",
        Target(ip_address("10.81.0.1"), "tcp", 80): "error: Invalid argument",
        Target(ip_address("10.82.0.1")): "unreachable",
        Target(ip_address("10.77.0.2"), "sctp", 9): "error: no probe speaks sctp",
    }
    handles = open_handles()

    said = probe(kernel.door(PLACE), tuple(expected), timeout=0.8)

    assert dict(zip(expected, said, strict=True)) == expected
    assert open_handles() == handles


@pytest.mark.usefixtures("neighbour")
def test_many_probes_take_no_longer_than_one(kernel: Kernel) -> None:
    begin = time.monotonic()

    said = probe(kernel.door(PLACE), (Target(ip_address("10.77.0.2")),) * 300)

    assert set(said) == {"answered"}
    assert time.monotonic() - begin < 1


def test_a_machine_behind_ssh_is_not_probed(ssh: Door) -> None:
    assert probe(ssh, (Target(ip_address("10.77.0.2")),)) == (NOT_POSSIBLE,)


def test_a_door_to_nowhere_says_so() -> None:
    with pytest.raises(OperationError, match="nowhere: /run/netns/none-such: No such file"):
        inside(Door(Place("nowhere"), "/run/netns/none-such"), list)
    with pytest.raises(OperationError, match="nowhere: setns /proc/self/status: Invalid argument"):
        inside(Door(Place("nowhere"), "/proc/self/status"), list)


def test_a_router_behind_ssh_keeps_the_same_promises(kernel: Kernel, ssh: Door) -> None:
    here = route("10.90.1.0/24")
    change_routes(ssh, [AddRoute(ROUTER, here), AddRoute(ROUTER, route("fd90::/64", "fd77::11"))])
    assert ours(kernel) == ["10.90.1.0/24", "fd90::/64"]

    with pytest.raises(OperationError, match=r"router: a route to 10\.90\.1\.0/24 already exists"):
        change_routes(ssh, [AddRoute(ROUTER, route("10.90.9.0/24")), AddRoute(ROUTER, here)])
    with pytest.raises(OperationError, match=r"cannot go via 10\.78\.0\.11"):
        change_routes(ssh, [AddRoute(ROUTER, route("10.90.2.0/24", "10.78.0.11"))])
    assert ours(kernel) == ["10.90.1.0/24", "fd90::/64"]

    change_routes(ssh, [DeleteRoute(ROUTER, here)])
    with pytest.raises(OperationError, match="to delete"):
        change_routes(ssh, [DeleteRoute(ROUTER, here)])

    set_sysctl(ssh, SetSysctl(ROUTER, "net.ipv4.conf.v0.rp_filter", "2", "0"))
    assert kernel.read().sysctls["net.ipv4.conf.v0.rp_filter"] == "2"


def test_a_batch_of_routes_is_carried_out_whole_or_not_at_all(kernel: Kernel) -> None:
    many = [route(f"10.91.{number}.0/24") for number in range(40)]
    strange = replace(many[0], hops=(NextHop(ip_address("10.77.0.11"), "no'such#one"),))
    door = kernel.door(PLACE)
    change_routes(door, [AddRoute(PLACE, many[20])])

    with pytest.raises(OperationError, match=r"10\.91\.20\.0/24 already exists \(10\.91\.20"):
        change_routes(door, [AddRoute(PLACE, each) for each in many])
    with pytest.raises(OperationError, match="there is no link no'such#one"):
        change_routes(door, [AddRoute(PLACE, many[1]), AddRoute(PLACE, strange)])
    assert ours(kernel) == ["10.91.20.0/24"]

    with pytest.raises(OperationError, match=r"10\.91\.1\.0/24 .*to delete"):
        change_routes(door, [DeleteRoute(PLACE, many[each]) for each in (20, 1)])
    assert ours(kernel) == ["10.91.20.0/24"]


def test_what_is_not_accepted_by_the_kernel_is_told_in_its_words(kernel: Kernel) -> None:
    with pytest.raises(OperationError, match=r"v0\.rp_filter: Invalid argument"):
        set_sysctl(kernel.door(PLACE), SetSysctl(PLACE, "net.ipv4.conf.v0.rp_filter", "x", "0"))
    wrong = Route(ip_network("10.90.1.0/24"), kind="multicast", protocol="201", hops=(NextHop(),))
    with pytest.raises(OperationError, match=r"ip route multicast 10\.90\.1\.0/24 proto 201: "):
        change_routes(kernel.door(PLACE), [AddRoute(PLACE, wrong)])


def test_a_sysctl_that_the_kernel_changes_again_did_not_hold(kernel: Kernel) -> None:
    # arp_evict_nocarrier and the like take 0 or 1; the kernel shows what it made of the rest.
    with pytest.raises(OperationError, match=r"is 0 after 00 was written"):
        set_sysctl(kernel.door(PLACE), SetSysctl(PLACE, "net.ipv4.ip_forward", "00", "0"))


def test_neighbours_go_to_their_tool_together_all_or_none(kernel: Kernel) -> None:
    accept = FilterRule("iptables-nft", "filter", "FORWARD", "a")
    steps: list[Operation] = [
        AddRoute(PLACE, route("10.90.1.0/24")),
        AddRoute(PLACE, route("10.90.2.0/24")),
        SetSysctl(PLACE, "net.ipv4.ip_forward", "1", "0"),
        AddFilterRule(PLACE, accept),
        AddFilterRule(PLACE, FilterRule("iptables-nft", "filter", "FORWARD", "b")),
        AddRoute(PLACE, route("10.90.3.0/24")),
        AddRoute(PLACE, route("10.90.1.0/24")),
    ]
    done: list[Operation] = []

    with pytest.raises(OperationError, match=r"10\.90\.1\.0/24 already exists"):
        done.extend(run_many(steps, kernel))

    assert done == steps[:5]
    assert ours(kernel) == ["10.90.1.0/24", "10.90.2.0/24"]
    assert len(tables(ruleset(kernel.read(), "iptables-nft"))["filter"].of("HOMELAB")) == 2


def test_a_hundred_routes_are_quick(kernel: Kernel) -> None:
    steps = [AddRoute(PLACE, route(f"10.91.{number}.0/24")) for number in range(100)]
    begin = time.monotonic()

    assert list(run_many(steps, kernel)) == steps

    assert time.monotonic() - begin < 2
    assert len(ours(kernel)) == 100
