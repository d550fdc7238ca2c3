"""An SR-IOV card: functions made, set and taken away by homelab, a real LXD guest on one, and its faults named.

Run by ``make sriov-test``: the card is QEMU's igb, which QEMU 7 of Debian 12 does not have.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.lxd_in_vm import document, homelab, lxd, pings, run, sh, small_image

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
in() { nsenter -t $pid -n "$@"; }
ip netns add app; ip link add eth0 netns app type veth peer name vapp; ip link set vapp netns $pid
in ip link add br-apps type bridge; in ip link set br-apps up; in ip link set vapp master br-apps up
in ip addr add 10.90.1.1/24 dev br-apps; in sysctl -qw net.ipv4.ip_forward=1
ip -n app link set eth0 up; ip -n app addr add 10.90.1.10/24 dev eth0; ip -n app route add default via 10.90.1.1
ip -n router route add 10.90.1.0/24 via 10.20.0.12
"""
# The same namespace, bridged into the VLAN with its own address of Ethernet.
BRIDGED = """
pid=$(lxc info web | awk '$1 == "PID:" {print $2}')
in() { nsenter -t $pid -n "$@"; }
in ip addr flush dev br-apps; in ip link set eth0 master br-apps; in ip addr add 10.20.0.13/24 dev br-apps
ip -n app addr flush dev eth0; ip -n app addr add 10.20.0.50/24 dev eth0; ip -n app route add default via 10.20.0.1
ip link set eth0 vf VF spoofchk on
"""


@pytest.fixture(scope="module")
def wanted() -> Iterator[Path]:
    path = Path("/run/card.yaml")
    path.write_text(INVENTORY)
    sh(BUILD)
    with lxd():
        run(
            "lxc",
            "image",
            "import",
            str(small_image("10.20.0.12/24", "10.20.0.1")),
            "--alias",
            "small",
        )
        run("lxc", "init", "small", "web", "-d", "root,size=")
        run("lxc", "config", "device", "add", "web", "eth0", "nic", "nictype=p2p", "name=eth0")
        run("lxc", "start", "web")
        yield path


def functions() -> dict[int, tuple[int, bool]]:
    (row,) = json.loads(run("ip", "-d", "-j", "link", "show", "dev", "eth0"))
    return {
        each["vf"]: (
            (each.get("vlan_list") or [{}])[0].get("vlan", each.get("vlan", 0)),
            each["spoofchk"],
        )
        for each in row.get("vfinfo_list", [])
    }


def test_functions_a_guest_on_one_its_faults_and_no_trace(wanted: Path) -> None:
    before = run("ip", "-d", "-j", "link", "show", "dev", "eth0")
    device = run("lxc", "config", "show", "web").split("devices:")[1]
    homelab(wanted, "apply", "--yes")
    assert "nothing to change" in homelab(wanted, "plan")
    made = functions()
    assert len(made) == 7
    assert made[6] == (30, False)
    (taken,) = (n for n, each in made.items() if each == (20, False))
    assert pings("router", "10.20.0.12")
    sh(APPS)
    assert pings("router", "10.90.1.10")
    assert document(wanted, "diagnose", "--no-probe")["findings"] == []

    sh(f"ip link set eth0 vf {taken} vlan 30")
    assert not pings("router", "10.20.0.12", tries=1)
    (found, *_) = document(wanted, "diagnose", "--no-probe", codes=(1, 3))["findings"]
    assert found["fault"] == "sriov-vf-vlan"
    assert found["fix"]["commands"] == [f"ip link set eth0 vf {taken} vlan 20"]
    sh(found["fix"]["commands"][0])
    assert pings("router", "10.90.1.10")

    sh(BRIDGED.replace("VF", str(taken)))
    assert not pings("router", "10.20.0.50", tries=1)
    faults = [
        each["fault"]
        for each in document(wanted, "diagnose", "--no-probe", codes=(1, 3))["findings"]
    ]
    assert faults[:1] == ["sriov-spoof-check"]

    homelab(wanted, "destroy", "--yes")
    assert functions() == {}
    assert run("lxc", "config", "show", "web").split("devices:")[1] == device
    assert "homelab" not in run("lxc", "config", "show", "web")
    assert json.loads(run("ip", "-d", "-j", "link", "show", "dev", "eth0"))[0].get(
        "ifalias"
    ) == json.loads(before)[0].get("ifalias")
