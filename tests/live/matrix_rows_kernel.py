"""What guests are told by sysctl, by routes and policy rules, and by links of their own."""

from tests.live.matrix_case import SIX, Case
from tests.live.matrix_rows_docker import BOTH

FROM = "from 10.9{g}.1.0/24"


def _after(*lines: str, forward: int = 1) -> Case:
    return Case(after="\n".join(lines), forward=forward)


def _sysctl(*pairs: str) -> Case:
    return _after(*(f"sysctl -qw net.{each}" for each in pairs))


KERNEL = {
    "strict reverse path": _sysctl("ipv4.conf.all.rp_filter=1", "ipv4.conf.eth0.rp_filter=1"),
    "loose reverse path": _sysctl("ipv4.conf.all.rp_filter=2"),
    "strict reverse path of the bridge": _sysctl("ipv4.conf.br-n1.rp_filter=1"),
    "forwarding off afterwards": _sysctl("ipv4.ip_forward=0"),
    "forwarding off on the bridge": _sysctl("ipv4.conf.br-n1.forwarding=0"),
    "forwarding off on the uplink": _sysctl("ipv4.conf.eth0.forwarding=0"),
    "forwarding of ipv6 off": _sysctl("ipv6.conf.all.forwarding=0"),
    "bridged packets shown to the rules": _sysctl(
        "bridge.bridge-nf-call-iptables=1", "bridge.bridge-nf-call-ip6tables=1"
    ),
    "bridged packets shown, icc false": Case(
        {"n1": SIX + "-o com.docker.network.bridge.enable_icc=false", "n2": SIX},
        BOTH,
        after="sysctl -qw net.bridge.bridge-nf-call-iptables=1",
    ),
    "bridged packets not shown, icc false": Case(
        {"n1": SIX + "-o com.docker.network.bridge.enable_icc=false", "n2": SIX},
        BOTH,
        after="sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0",
    ),
    "no answers to echoes": _sysctl("ipv4.icmp_echo_ignore_all=1"),
    "arp only for the own link": _sysctl(
        "ipv4.conf.all.arp_ignore=1", "ipv4.conf.all.arp_announce=2"
    ),
    "local accepted": _sysctl("ipv4.conf.all.accept_local=1", "ipv4.conf.all.route_localnet=1"),
    "liberal tracking": _sysctl(
        "netfilter.nf_conntrack_tcp_be_liberal=1", "netfilter.nf_conntrack_tcp_loose=0"
    ),
    "source by policy": _after(
        f"ip rule add pref 1000 {FROM} lookup 52; ip route add default via 10.77.0.1 dev eth0 table 52"
    ),
    "source by policy without a way": _after(
        f"ip rule add pref 1000 {FROM} lookup 52; ip route add unreachable default table 52"
    ),
    "mark by policy": _after(
        "iptables -t mangle -A PREROUTING -i br-n1 -j MARK --set-mark 9",
        "ip rule add pref 900 fwmark 9 lookup 52; ip route add blackhole 10.0.0.0/24 table 52",
    ),
    "only specific routes": _after(
        "ip rule add pref 800 lookup main suppress_prefixlength 0",
        "ip rule add pref 900 iif br-n1 lookup 52; ip route add prohibit 10.0.0.0/24 table 52",
    ),
    "policy of a vpn": _after(
        "ip rule add pref 5209 not fwmark 0x80000/0xff0000 lookup 52",
        "ip route add 100.64.0.0/10 dev lo table 52; ip route add throw 10.0.0.0/8 table 52",
    ),
    "a second address": _after("ip addr add 10.77.0.1{g}0/24 dev eth0 2>/dev/null || true"),
    "a narrow uplink": _after("ip link set eth0 mtu 1400; sleep 2; ip link set eth0 mtu 1500"),
    "a bridge that is down": _after("ip link set br-n1 down"),
    "ipv6 off": _sysctl("ipv6.conf.br-n1.disable_ipv6=1"),
    "a route over docker's": _after("ip route add blackhole 10.9{g}.1.3/32"),
    "a proxy for neighbours": _sysctl("ipv4.conf.eth0.proxy_arp=1", "ipv4.conf.br-n1.proxy_arp=1"),
    "an isolated port": _after(
        "for v in $(ls /sys/class/net/br-n1/brif); do bridge link set dev $v isolated on; done"
    ),
    "a hairpin": _after(
        "for v in $(ls /sys/class/net/br-n1/brif); do bridge link set dev $v hairpin on; done"
    ),
}
