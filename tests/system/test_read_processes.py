"""Which process of this machine is the init of which guest or container."""

import os
from pathlib import Path

import pytest

from homelab.model.docker import Daemon, DockerContainer
from homelab.model.inventory import Connection, Host, Inventory, Router
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, Place, guest
from homelab.system import processes as module
from homelab.system.doors import Door
from homelab.system.netns_ids import parse_reply, request
from homelab.system.processes import Process, host_pid, lxc_guests, monitored, parse_status, sweep
from homelab.system.whereabouts import (
    container_pid,
    container_places,
    guest_doors,
    local_host,
    related,
    router_doors,
    running,
)

LAB = {
    each.pid: each
    for each in (
        Process(1),
        Process(10, 1),
        Process(100, 10, (1,)),
        Process(110, 100, (7,)),
        Process(111, 110, (8, 1)),
        Process(200, 1, (1,)),
        Process(211, 200, (8, 1)),
        Process(300, 999, (8,)),
    )
}


def test_the_status_of_a_process_in_a_nested_namespace() -> None:
    text = "Name:\tsh\nPid:\t111\nPPid:\t110\nNSpid:\t111\t8\t1\n"

    assert parse_status(text) == Process(111, 110, (8, 1))
    assert parse_status("Name:\tsh\nPid:\t5\n") == Process(5)


@pytest.mark.parametrize(
    ("init", "inner", "found"), [(100, 8, 111), (200, 8, 211), (100, 9, None), (300, 8, 300)]
)
def test_a_pid_of_a_guest_is_found_among_its_descendants_only(
    init: int, inner: int, found: int | None
) -> None:
    assert host_pid(LAB, init, inner) == found


def test_a_circle_of_parents_ends() -> None:
    circle = {1: Process(1, 2, (8,)), 2: Process(2, 1)}

    assert host_pid(circle, 3, 8) is None


def test_a_daemon_of_the_host_counts_as_we_do() -> None:
    assert container_pid({}, Door(HOST), 42) == 42
    assert container_pid(LAB, Door(guest("web"), pid=100), 8) == 111


def test_our_own_process_is_seen() -> None:
    seen = sweep()

    assert seen[os.getpid()].parent == os.getppid()


def test_only_a_monitor_of_root_in_our_own_network_makes_a_guest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {20: Process(20, 10, (1,)), 21: Process(21, 11, (1,)), 22: Process(22, 12, (1,))}
    commands = {10: b"[lxc monitor] /var/lib/lxc web\0", 11: b"sh\0", 12: b"[lxc monitor] x ../y"}
    for pid, command in commands.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cmdline").write_bytes(command)
    monkeypatch.setattr(module, "_PROC", tmp_path)
    monkeypatch.setattr(module, "in_our_netns", lambda pid: pid != 13)

    assert lxc_guests(seen | {23: Process(23, 13, (1,))}) == {"web": 20}


@pytest.mark.parametrize(
    ("command", "cgroups", "name"),
    [
        (b"[lxc monitor] /var/lib/lxc web\0", "", "web"),
        (b"/usr/bin/lxc-start\0-F\0-n\x00101\0", "0::/lxc.monitor/101\n", "101"),
        (b"lxc-start\0--name=web\0-F\0", "", "web"),
        (b"lxc-start\0-nweb\0", "", "web"),
        (b"lxc-start\0-F\0web\0", "", "web"),
        (b"python3\0run.py\0", "1:name=x:/\n0::/lxc.monitor.web\n", "web"),
        (b"init\0", "0::/a/lxc.payload.web/b/lxc.monitor.db/c\n", None),
        (b"sh\0-c\0lxc-start -n web\0", "0::/\n", None),
        (b"", "", None),
    ],
)
def test_what_a_monitor_watches(command: bytes, cgroups: str, name: str | None) -> None:
    assert monitored(command, cgroups) == name


def test_routers_are_entered_as_the_inventory_says() -> None:
    routers = (
        Router("edge", Connection("netns", "edge")),
        Router("far", Connection("ssh", "root@10.0.0.1")),
        Router("near", Connection("local")),
        Router("box", Connection("none"), "openwrt"),
    )
    inventory = Inventory(hosts=(Host("nuc", router="edge"),), routers=routers)

    doors = list(router_doors(inventory))

    assert [each.place for each in doors] == ["router", "router:far", "router:near"]
    assert doors[0].netns == "/run/netns/edge"
    assert doors[1].ssh == Connection("ssh", "root@10.0.0.1")
    assert local_host(Inventory()) is None


def test_only_running_guests_have_a_door() -> None:
    instances = (Instance("web", "Running", 7), Instance("db", "Stopped"), Instance("x", "Running"))

    doors = list(guest_doors(running(Runtime("lxd", "5", instances))))

    assert doors == [Door(guest("web"), "/proc/7/ns/net", 7)]
    assert running(None) == {}


def test_only_running_containers_are_places() -> None:
    containers = (
        DockerContainer("1", "app", "running", 5),
        DockerContainer("2", "old", "exited"),
        DockerContainer("3", "odd", "running"),
    )
    daemon = Daemon("28", containers=containers)

    places = list(container_places({guest("web"): daemon, HOST: daemon}))

    assert places == [
        ("container:web/app", "guest:web", 5),
        ("container:host/app", "host", 5),
    ]


def test_the_neighbours_of_a_place_begin_with_the_host() -> None:
    names = ("netns:x", "host", "guest:web", "guest:db", "container:web/a", "container:db/b")
    doors = {Place(each): Door(Place(each)) for each in names}

    def places(of: str) -> list[str]:
        return [str(each.place) for each in related(Place(of), doors)]

    assert places("container:web/a") == ["host", "netns:x", "guest:web"]
    assert places("guest:web") == ["host", "netns:x", "container:web/a"]
    assert set(places("netns:x")) == set(names) - {"netns:x"}
    assert "host" not in places("host")


def test_a_question_for_a_netns_id_and_its_answers() -> None:
    assert request(5)[-8:] == b"\x08\x00\x03\x00\x05\x00\x00\x00"
    header = b"\x24\x00\x00\x00\x58\x00" + bytes(10) + bytes(4)

    assert parse_reply(header + b"\x08\x00\x01\x00\x03\x00\x00\x00") == 3
    assert parse_reply(header + b"\x08\x00\x01\x00\xff\xff\xff\xff") is None
    assert parse_reply(header + b"\x08\x00\x09\x00\x03\x00\x00\x00") is None
    assert parse_reply(header + b"\x01\x00\x01\x00") is None
    assert parse_reply(b"\x24\x00\x00\x00\x02\x00" + bytes(14)) is None
