"""Builds a lab with VLANs of network namespaces, breaks it in many ways, and writes down what its kernel shows.

Run as root on a machine whose kernel has 8021q and VLAN-aware bridges; tests/captures/vlan was made by it in a
virtual machine with Debian's 6.1: ``python -m tests.kernel.vlan_capture DIRECTORY [FAULT …]``.

client 192.168.1.9 - router 192.168.1.1, lan.10 10.10.0.1 - trunk - host br0 (br0.10 10.10.0.2, br0.20 10.20.0.1) -
access port in VLAN 20 - guest 10.20.0.12 - br-apps 10.90.1.1 - app 10.90.1.10
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from homelab.model.place import netns
from homelab.model.trace import Target
from homelab.system.collect import collect
from homelab.system.doors import Door
from homelab.system.namespaces import parse
from homelab.system.netns_ids import Question, inode, netns_ids
from homelab.system.probe import probe

NAMES = ("client", "router", "host", "guest", "app")
ADDRESSES = ("10.10.0.1", "10.10.0.2", "10.20.0.1", "10.20.0.12", "10.90.1.10", "192.168.1.9")
KEPT = ("links", "vlans", "fdb", "ipv4", "ipv6", "sockets", "sysctls", "nft")
ANSWER_TIME = 1.0
PATIENCE = 60.0
BUILD = """
for n in client router host guest app; do
  ip netns add $n; ip -n $n link set lo up; ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
wire() { ip link add $2 netns $1 type veth peer name $4 netns $3; ip -n $1 link set $2 up; ip -n $3 link set $4 up; }
wire client eth0 router lan0; wire router lan host eth0; wire host vweb guest eth0; wire guest vapp app eth0
ip -n host link add spare type dummy; ip -n host link set spare up
ip -n host link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0; ip -n host link set br0 up
ip -n host link set eth0 master br0; ip -n host link set vweb master br0
bridge -n host vlan add dev eth0 vid 10; bridge -n host vlan add dev vweb vid 20 pvid untagged
for v in 10 20; do
  bridge -n host vlan add dev br0 vid $v self; ip -n host link add link br0 name br0.$v type vlan id $v
  ip -n host link set br0.$v up
done
ip -n router link add link lan name lan.10 type vlan id 10; ip -n router link set lan.10 up
ip -n guest link add br-apps type bridge; ip -n guest link set br-apps up; ip -n guest link set vapp master br-apps
addr() { ip -n $1 addr add $3 dev $2; }
addr client eth0 192.168.1.9/24; addr router lan0 192.168.1.1/24; addr router lan.10 10.10.0.1/24
addr host br0.10 10.10.0.2/24; addr host br0.20 10.20.0.1/24; addr guest eth0 10.20.0.12/24
addr guest br-apps 10.90.1.1/24; addr app eth0 10.90.1.10/24
ip -n client route add default via 192.168.1.1; ip -n host route add default via 10.10.0.1
ip -n guest route add default via 10.20.0.1; ip -n app route add default via 10.90.1.1
ip -n router route add 10.20.0.0/24 via 10.10.0.2; ip -n router route add 10.90.1.0/24 via 10.10.0.2
ip -n host route add 10.90.1.0/24 via 10.20.0.12
for n in router host guest; do
  ip netns exec $n sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 net.ipv4.conf.all.send_redirects=0
  ip netns exec $n sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
done
"""
UNDO = "for n in client router host guest app; do ip netns del $n; done"
# What is broken, under the code of the fault that it is.
FAULTS: Mapping[str, str] = {
    "healthy": ":",
    "vlan-missing-on-port": "bridge -n host vlan del dev eth0 vid 10",
    "vlan-pvid-mismatch": "bridge -n host vlan del dev vweb vid 20;"
    " bridge -n host vlan add dev vweb vid 30 pvid untagged",
    "vlan-pvid-mismatch.none": "bridge -n host vlan del dev vweb vid 20",
    "vlan-missing-on-bridge-self": "bridge -n host vlan del dev br0 vid 20 self",
    "vlan-missing-on-bridge-self.uplink": "bridge -n host vlan del dev br0 vid 10 self",
    "vlan-filtering-off": "ip -n host link set br0 type bridge vlan_filtering 0",
    "vlan-link-down": "ip -n host link set br0.20 down",
    "vlan-link-down.uplink": "ip -n host link set br0.10 down",
    "vlan-wrong-parent": """
