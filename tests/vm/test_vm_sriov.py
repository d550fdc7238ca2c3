"""An SR-IOV card: functions made, set and taken away by homelab, a real LXD guest on one, and its faults named.

Run by ``make sriov-test``: the card is QEMU's igb, which QEMU 7 of Debian 12 does not have.
"""

import json
from collections.abc import Iterator

import pytest

from tests.vm.lxd_in_vm import Lab, lxd, pings, run, sh, small_image

pytestmark = pytest.mark.vmlab

INVENTORY = """
vlans:
  servers: {id: 20, subnet: 10.20.0.0/24}
  guests: {id: 30}
hosts:
  nuc:
    uplink: eth0
    router: edge
    vlans: [servers, guests]
    cards:
      eth0: {functions: 7, settings: {6: {vlan: guests, spoof_check: false}}}
routers:
  edge: {connection: "netns://router"}
guests:
  web:
    nic: {card: eth0, vlan: servers, spoof_check: false, address: 10.20.0.12}
"""
# eth0 is the card, eth1 is at the other end of its cable: a router that speaks tags.
BUILD = """
modprobe -a igb igbvf 8021q bridge veth
for n in $(seq 50); do [ -e /sys/class/net/eth1 ] && break; sleep 0.2; done
sysctl -qw net.ipv4.ip_forward=1
ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.0.1
ip netns add router; ip link set eth1 netns router; ip -n router link set lo up; ip -n router link set eth1 up
ip -n router addr add 10.0.0.1/24 dev eth1
for v in 20 30; do
    ip -n router link add link eth1 name eth1.$v type vlan id $v
    ip -n router addr add 10.$v.0.1/24 dev eth1.$v; ip -n router link set eth1.$v up
done
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
"""
# A network of containers in the guest, as Podman makes one: a bridge, and a namespace behind it.
APPS = """
pid=$(lxc info web | awk '$1 == "PID:" {print $2}')
inside() { nsenter -t $pid -n "$@"; }
ip netns add app; ip -n app link add eth0 type veth peer name vapp netns $pid
inside ip link add br-apps type bridge; inside ip link set br-apps up; inside ip link set vapp master br-apps up
inside ip addr add 10.90.1.1/24 dev br-apps; inside sysctl -qw net.ipv4.ip_forward=1
ip -n app link set eth0 up; ip -n app addr add 10.90.1.10/24 dev eth0; ip -n app route add default via 10.90.1.1
ip -n router route add 10.90.1.0/24 via 10.20.0.12
"""
# The same namespace, bridged into the VLAN with its own address of Ethernet.
BRIDGED = """
pid=$(lxc info web | awk '$1 == "PID:" {print $2}')
inside() { nsenter -t $pid -n "$@"; }
inside ip addr flush dev br-apps; inside ip link set eth0 master br-apps; inside ip addr add 10.20.0.13/24 dev br-apps
ip -n app addr flush dev eth0; ip -n app addr add 10.20.0.50/24 dev eth0; ip -n app route add default via 10.20.0.1
ip link set eth0 vf VF spoofchk on
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    sh(BUILD)
    with lxd():
        image = str(small_image("10.20.0.12/24", "10.20.0.1"))
        run("lxc", "image", "import", image, "--alias", "small")
        run("lxc", "init", "small", "web")
        run("lxc", "config", "device", "add", "web", "eth0", "nic", "nictype=p2p", "name=eth0")
        run("lxc", "start", "web")
        yield Lab(INVENTORY)


def functions() -> dict[int, tuple[int, bool]]:
    """VLAN and spoof check of each."""
    rows = json.loads(run("ip", "-d", "-j", "link", "show", "dev", "eth0"))[0]
    return {
        each["vf"]: (
            (each.get("vlan_list") or [{}])[0].get("vlan", each.get("vlan", 0)),
            each["spoofchk"],
        )
        for each in rows.get("vfinfo_list", [])
    }


def devices() -> str:
    return run("lxc", "config", "show", "web").split("devices:")[1]


def test_functions_are_made_and_a_guest_is_reached_on_one(lab: Lab) -> None:
    lab.apply()
    assert lab.differs() == []
    made = functions()
    assert len(made) == 7
    assert made[6] == (30, False)
    assert (20, False) in made.values()
    assert pings("router", "10.20.0.12")
    sh(APPS)
    assert pings("router", "10.90.1.10")


@pytest.mark.xfail(reason="the network in the guest is not judged yet: no finding, seen 2026-11-29")
def test_faults_of_a_function_are_named_and_destroy_leaves_no_trace(lab: Lab) -> None:
    (taken,) = (n for n, each in functions().items() if each == (20, False))
    sh(f"ip link set eth0 vf {taken} vlan 30")
    assert not pings("router", "10.20.0.12", tries=1)
    found = lab.diagnosis().findings[0]
    assert found.fault == "sriov-vf-vlan"
    assert found.fix is not None
    assert found.fix.commands == (f"ip link set eth0 vf {taken} vlan 20",)
    sh(found.fix.commands[0])
    assert pings("router", "10.90.1.10")

    sh(BRIDGED.replace("VF", str(taken)))
    assert not pings("router", "10.20.0.50", tries=1)
    assert lab.diagnosis().findings[0].fault == "sriov-spoof-check"

    lab.destroy()
    assert functions() == {}
    assert "p2p" in devices()
    assert "homelab" not in run("lxc", "config", "show", "web")
    assert "homelab" not in run("ip", "link", "show", "dev", "eth0")
