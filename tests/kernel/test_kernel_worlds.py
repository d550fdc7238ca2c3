"""The tracer against real kernels: the same packets, in worlds that are broken in many ways."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from homelab.model.trace import Target
from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel

ORIGINS = ["client", "router", "host", "guest", "app"]
TARGETS = [
    Target(ip_address(address), protocol, port)
    for address in (
        "10.4.0.10",
        "10.4.0.11",
        "10.4.0.1",
        "10.3.0.2",
        "10.1.0.2",
        "fd04::10",
        "fd04::1",
        "fd03::2",
        "fd01::2",
    )
    for protocol, port in (("icmp", None), ("tcp", 80), ("tcp", 81))
]
BY_SET = """
table inet mine {
    set away { type ipv4_addr; elements = { 10.4.0.10, 10.3.0.2 }; }
    chain f {
        type filter hook forward priority 10; policy accept;
        ip daddr @away tcp dport 80 drop
        ip6 daddr fd04::/64 meta l4proto ipv6-icmp reject
    }
}
"""
TWO_TABLES = """
table ip one {
    chain f { type filter hook forward priority -5; policy accept; ip daddr 10.4.0.0/24 accept; }
}
table ip two {
    chain f {
        type filter hook forward priority 5; policy drop;
        ip daddr 10.4.0.11 accept
        ct state established accept
    }
}
"""


def script(*lines: str) -> str:
    return "".join(lines)


# Each fault is (place, script) pairs, applied to a world of its own and undone by its end.
FAULTS: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "guest does not forward": [("guest", "sysctl -qw net.ipv4.ip_forward=0")],
    "host does not forward IPv6": [("host", "sysctl -qw net.ipv6.conf.all.forwarding=0")],
    "one link of the host does not forward": [
        ("host", "sysctl -qw net.ipv4.conf.eth0.forwarding=0")
    ],
    "no route on the router": [("router", "ip route del 10.4.0.0/24; ip -6 route del fd04::/64")],
    "no route on the host": [("host", "ip route del 10.4.0.0/24; ip route del default")],
    "no default route in the guest": [("guest", "ip route del default; ip -6 route del default")],
    "no default route in the container": [("app", "ip route del default")],
    "blackhole, unreachable, prohibit": [
        (
            "host",
            script(
                "ip route add blackhole 10.4.0.10/32; ip route add unreachable 10.4.0.11/32;",
                " ip route add prohibit 10.3.0.2/32; ip -6 route add blackhole fd04::10/128;",
                " ip -6 route add unreachable fd04::1/128; ip -6 route add prohibit fd03::2/128",
            ),
        )
    ],
    "wrong next hop": [("host", "ip route replace 10.4.0.0/24 via 10.3.0.77")],
    "on-link route without a next hop": [("host", "ip route replace 10.4.0.0/24 dev br0")],
    "on-link route, and the guest answers for its containers": [
        ("host", "ip route replace 10.4.0.0/24 dev br0"),
        ("guest", "sysctl -qw net.ipv4.conf.eth0.proxy_arp=1"),
    ],
    "strict rp_filter and an asymmetric route": [
        (
            "guest",
            script(
                "ip link add other type veth peer name other2; ip addr add 10.9.0.1/24 dev other;",
                " ip link set other up; ip link set other2 up; ip route add 10.1.0.0/24 via 10.9.0.9;",
                " sysctl -qw net.ipv4.conf.eth0.rp_filter=1",
            ),
        )
    ],
    "loose rp_filter and no way back": [
        ("guest", "ip route del default; sysctl -qw net.ipv4.conf.all.rp_filter=2")
    ],
    "a policy rule takes the reply elsewhere": [
        (
            "guest",
            script(
                "ip rule add to 10.1.0.0/24 lookup 77 priority 100; ip route add unreachable default table 77"
            ),
        )
    ],
    "a policy rule by mark": [
        (
            "host",
            script(
                "iptables -t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 7;",
                " ip rule add fwmark 7 lookup 78 priority 90; ip route add prohibit default table 78",
            ),
        )
    ],
    "FORWARD policy DROP": [("guest", "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP")],
    "FORWARD policy DROP, established accepted": [
        (
            "guest",
            script(
                "iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT;",
                " iptables -A FORWARD -i br-app -j ACCEPT",
            ),
        )
    ],
    "REJECT in FORWARD": [
        (
            "guest",
            script(
                "iptables -A FORWARD -d 10.4.0.10 -j REJECT;",
                " iptables -A FORWARD -d 10.4.0.11 -p tcp -j REJECT --reject-with tcp-reset;",
                " ip6tables -A FORWARD -d fd04::10 -j REJECT",
            ),
        )
    ],
    "raw drop of what does not come by the bridge": [
        ("guest", "iptables -t raw -A PREROUTING -d 10.4.0.10/32 ! -i br-app -j DROP")
    ],
    "the container drops what comes in": [("app", "iptables -A INPUT -p tcp --dport 80 -j DROP")],
    "the container drops what it answers": [("app", "iptables -A OUTPUT -p icmp -j DROP")],
    "the host masquerades": [("host", "iptables -t nat -A POSTROUTING -o br0 -j MASQUERADE")],
    "the guest masquerades what leaves": [
        ("guest", "iptables -t nat -A POSTROUTING -s 10.4.0.0/24 ! -o br-app -j MASQUERADE")
    ],
    "a published port": [
        (
            "guest",
            script(
                "iptables -t nat -A PREROUTING -p tcp --dport 81 -j DNAT --to-destination 10.4.0.10:80"
            ),
        )
    ],
    "somebody wrote with nft into the tables of iptables": [
        (
            "guest",
            script(
                "iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT;",
                " iptables -A FORWARD -p tcp -m multiport --dports 22,80 -d 10.4.0.11 -m comment --comment x -j ACCEPT;",
                " iptables -A FORWARD -p icmp -m icmp --icmp-type 8 -m mark ! --mark 5 -d 10.4.0.11 -j ACCEPT;",
                " iptables -A FORWARD -d 10.4.0.10 -p tcp -j REJECT --reject-with tcp-reset;",
                " iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 81 -j DNAT --to-destination 10.4.0.11:80;",
                " iptables -t nat -A POSTROUTING -s 10.4.0.0/24 ! -o br-app -j MASQUERADE;",
                " nft 'add rule ip filter FORWARD ip saddr { 10.4.0.10, 10.4.0.11 } accept';",
                " nft 'add rule ip nat PREROUTING ip daddr { 192.0.2.1, 192.0.2.2 } return'",
            ),
        )
    ],
    "a base chain of nft in a table of iptables": [
        (
            "guest",
            script(
                "iptables -A FORWARD -d 10.4.0.0/24 -j ACCEPT;",
                " nft 'add chain ip filter mine { type filter hook forward priority 10; policy drop; }';",
                " nft 'add rule ip filter mine ct state established,related counter accept';",
                " nft 'add rule ip filter mine tcp dport { 80, 82 } counter accept'",
            ),
        )
    ],
    "a rule of nft at which iptables-save gives up": [
        (
            "guest",
            script(
                "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT;",
                " iptables -A FORWARD -p tcp --dport 80 -m comment --comment web -j ACCEPT;",
                " nft 'add rule ip filter FORWARD meta pkttype host counter drop'",
            ),
        )
    ],
    "an nft table drops by a set": [("host", f"nft -f - <<'X'\n{BY_SET}\nX")],
    "an accept in one table, a drop in the next": [("host", f"nft -f - <<'X'\n{TWO_TABLES}\nX")],
    "the state is invalid on the way back": [
        ("router", "iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP"),
        ("client", "ip route add 10.4.0.0/24 via 10.1.0.1"),
    ],
    "a port of the bridge is isolated": [
        ("guest", "bridge link set dev vapp isolated on; bridge link set dev vweb isolated on")
    ],
    "a link is down": [("guest", "ip link set vapp down")],
    "the bridge is down": [("host", "ip link set br0 down")],
    "echo requests are ignored": [("app", "sysctl -qw net.ipv4.icmp_echo_ignore_all=1")],
    "bridged frames pass iptables": [
        (
            "guest",
            script(
                "sysctl -qw net.bridge.bridge-nf-call-iptables=1 && iptables -A FORWARD -i br-app -o br-app -j DROP"
            ),
        )
    ],
    "the same address twice": [("router", "ip addr add 10.4.0.10/32 dev lo")],
}


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_model_says_what_real_packets_meet(built: World, fault: list[tuple[str, str]]) -> None:
    for place, script in fault:
        built.run(place, script)

    assert built.disagreements(ORIGINS, TARGETS) == []
