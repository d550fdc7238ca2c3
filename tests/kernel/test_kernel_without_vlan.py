"""What is said of this kernel's VLANs is what it does: links of them, and bridges that filter them."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from homelab.checks import FAULTS
from homelab.model.finding import Case
from homelab.model.place import HOST
from homelab.system.doors import Door
from homelab.system.kernel_features import lacking
from homelab.system.namespaces import read_namespace
from tests.resources.vlan_lab import blocked, host, inventory

pytestmark = pytest.mark.kernel

NAME = f"vlanless-{os.getpid()}"
LINK = "ip -n {0} link add v0 type veth peer name v1; ip -n {0} link add link v0 name v0.20 type vlan id 20"
BRIDGE = "ip -n {0} link add b0 type bridge vlan_filtering 1"


@pytest.fixture
def place() -> Iterator[str]:
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    yield NAME
    subprocess.run(["ip", "netns", "del", NAME], check=True)


@pytest.mark.parametrize(("feature", "script"), [("8021q", LINK), ("vlan_filtering", BRIDGE)])
def test_what_is_said_of_the_kernel_is_what_it_does(place: str, feature: str, script: str) -> None:
    done = subprocess.run(["sh", "-euc", script.format(place)], capture_output=True, check=False)

    assert (done.returncode != 0) == (feature in lacking())
    assert read_namespace(Door(HOST, f"/run/netns/{place}")).links


def test_an_unfit_kernel_is_named_before_anything_is_touched() -> None:
    lacks, wanted = lacking(), inventory()
    snapshot = host(lacks=lacks)

    (check,) = (each for each in FAULTS if each.code == "kernel-without-vlan")
    told = [each.explains for each in check.sees(Case(wanted, snapshot, ()))]

    assert any("no 8021q" in each for each in told) == ("8021q" in lacks)
    assert any("kernel-without-vlan" in each for each in blocked(wanted, snapshot)) == bool(lacks)
