"""Faults of the guests' kernels and of their containers."""

from tests.live.injecting import Row

WEB, DB, APP = "10.90.1.10", "10.90.7.10", "10.90.3.10"
WEB6, DB6, APP6 = "fd90:1::2", "fd90:7::2", "fd90:3::2"
_IN = "nsenter -t $(docker inspect -f '{{.State.Pid}}' %s) -n "
FRONT, PG, SHOP = _IN % "front", _IN % "pg", _IN % "shop"
AWAY = (
    "ip link add away type veth peer name away2; ip addr add 10.0.0.77/24 dev away;"
    " ip link set away up; ip link set away2 up; sysctl -qw net.ipv4.conf.eth0.rp_filter=1"
)
BACK = "ip link del away; sysctl -qw net.ipv4.conf.eth0.rp_filter=0"

GUEST = {
    "guest forwarding off": Row(
        "guest-forwarding-off",
        "guest:app",
        APP,
        {"app": "sysctl -qw net.ipv4.ip_forward=0"},
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
    ),
    "guest forwarding off on the link": Row(
        "guest-forwarding-off",
        "guest:web",
        WEB,
        {"web": "sysctl -qw net.ipv4.conf.eth0.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv4.conf.eth0.forwarding"},
    ),
    "guest forwarding off in IPv6": Row(
        "ipv6-forwarding-off",
        "guest:app",
        APP6,
        {"app": "sysctl -qw net.ipv6.conf.all.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv6.conf.all.forwarding"},
    ),
    "guest with strict rp_filter": Row(
        "guest-rp-filter",
        "guest:web",
        WEB,
        {"web": AWAY},
        {"kind": "sysctl", "key": "net.ipv4.conf.eth0.rp_filter"},
        {"web": BACK},
        mend=False,
    ),
    "guest whose VPN takes the replies": Row(
        "guest-policy-rule-hijack",
        "guest:db",
        DB,
        {"db": "ip route add unreachable 10.0.0.0/24 table 52; ip rule add pref 5270 lookup 52"},
        {"kind": "route", "direction": "return"},
        {"db": "ip rule del pref 5270; ip route flush table 52"},
        mend=False,
    ),
    "guest with a Docker pool on the LAN": Row(
        "docker-pool-overlaps-lan",
        "guest:web",
        WEB,
        {"web": "docker network create --subnet 10.0.0.0/24 clash"},
        {"direction": "return"},
        {"web": "docker network rm clash"},
        mend=False,
    ),
    "guest with another address": Row(
        "guest-address-changed",
        "guest:db",
        DB,
        {
            "db": "ip addr del 10.77.0.12/24 dev eth0; ip addr add 10.77.0.112/24 dev eth0;"
            " ip route replace default via 10.77.0.1 dev eth0",
            "host": "ip neigh flush dev lxdbr0",
        },
        {},
        {
            "db": "ip addr del 10.77.0.112/24 dev eth0; ip addr replace 10.77.0.12/24 dev eth0;"
            " ip route replace default via 10.77.0.1 dev eth0 proto dhcp"
        },
        mend=False,
    ),
    "container stopped": Row(
        "container-stopped",
        "container:app/shop",
        APP,
        {"app": "docker stop -t 0 shop"},
        {},
        {"app": "docker start shop"},
    ),
    "container without default route": Row(
        "container-no-route-back",
        "container:web/front",
        WEB,
        {"web": FRONT + "ip route del default"},
        {"kind": "route"},
        {"web": FRONT + "ip route replace default via 10.90.1.1"},
        mend=False,
    ),
    "container with rules of its own": Row(
        "container-own-firewall",
        "container:app/shop",
        APP,
        {"app": SHOP + "iptables -A INPUT -p icmp -j DROP"},
        {"kind": "rule", "chain": "INPUT", "rule": "-A INPUT -p icmp -j DROP"},
        {"app": SHOP + "iptables -D INPUT -p icmp -j DROP"},
        mend=False,
    ),
    "container with nft rules of its own": Row(
        "container-own-firewall",
        "container:db/pg",
        DB,
        {
            "db": PG
            + "nft add table inet own; "
            + PG
            + "nft 'add chain inet own in { type filter hook input priority 0; }'; "
            + PG
            + "nft add rule inet own in ip saddr 10.0.0.0/8 drop"
        },
        {"kind": "rule", "chain": "in"},
        {"db": PG + "nft delete table inet own"},
        mend=False,
    ),
}
