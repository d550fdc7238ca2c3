"""A table of connections that is full, in the one kernel whose limit is ours: real packets are dropped until it is raised."""

import ctypes
import multiprocessing
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from homelab.model.finding import Finding
from homelab.model.inventory import Host, Inventory
from homelab.model.operation import SetSysctl
from homelab.model.place import HOST
from homelab.system.live import LiveSystem
from homelab.workflow.look import diagnose
from tests.kernel.vlan_capture import BUILD, NAMES
from tests.vm.test_vm_vlans import PATIENCE, network, shell

pytestmark = pytest.mark.vlan

APP, PORT, MANY = "10.90.1.10", 8080, 12
LIMIT = "net.netfilter.nf_conntrack_max"
TRACKED = "ip netns exec host iptables -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT"
INVENTORY = Inventory(hosts=(Host("nuc", uplink="br0.10"),))


def enter(place: str) -> None:
    with Path(f"/run/netns/{place}").open() as there:
        done = ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0)
    assert done == 0, os.strerror(ctypes.get_errno())


@contextmanager
def beside(place: str, work: Callable[[Connection], object]) -> Iterator[Connection]:
    """A child of this process that works in a place; to start Python anew takes seconds here."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()

    def go() -> None:
        enter(place)
        work(theirs)

    child = fork.Process(target=go)
    child.start()
    try:
        assert ours.poll(2 * PATIENCE), f"nothing comes from {place}"
        yield ours
    finally:
        child.kill()
        child.join()


def answer(told: Connection) -> None:
    """A service that takes whoever comes, and keeps him."""
    with socket.create_server((APP, PORT), backlog=MANY) as listening:
        told.send("ready")
        held = [listening.accept() for _ in range(MANY)]
        told.send(len(held))
        told.recv()


def connect(told: Connection) -> None:
    """As many connections as the table may hold: each is assured, and none makes room for another."""
    held = [socket.create_connection((APP, PORT), timeout=PATIENCE) for _ in range(MANY)]
    told.send(len(held))
    told.recv()


def look(told: Connection) -> None:
    told.send(diagnose(INVENTORY, LiveSystem(INVENTORY, timeout=PATIENCE).read()).findings)


def found() -> tuple[Finding, ...]:
    with beside("host", look) as said:
        findings: tuple[Finding, ...] = said.recv()
        return findings


def arrives() -> bool:
    words = f"ip netns exec client ping -c 1 -W 3 {APP}".split()
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_full_table_of_connections_is_named_and_its_fix_lets_new_ones_in() -> None:
    shell("modprobe nf_conntrack")
    before = Path(f"/proc/sys/{LIMIT.replace('.', '/')}").read_text().strip()
    try:
        with network(f"{BUILD}{TRACKED}", NAMES) as built:
            assert built
            assert arrives()
            with beside("app", answer) as service, beside("client", connect) as client:
                assert (service.recv(), client.recv()) == ("ready", MANY)
                shell(f"sysctl -qw {LIMIT}={MANY}")
                assert not arrives()

                first = found()[0]

                assert (first.fault, first.at) == ("conntrack-table-full", HOST)
                assert first.fix is not None
                wanted = SetSysctl(HOST, LIMIT, str(2 * MANY), str(MANY))
                assert first.fix.operations == (wanted,)
                shell(f"sysctl -qw {wanted.key}={wanted.value}")
                assert arrives()
    finally:
        shell(f"sysctl -qw {LIMIT}={before}")
