"""Routes, forwarding and neighbours of host and router, in both versions of IP."""

from tests.live.injecting import Row
from tests.live.rows_guest import APP, APP6, DB, DB6, WEB, WEB6

WAYS = {
    "no route on the host": Row(
        "host-no-route", "host", WEB, {"host": "ip route del 10.90.1.0/24"}, {"kind": "route"}
    ),
    "no IPv6 route on the host": Row(
        "host-no-route", "host", WEB6, {"host": "ip -6 route del fd90:1::/64"}, {"kind": "route"}
    ),
    "no route on the router": Row(
        "router-no-route", "router", DB, {"router": "ip route del 10.90.7.0/24"}, {"kind": "route"}
    ),
    "no IPv6 route on the router": Row(
        "router-no-route",
        "router",
        DB6,
        {"router": "ip -6 route del fd90:7::/64"},
        {"kind": "route"},
    ),
    "a next hop that is another guest": Row(
        "host-wrong-next-hop",
        "host",
        WEB,
        {"host": "ip route replace 10.90.1.0/24 via 10.77.0.12 dev lxdbr0 proto 201"},
        {},
    ),
    "a next hop that is another guest in IPv6": Row(
        "host-wrong-next-hop",
        "host",
        WEB6,
        {"host": "ip -6 route replace fd90:1::/64 via fd77::12 dev lxdbr0 proto 201"},
        {},
    ),
    "a next hop that is nobody": Row(
        "guest-address-changed",
        "guest:web",
        WEB,
        {"host": "ip route replace 10.90.1.0/24 via 10.77.0.99 dev lxdbr0 proto 201"},
        {"kind": "neighbour"},
    ),
    "a route without next hop": Row(
        "host-route-without-next-hop",
        "host",
        WEB,
        {"host": "ip route del 10.90.1.0/24; ip route add 10.90.1.0/24 dev lxdbr0"},
        {"kind": "neighbour"},
        {"host": "ip route del 10.90.1.0/24 dev lxdbr0 scope link 2>/dev/null || :"},
    ),
    "a blackhole on the host": Row(
        "host-route-blackholed",
        "host",
        DB,
        {"host": "ip route add blackhole 10.90.7.10/32"},
        {"kind": "route"},
        {"host": "ip route del blackhole 10.90.7.10/32 2>/dev/null || :"},
    ),
    "an unreachable route on the host in IPv6": Row(
        "host-route-blackholed",
        "host",
        DB6,
        {"host": "ip -6 route add unreachable fd90:7::/80"},
        {"kind": "route"},
        {"host": "ip -6 route del unreachable fd90:7::/80 2>/dev/null || :"},
    ),
    "a prohibiting route on the host": Row(
        "host-route-blackholed",
        "host",
        APP,
        {"host": "ip route add prohibit 10.90.3.0/25"},
        {"kind": "route"},
        {"host": "ip route del prohibit 10.90.3.0/25 2>/dev/null || :"},
    ),
    "a more specific route on the host": Row(
        "host-route-blackholed",
        "host",
        APP,
        {"host": "ip route add 10.90.3.8/29 via 10.0.0.1"},
        {},
        {"host": "ip route del 10.90.3.8/29 2>/dev/null || :"},
    ),
    "a policy rule on the host": Row(
        "guest-policy-rule-hijack",
        "host",
        APP,
        {"host": "ip route add blackhole 10.90.0.0/16 table 52; ip rule add pref 5270 lookup 52"},
        {"kind": "route"},
        {"host": "ip rule del pref 5270; ip route flush table 52"},
        mend=False,
    ),
    "a blackhole on the router": Row(
        "router-wrong-next-hop",
        "router",
        DB,
        {"router": "ip route add blackhole 10.90.7.0/25"},
        {"kind": "route"},
        {"router": "ip route del blackhole 10.90.7.0/25 2>/dev/null || :"},
    ),
    "a wrong next hop on the router": Row(
        "router-wrong-next-hop",
        "router",
        APP,
        {"router": "ip route replace 10.90.3.0/24 via 10.0.0.100 proto 201"},
        {},
    ),
    "forwarding off in the host": Row(
        "host-forwarding-off",
        "host",
        APP,
        {"host": "sysctl -qw net.ipv4.ip_forward=0"},
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
        {"host": "sysctl -qw net.ipv4.ip_forward=1"},
    ),
    "forwarding off in the host in IPv6": Row(
        "ipv6-forwarding-off",
        "host",
        APP6,
        {"host": "sysctl -qw net.ipv6.conf.all.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv6.conf.all.forwarding"},
        {"host": "sysctl -qw net.ipv6.conf.all.forwarding=1"},
    ),
    "forwarding off on the host's bridge": Row(
        "host-forwarding-off",
        "host",
        APP,
        {"host": "sysctl -qw net.ipv4.conf.eth0.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv4.conf.eth0.forwarding"},
        {"host": "sysctl -qw net.ipv4.conf.eth0.forwarding=1"},
    ),
    "forwarding off in the router": Row(
        "router-forwarding-off",
        "router",
        WEB,
        {"router": "sysctl -qw net.ipv4.ip_forward=0"},
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
        {"router": "sysctl -qw net.ipv4.ip_forward=1"},
    ),
    "forwarding off in the router in IPv6": Row(
        "ipv6-forwarding-off",
        "router",
        WEB6,
        {"router": "sysctl -qw net.ipv6.conf.all.forwarding=0"},
        {"kind": "sysctl", "key": "net.ipv6.conf.all.forwarding"},
        {"router": "sysctl -qw net.ipv6.conf.all.forwarding=1"},
    ),
    "a wrong permanent neighbour": Row(
        "host-neighbour-failed",
        "host",
        WEB,
        {"host": "ip neigh replace 10.77.0.11 lladdr 02:00:00:00:00:66 dev lxdbr0 nud permanent"},
        {"kind": "neighbour"},
        {"host": "ip neigh del 10.77.0.11 dev lxdbr0 2>/dev/null || :"},
        mend=False,
    ),
}
