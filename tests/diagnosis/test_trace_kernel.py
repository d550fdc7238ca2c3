"""More ways to break a world: what several places decide together, against the kernel's own verdict."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from homelab.model.trace import Target
from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel

ORIGINS = ["client", "host", "guest", "app"]
ADDRESSES = ("10.4.0.10", "10.4.0.11", "10.3.0.2", "10.1.0.2", "fd04::10", "fd03::2", "fd01::2")
TARGETS = [
    Target(ip_address(address), protocol, port)
    for address in ADDRESSES
    for protocol, port in (("icmp", None), ("tcp", 80))
]
Script = list[tuple[str, str]]


def nft(*lines: str) -> str:
    text = "\n".join(lines).replace("}", ";\n}").replace("{", "{\n").replace(";", "\n")
    return f"nft -f - <<'X'\n{text}\nX"


BRIDGE_FILTER = nft(
    "table bridge lxd {",
    "  chain up { type filter hook input priority 0; policy accept;",
    '    iifname "vguest" ip saddr 10.4.0.10 drop; iifname "vguest" ip6 saddr fd04::10 drop; }',
    "  chain over { type filter hook forward priority 0; policy accept; ip daddr 10.4.0.11 drop; }",
    "}",
)
BRIDGED_PORTS = nft(
    "table bridge f {",
    "  chain over { type filter hook forward priority 0; policy accept;",
    '    iifname "vapp" oifname "vweb" ip protocol icmp drop; }',
    '  chain down { type filter hook output priority 0; policy accept; oifname "vweb" ip6 daddr fd04::11 drop; }',
    "}",
)
BY_MAC = nft(
    "table ip m { chain f { type filter hook forward priority 0; policy accept;",
    '  iifname "br-app" ether saddr 02:00:00:00:00:10 drop; } }',
)
INGRESS = nft(
    "table netdev n { chain i { type filter hook ingress device eth0 priority 0; policy accept;",
    "  ip saddr 10.1.0.2 ip daddr 10.4.0.11 drop; } }",
)

FAULTS: dict[str, Script] = {
    "a loop between router and host": [("host", "ip route replace 10.4.0.0/24 via 10.2.0.1")],
    "a loop of IPv6": [("host", "ip -6 route replace fd04::/64 via fd02::1")],
    "two next hops that are both right": [
        ("host", "ip route replace 10.4.0.0/24 nexthop via 10.3.0.2 nexthop via 10.3.0.2 weight 3")
    ],
    "rules of protocol, port, user and class": [
        (
            "guest",
            "ip route add unreachable default table 79; ip route add blackhole default table 80",
        ),
        ("guest", "ip rule add ipproto tcp sport 80 lookup 79 priority 50"),
        ("guest", "ip rule add tos 0x10 lookup 80 priority 51"),
        ("guest", "ip rule add uidrange 1000-2000 lookup 80 priority 52"),
        (
            "app",
            "ip route add prohibit default table 79; ip rule add uidrange 0-0 to 10.1.0.0/24 lookup 79",
        ),
    ],
    "rules: not, goto, suppressed prefix, input link": [
        ("guest", "ip rule add priority 90 goto 32766"),
        ("guest", "ip route add unreachable default table 79; ip rule add priority 100 lookup 79"),
        (
            "host",
            "ip route add blackhole default table 80; ip rule add not to 10.0.0.0/8 lookup 80",
        ),
        ("host", "ip rule add iif br0 lookup main suppress_prefixlength 0 priority 60"),
        ("host", "ip rule add iif br0 prohibit priority 61"),
    ],
    "a throw route": [
        (
            "host",
            "ip route add throw 10.4.0.0/25 table 81; ip route add blackhole default table 81",
        ),
        ("host", "ip rule add to 10.4.0.0/24 lookup 81 priority 70"),
    ],
    "strict for all, and a route back by another link": [
        ("guest", "sysctl -qw net.ipv4.conf.all.rp_filter=1"),
        ("guest", "ip link add o type veth peer name o2; ip link set o up; ip link set o2 up"),
        ("guest", "ip addr add 10.9.0.1/24 dev o; ip route add 10.1.0.0/24 via 10.9.0.9"),
    ],
    "the client's address is the guest's own too": [("guest", "ip addr add 10.1.0.2/32 dev lo")],
    "and it is accepted": [
        ("guest", "ip addr add 10.1.0.2/32 dev lo; sysctl -qw net.ipv4.conf.eth0.accept_local=1")
    ],
    "neighbour discovery is filtered": [
        ("guest", "ip6tables -P INPUT DROP"),
        ("guest", "ip6tables -A INPUT -p icmpv6 --icmpv6-type echo-request -j ACCEPT"),
    ],
    "neighbour discovery is let through": [
        ("guest", "ip6tables -P INPUT DROP; ip6tables -A INPUT -p icmpv6 -j ACCEPT"),
    ],
    "LXD's kind of filter on the bridge": [("host", BRIDGE_FILTER)],
    "a bridge filters between its ports": [("guest", BRIDGED_PORTS)],
    "a rule by MAC address": [
        ("app", "ip link set eth0 address 02:00:00:00:00:10"),
        ("app", "ip route replace default via 10.4.0.1; ip -6 route replace default via fd04::1"),
        ("guest", BY_MAC),
    ],
    "a filter at ingress": [("guest", INGRESS)],
    "the host's own packets are translated": [
        (
            "host",
            "iptables -t nat -A OUTPUT -d 10.1.0.2 -p tcp --dport 80 -j DNAT --to 10.4.0.10:80",
        ),
        ("app", "iptables -t nat -A OUTPUT -d 10.3.0.2 -p tcp -j DNAT --to 10.4.0.11"),
        ("guest", "iptables -t nat -A OUTPUT -d 10.3.0.2 -p tcp -j DNAT --to 10.4.0.10"),
    ],
    "br_netfilter of one bridge": [
        ("guest", "ip link set br-app type bridge nf_call_iptables 1; iptables -P FORWARD DROP")
    ],
    "br_netfilter and the port it came by": [
        ("guest", "sysctl -qw net.bridge.bridge-nf-call-iptables=1"),
        ("guest", "iptables -A FORWARD -m physdev --physdev-in vapp -j DROP"),
    ],
    "a rule on the port without br_netfilter": [
        ("guest", "sysctl -qw net.bridge.bridge-nf-call-iptables=0"),
        ("guest", "iptables -A FORWARD -m physdev --physdev-in vapp -j DROP"),
    ],
    "a fixed neighbour that nobody is": [
        ("host", "ip neigh replace 10.3.0.2 lladdr 02:00:00:00:00:99 dev br0 nud permanent"),
        ("guest", "ip -6 neigh replace fd03::1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent"),
    ],
    "a neighbour without ARP that nobody is": [
        ("host", "ip neigh replace 10.3.0.2 lladdr 02:00:00:00:00:99 dev br0 nud noarp"),
        ("guest", "ip -6 neigh replace fd03::1 lladdr 02:00:00:00:00:99 dev eth0 nud noarp"),
    ],
    "neighbours that failed are asked for again": [
        ("host", "ip neigh replace 10.3.0.2 dev br0 nud failed"),
        ("guest", "ip -6 neigh replace fd03::1 dev eth0 nud failed"),
    ],
    "answers to ARP for the link's own addresses only": [
        ("host", "ip route replace 10.4.0.1/32 dev br0"),
        ("guest", "sysctl -qw net.ipv4.conf.eth0.arp_ignore=1"),
    ],
    "proxies of NDP": [
        ("host", "ip -6 route replace fd04::/64 dev br0"),
        (
            "guest",
            "sysctl -qw net.ipv6.conf.eth0.proxy_ndp=1; ip -6 neigh add proxy fd04::10 dev eth0",
        ),
    ],
    "IPv6 is off on a link": [("host", "sysctl -qw net.ipv6.conf.br0.disable_ipv6=1")],
    "nothing forwards and nothing routes": [
        ("host", "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0"),
        (
            "host",
            "ip route del 10.4.0.0/24; ip -6 route del fd04::/64; ip route del default; ip -6 route del default",
        ),
    ],
    "a shorter life than the way is long": [
        ("client", "sysctl -qw net.ipv4.ip_default_ttl=2 || true"),
        ("router", "iptables -t mangle -A PREROUTING -j TTL --ttl-set 2 || true"),
    ],
    "a port that is blocked": [("guest", "bridge link set dev vapp state 0")],
    "a preferred source that is not routed": [
        (
            "guest",
            "ip addr add 10.99.0.1/32 dev lo; ip route replace default via 10.3.0.1 src 10.99.0.1",
        )
    ],
    "several addresses on the link": [
        ("guest", "ip addr add 10.3.0.9/24 dev eth0; ip addr add fd03::9/64 dev eth0 nodad"),
        ("router", "ip route add unreachable 10.3.0.9/32; ip -6 route add unreachable fd03::9/128"),
    ],
}


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_model_agrees_with_the_kernel(built: World, fault: Script) -> None:
    for place, script in fault:
        built.run(place, script)

    assert built.disagreements(ORIGINS, TARGETS) == []


def test_who_may_not_advertise_itself_is_not_found(built: World) -> None:
    """Asked by one place alone: who asks for others is learned by them."""
    built.run("app", "ip6tables -A OUTPUT -p icmpv6 --icmpv6-type neighbour-advertisement -j DROP")
    built.run("guest", "ip -6 neigh flush all")

    assert built.disagreements(["client"], TARGETS) == []


def test_who_ignores_arp_is_not_found(built: World) -> None:
    built.run("guest", "sysctl -qw net.ipv4.conf.all.arp_ignore=8")
    built.run("host", "ip neigh flush all")

    assert built.disagreements(["client"], TARGETS[:4]) == []