ip -n host link del br0.20; ip -n host link add link spare name br0.20 type vlan id 20
ip -n host link set br0.20 up; ip -n host addr add 10.20.0.1/24 dev br0.20
ip -n host route add 10.90.1.0/24 via 10.20.0.12""",
    "vlan-id-duplicate": """
ip -n host link add link spare name old20 type vlan id 20; ip -n host link set old20 up
ip -n host addr add 10.20.0.2/24 dev old20; ip -n host route replace 10.90.1.0/24 via 10.20.0.12 dev old20""",
    "vlan-mtu": "ip -n router link set lan mtu 1400",
    "vlan-native-mismatch.untagged": "bridge -n host vlan add dev eth0 vid 10 untagged",
    "vlan-native-mismatch.tagged": "bridge -n host vlan add dev vweb vid 20",
    "vlan-native-mismatch.router": """
ip -n router addr del 10.10.0.1/24 dev lan.10; ip -n router addr add 10.10.0.1/24 dev lan
ip -n router route add 10.20.0.0/24 via 10.10.0.2; ip -n router route add 10.90.1.0/24 via 10.10.0.2""",
    "vlan-missing-on-bridge-self.other": """
ip -n router link del lan.10; ip -n router link add link lan name lan.10 type vlan id 11
ip -n router link set lan.10 up; ip -n router addr add 10.10.0.1/24 dev lan.10
ip -n router route add 10.20.0.0/24 via 10.10.0.2; ip -n router route add 10.90.1.0/24 via 10.10.0.2
bridge -n host vlan add dev eth0 vid 11""",
    "nic-wrong-vlan": """
bridge -n host vlan add dev vweb vid 20
ip -n guest addr del 10.20.0.12/24 dev eth0; ip -n guest link add link eth0 name eth0.30 type vlan id 30
ip -n guest link set eth0.30 up; ip -n guest addr add 10.20.0.12/24 dev eth0.30
ip -n guest route add default via 10.20.0.1""",
}


def main(folder: Path, *names: str) -> None:
    for name in names or FAULTS:
        _shell(BUILD)
        try:
            _shell(FAULTS[name])
            (folder / f"{name}.json").write_text(json.dumps(_seen(), indent=1, sort_keys=True))
        finally:
            _shell(UNDO)


def _shell(script: str) -> None:
    subprocess.run(["sh", "-euc", script], check=True)


def _seen() -> dict[str, object]:
    """The places as they are, and what packets between them meet."""
    doors = {each: Door(netns(each), f"/run/netns/{each}") for each in NAMES}
    targets = [Target(ip_address(each)) for each in ADDRESSES]
    places, probes = {}, {}
    for name, door in doors.items():
        sections = collect(door, PATIENCE)
        ids = {each.peer_netns for each in parse(sections).links if each.peer_netns is not None}
        question = Question(door.netns, frozenset(ids), [each.netns for each in doors.values()])
        (known,) = netns_ids([question])
        places[name] = {
            "inode": inode(door.netns),
            "netns_ids": known,
            "sections": {key: each.text for key, each in sections.items() if key in KEPT},
        }
        met = probe(door, targets, ANSWER_TIME)
        probes[name] = dict(zip(ADDRESSES, met, strict=True))
    return {"places": places, "probes": probes, "large": _large()}


def _large() -> str:
    """What a packet of 1500 bytes from the container to the client meets."""
    ping = "ip netns exec app ping -M do -s 1472 -c 1 -W 1 192.168.1.9"
    done = subprocess.run(ping.split(), capture_output=True, check=False)
    return "timeout" if done.returncode else "answered"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
