"""Faults of the host, of its bridges and neighbours, in namespaces: named first, mended as told, answered again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.named import Broken, arrives, carry_out, diagnosed, follow
from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel

APP, APP6, FAR6 = "10.4.0.10", "fd04::10", "fd02:0:0:4::10"
# The guest hangs on the uplink's bridge, beside the host: frames between router and guest only cross it.
BESIDE = {
    "host": "ip link set eth0 master br0; ip addr flush dev eth0 scope global; ip addr flush dev br0 scope global;"
    " ip addr add 10.2.0.2/24 dev br0; ip addr add fd02::2/64 dev br0 nodad; ip route replace default via 10.2.0.1;"
    " ip -6 route replace default via fd02::1;"
    " sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1",
    "guest": "ip addr flush dev eth0 scope global; ip addr add 10.2.0.3/24 dev eth0;"
    " ip addr add fd02::3/64 dev eth0 nodad; ip route replace default via 10.2.0.1; ip -6 route replace default via fd02::1",
    "router": "ip route replace 10.4.0.0/24 via 10.2.0.3; ip -6 route replace fd04::/64 via fd02::3",
}
NFT_DROP = (
    "nft 'add table ip x; add chain ip x f { type filter hook forward priority 0; };"
    " add rule ip x f ip daddr 10.4.0.0/24 drop'"
)
# A second machine on the guests' bridge, which will take the guest's address.
SECOND = {
    "web": "ip link del eth0; ip link add eth1 type veth peer name vdup netns $host; ip link set eth1 up;"
    " ip addr add 10.3.0.3/24 dev eth1; ip addr add fd03::3/64 dev eth1 nodad; ip route add default via 10.3.0.1;"
    " ip -6 route add default via fd03::1; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    "host": "ip link set vdup master br0 up",
}
TAKES_IT = "mac=$(ip netns exec $web cat /sys/class/net/eth1/address); ip neigh replace {} lladdr $mac dev br0 nud reachable"
# What the guest's bridge has is reached through a veth pair of the host's own, behind which frames are bridged.
ROUND = {
    "host": "ip link add t0 type veth peer name t1; ip link set t1 master br0 up; ip addr flush dev br0 scope global;"
    " ip addr add 10.3.0.1/24 dev t0; ip addr add fd03::1/64 dev t0 nodad; ip link set t0 up;"
    " ip route replace 10.4.0.0/24 via 10.3.0.2; ip -6 route replace fd04::/64 via fd03::2;"
    " sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0;"
    " iptables -t nat -A POSTROUTING -o t0 -j MASQUERADE; iptables -P FORWARD DROP;"
    " iptables -A FORWARD -i eth0 -j ACCEPT; iptables -A FORWARD -o eth0 -j ACCEPT",
}
# What a router says of itself and of fd03::/64 (RFC 4861, 4.2 and 4.6.2), once.
ADVERTISE = """python3 - <<'PY'
import socket, struct
wire = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex("br0")
said = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
said += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "fd03::")
wire.sendto(said, ("ff02::1", 0, 0, index))
PY
for each in 1 2 3 4 5 6 7 8 9 10; do ip -n $guest -6 route show default | grep -q ra && break; sleep 0.1; done
"""
LEARNS = {
    "guest": "ip -6 addr flush dev eth0 scope global; ip -6 route flush default;"
    " sysctl -qw net.ipv6.conf.eth0.forwarding=0 net.ipv6.conf.eth0.accept_ra=1 net.ipv6.conf.eth0.autoconf=1;"
    " ip addr add fd03::2/64 dev eth0 nodad",
    "host": ADVERTISE,
}
# The containers' subnet lies in the prefix that the uplink has; the router is told of a route to it.
INSIDE = {
    "host": "ip addr del fd02::2/64 dev eth0; ip addr add fd02::2/48 dev eth0 nodad; ip -6 route replace default via fd02::1;"
    " ip -6 route add fd02:0:0:4::/64 via fd03::2",
    "guest": "ip -6 addr flush dev br-app scope global; ip addr add fd02:0:0:4::1/64 dev br-app nodad",
    "app": "ip -6 addr flush dev eth0 scope global; ip addr add fd02:0:0:4::10/64 dev eth0 nodad;"
    " ip -6 route replace default via fd02:0:0:4::1",
    "web": "ip -6 addr flush dev eth0 scope global",
    "router": "ip addr del fd02::1/64 dev wan; ip addr add fd02::1/48 dev wan nodad; ip -6 route replace fd03::/64 via fd02::2;"
    " ip -6 route add fd02:0:0:4::/64 via fd02::2",
}
# The guest's NIC is a macvlan of the uplink.
MACVLAN = {
    "host": "ip link del vguest; ip link add mv0 link eth0 type macvlan mode bridge; ip link set mv0 netns $guest name eth0;"
    " ip route replace 10.4.0.0/24 via 10.2.0.3 dev eth0; ip -6 route replace fd04::/64 via fd02::3 dev eth0",
    "guest": "ip link set eth0 up; ip addr add 10.2.0.3/24 dev eth0; ip addr add fd02::3/64 dev eth0 nodad;"
    " ip route replace default via 10.2.0.2; ip -6 route replace default via fd02::2",
}

FAULTS = {
    "br_netfilter and a policy": Broken(
        "host-br-netfilter-drop",
        "host",
        APP,
        {"host": "iptables -P FORWARD DROP"},
        {"kind": "policy", "stage": "bridged forward", "rule": "-P FORWARD DROP"},
        BESIDE,
    ),
    "br_netfilter and a rule": Broken(
        "host-br-netfilter-drop",
        "host",
        APP + ":80",
        {"host": "iptables-legacy -A FORWARD -d 10.4.0.0/24 -j DROP"},
        {"rule": "-A FORWARD -d 10.4.0.0/24 -j DROP", "tool": "iptables-legacy"},
        BESIDE,
    ),
    "br_netfilter in IPv6": Broken(
        "host-br-netfilter-drop",
        "host",
        APP6,
        {"host": "ip6tables -P FORWARD DROP"},
        {"kind": "policy", "stage": "bridged forward", "family": "ip6"},
        BESIDE,
    ),
    "br_netfilter and nft": Broken(
        "host-br-netfilter-drop",
        "host",
        APP,
        {"host": NFT_DROP},
        {"table": "x", "chain": "f", "rule": "ip daddr 10.4.0.0/24 drop"},
        BESIDE,
    ),
    "a second machine with the guest's address": Broken(
        "duplicate-address",
        "guest",
        APP,
        {"web": "ip addr add 10.3.0.2/24 dev eth1", "host": TAKES_IT.format("10.3.0.2")},
        {"direction": "forward"},
        SECOND,
        told=("10.3.0.2", "(eth0)", "(eth1)"),
        mend=False,
    ),
    "a second machine with the guest's address of IPv6": Broken(
        "duplicate-address",
        "guest",
        APP6,
        {"web": "ip addr add fd03::2/64 dev eth1 nodad", "host": TAKES_IT.format("fd03::2")},
        {},
        SECOND,
        told=("fd03::2", "(eth0)", "(eth1)"),
        mend=False,
    ),
    "a macvlan of the uplink": Broken(
        "host-macvlan-isolation", "host", APP, MACVLAN, {"kind": "link", "stage": "neighbour"}
    ),
    "a source that the guest cannot answer": Broken(
        "host-nat-breaks-source",
        "host",
        APP,
        {"host": "iptables -t nat -A POSTROUTING -d 10.4.0.0/24 -j SNAT --to-source 10.99.0.1"},
        {"kind": "route", "direction": "return"},
        {
            "guest": "ip route del default; ip route add 10.1.0.0/24 via 10.3.0.1; ip route add 10.2.0.0/24 via 10.3.0.1"
        },
    ),
    "a guest that no longer hears advertisements": Broken(
        "ipv6-accept-ra-lost",
        "guest",
        APP6,
        {"guest": "sysctl -qw net.ipv6.conf.eth0.forwarding=1"},
        {"kind": "route", "direction": "return"},
        LEARNS,
        {"host": ADVERTISE},
    ),
    "a subnet within the uplink's prefix": Broken(
        "ipv6-ndp-missing",
        "host",
        FAR6,
        {"router": "ip -6 route del fd02:0:0:4::/64"},
        {"kind": "neighbour", "stage": "neighbour"},
        INSIDE,
    ),
    "a frame that is bridged after its translation": Broken(
        "nat-double-tracking",
        "host",
        APP,
        {"host": "sysctl -qw net.bridge.bridge-nf-call-iptables=1"},
        {"stage": "bridged forward", "rule": "-P FORWARD DROP"},
        ROUND,
    ),
    "a bridge of the host with half the subnet": Broken(
        "subnet-overlap",
        "host",
        APP,
        {"host": "ip link add ov type bridge; ip addr add 10.4.0.1/25 dev ov; ip link set ov up"},
        {"kind": "neighbour"},
        told=("10.4.0.0/25 dev ov",),
        mend=False,
    ),
    "a bridge of the host with a part of the subnet of IPv6": Broken(
        "subnet-overlap",
        "host",
        APP6,
        {
            "host": "ip link add ov type bridge; ip addr add fd04::5/80 dev ov nodad; ip link set ov up"
        },
        {"kind": "neighbour"},
        told=("fd04::/80 dev ov",),
        mend=False,
    ),
}


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


@pytest.mark.parametrize("broken", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_the_first_finding_and_what_is_told_mends_it(
    built: World, tmp_path: Path, broken: Broken
) -> None:
    carry_out(built, broken.ground)
    if broken.ground:
        assert arrives(built, broken.probe)
    carry_out(built, broken.inject)
    assert not arrives(built, broken.probe)

    first = diagnosed(built, tmp_path, 1)["findings"][0]

    assert broken.is_told_by(first, built), first
    assert all(each in first["explains"] for each in broken.told), first
    if broken.mend:
        follow(built, [first])
        carry_out(built, broken.afterwards)
        assert arrives(built, broken.probe), first["fix"]


WANTS_VLANS = """
vlans:
  servers: {id: 20, subnet: 10.20.0.0/24}
hosts:
  nuc: {connection: local, uplink: eth0, vlans: [servers]}
"""


def test_a_kernel_without_vlans_is_told_before_anything_is_made(
    built: World, tmp_path: Path
) -> None:
    """And nothing is told on a kernel that has them."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/lab.yaml").write_text(WANTS_VLANS)
    try_one = "ip link add link eth0 name eth0.20 type vlan id 20"
    in_host = ["ip", "netns", "exec", built.names["host"], *try_one.split()]
    has_them = subprocess.run(in_host, capture_output=True, check=False).returncode == 0

    found = diagnosed(built, tmp_path, 0)["findings"]

    told = [(each["fault"], each["at"]) for each in found]
    assert told == ([] if has_them else [("kernel-without-vlan", "host")])
    assert has_them or "VLAN servers" in found[0]["explains"]
