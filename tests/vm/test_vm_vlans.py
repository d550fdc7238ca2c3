"""VLANs on a kernel that has them: the model beside packets, and faults by their names.

Run in a virtual machine by ``tests/vm/vm run``, whose network namespaces are all ours.
"""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_address
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pytest

from homelab.diagnosis.tracer import Tracer
from homelab.model.inventory import Host, Inventory
from homelab.model.place import netns
from homelab.model.trace import Outcome, Target
from homelab.system.live import LiveSystem
from homelab.system.probe import probe
from homelab.workflow.agreement import EXPECTED, KNOWN
from homelab.workflow.look import diagnose
from tests.kernel.vlan_capture import BUILD, FAULTS, NAMES
from tests.vm.vlan_dice import PLACES, throw

pytestmark = pytest.mark.vlan

SEEDS = int(os.environ.get("HOMELAB_VLAN_SEEDS", "8"))
FIRST = int(os.environ.get("HOMELAB_VLAN_FIRST", "0"))
ANSWER_TIME = 1.5
PATIENCE = 60.0
"""An emulated machine is slow."""
INVENTORY = Inventory(hosts=(Host("nuc", uplink="br0.10"),))
REFUSED = 77
"""How a script ends that asks for two VLAN links of one id."""


def shell(script: str) -> int:
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=False)
    assert done.returncode in (0, REFUSED), done.stderr
    return done.returncode


@contextmanager
def network(script: str, places: Sequence[str]) -> Iterator[bool]:
    """Whether the network could be built; gone afterwards."""
    try:
        yield shell(script) == 0
    finally:
        for each in places:
            subprocess.run(["ip", "netns", "del", each], capture_output=True, check=False)


def compared(
    places: Sequence[str], targets: Sequence[Target], tally: Counter[str]
) -> Iterator[str]:
    """Where model and kernel differ."""
    system = LiveSystem(timeout=PATIENCE)
    tracer = Tracer(system.read())
    with ThreadPoolExecutor() as pool:
        doors = [system.door(netns(each)) for each in places]
        heard = list(pool.map(lambda door: probe(door, targets, ANSWER_TIME), doors))
    for place, said in zip(places, heard, strict=True):
        for target, met in zip(targets, said, strict=True):
            trace = tracer.trace(netns(place), target)
            tally[trace.outcome.value] += 1
            fits = EXPECTED[trace.outcome] | (set() if met in KNOWN else {met})
            real = met if met in fits else _again(system, place, target)
            if real not in fits:
                tally["wrong"] += 1
                yield f"{place} → {target}: {trace.outcome.value}, really {real}: {trace.cause}"


def _again(system: LiveSystem, place: str, target: Target) -> str:
    """A neighbour that was asked for in vain is asked for again after a second."""
    time.sleep(1.1)
    (said,) = probe(system.door(netns(place)), [target], ANSWER_TIME)
    return said


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_the_model_knows_what_becomes_of_a_tagged_frame(seed: int, tally: Counter[str]) -> None:
    thrown = throw(seed)
    ports = [Target(each, "tcp", 81) for each in thrown.addresses]
    targets = [*map(Target, thrown.addresses), *ports]
    with network(thrown.script, PLACES) as built:
        wrong = list(compared(PLACES, targets, tally)) if built else []

    assert not wrong, "\n".join(wrong)
    assert tally["unknown"] == 0


class Said(NamedTuple):
    """What a diagnosis says of the one network that there is."""

    network: tuple[str, str]
    reachable: bool | None
    faults: list[str]


def diagnosed() -> Said:
    """The diagnosis as it is made in the host's namespace, of a lab that is namespaces alone.

    In a child of this process: to start Python anew takes five seconds on an emulated machine.
    """
    fork = multiprocessing.get_context("fork")
    reader, writer = fork.Pipe(duplex=False)
    child = fork.Process(target=_diagnose, args=(writer,))
    child.start()
    assert reader.poll(2 * PATIENCE), "the diagnosis does not end"
    said: Said = reader.recv()
    child.join()
    return said


def _diagnose(told: Connection) -> None:
    with Path("/run/netns/host").open() as there:
        done = ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0)
    assert done == 0, os.strerror(ctypes.get_errno())
    found = diagnose(INVENTORY, LiveSystem(INVENTORY, timeout=PATIENCE).read())
    (judged,) = found.case.judgements
    name = judged.name.guest, judged.name.network
    told.send(Said(name, judged.reachable, [each.fault for each in found.findings]))


@pytest.mark.parametrize("name", [each for each in FAULTS if each != "vlan-mtu"])
def test_a_fault_of_vlans_is_named_first(name: str) -> None:
    with network(BUILD + FAULTS[name], NAMES) as built:
        assert built
        found = diagnosed()

    code = name.partition(".")[0]
    assert found.network == ("netns:guest", "br-apps")
    assert found.reachable is (code == "healthy")
    assert found.faults[:1] == ([] if code == "healthy" else [code])


def test_a_trunk_that_is_too_small_is_seen_by_who_goes_through_it() -> None:
    """Its router answers a client on the host's own LAN by another way, and the packet fits."""
    target = Target(ip_address("10.90.1.10"))
    with network(BUILD + FAULTS["vlan-mtu"], NAMES) as built:
        assert built
        trace = Tracer(LiveSystem(timeout=PATIENCE).read()).trace("netns:client", target)
        ping = "ip netns exec app ping -M do -s 1472 -c 1 -W 2 192.168.1.9"
        real = subprocess.run(ping.split(), capture_output=True, check=False)

    assert trace.outcome is Outcome.DELIVERED
    assert trace.large is not None
    assert trace.large.outcome is Outcome.DROPPED
    assert real.returncode != 0


def test_the_tag_is_seen_on_the_wire() -> None:
    with network(BUILD, NAMES) as built:
        assert built
        watch = ["ip", "netns", "exec", "router", sys.executable, "-c", WATCH]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as listening:
            assert listening.stdout is not None
            assert listening.stdout.readline() == "ready\n"
            shell("ip netns exec client ping -c 1 -W 5 10.90.1.10 >/dev/null")
            assert "8100000a0800" in listening.stdout.read()


# A packet socket shows the tag apart from the frame (packet(7), PACKET_AUXDATA): it is put back in its place.
WATCH = """
import socket, struct
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(263, 8, 1)
wire.bind(("lan", 0))
wire.settimeout(10)
print("ready", flush=True)
while True:
    frame, control, _, _ = wire.recvmsg(2048, 256)
    for level, kind, data in control:
        status, tag, tpid = struct.unpack("IIIHHHH", data)[0], *struct.unpack("IIIHHHH", data)[5:]
        if status & 16 and frame[12:14] == b"\\x08\\x00":
            print(f"{tpid:04x}{tag & 0xfff:04x}" + frame[12:14].hex(), flush=True)
            raise SystemExit
"""
