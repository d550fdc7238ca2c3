"""What a kernel tells of its routes, sysctls and rules, in a namespace of the test's own."""

import os
import subprocess
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import pytest

from homelab.model.place import HOST, Place, netns
from homelab.system.doors import Door
from homelab.system.kernel_events import KernelEvents

pytestmark = pytest.mark.kernel

NAME = f"keep-ev-{os.getpid()}"
HERE = netns(NAME)
PATIENCE = 10


@pytest.fixture
def door() -> Iterator[Door]:
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    try:
        run("ip link set lo up")
        yield Door(HERE, f"/run/netns/{NAME}")
    finally:
        subprocess.run(["ip", "netns", "del", NAME], check=True)


def run(command: str) -> None:
    subprocess.run(["ip", "netns", "exec", NAME, "sh", "-c", command], check=True)


def heard_of(command: str, door: Door) -> tuple[Place, str]:
    queue: SimpleQueue[tuple[Place, str]] = SimpleQueue()
    events = KernelEvents(lambda place, who: queue.put((place, who)))
    assert events.follow({door.place: door}) == {}
    run(command)
    first = queue.get(timeout=PATIENCE)
    events.follow({})
    return first


@pytest.mark.parametrize(
    "command",
    [
        "ip route add 10.99.0.0/24 dev lo",
        "ip addr add 10.99.1.1/24 dev lo",
        "ip rule add from 10.99.2.0/24 table 99",
        "ip link add keepv type veth peer name keepw",
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/ip_forward",
        "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
        "nft add table inet keep",
        "iptables-nft -A INPUT -j ACCEPT",
    ],
)
def test_a_change_is_heard(command: str, door: Door) -> None:
    assert heard_of(command, door)[0] == HERE


def test_who_deletes_is_told(door: Door) -> None:
    run("ip route add 10.99.0.0/24 dev lo")

    place, who = heard_of("ip route del 10.99.0.0/24", door)

    assert (place, who) == (HERE, f"a process of {HERE}")


def test_a_process_of_the_host_is_named_or_said_to_have_ended(door: Door) -> None:
    run("ip route add 10.99.0.0/24 dev lo")

    _, who = heard_of("ip route del 10.99.0.0/24", Door(HOST, door.netns))

    assert "(pid " in who


def test_what_is_not_followed_any_more_is_not_heard_and_what_cannot_be_is_named(door: Door) -> None:
    queue: SimpleQueue[Place] = SimpleQueue()
    events = KernelEvents(lambda place, _: queue.put(place))
    events.follow({HERE: door})
    gone = Door(netns("gone"), "/run/netns/keep-there-is-none")

    assert [*events.follow({gone.place: gone})] == [gone.place]

    run("ip route add 10.99.0.0/24 dev lo")
    with pytest.raises(Empty):
        queue.get(timeout=0.2)
