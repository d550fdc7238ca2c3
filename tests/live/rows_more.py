"""Faults of IPv6 beside those of IPv4, nft of the router and its policy rules."""

from tests.live.injecting import Row
from tests.live.rows_guest import DB, DB6, WEB, WEB6
from tests.live.rows_rules import nft

MORE = {
    "nft ip6 of a guest": Row(
        "guest-foreign-firewall",
        "guest:db",
        DB6,
        {"db": nft("ip6", "mine", "transit", "forward priority 10", "ip6 daddr fd90:7::/64 drop")},
        {"family": "ip6", "table": "mine", "rule": "ip6 daddr fd90:7::/64 drop"},
        {"db": "nft delete table ip6 mine"},
    ),
    "nft of the router": Row(
        "router-firewall",
        "router",
        WEB,
        {
            "router": nft(
                "inet", "fw4", "transit", "forward priority 0", "ip daddr 10.90.1.0/24 drop"
            )
        },
        {"family": "inet", "table": "fw4", "rule": "ip daddr 10.90.1.0/24 drop"},
        {"router": "nft delete table inet fw4"},
    ),
    "iptables of the router in IPv6": Row(
        "router-firewall",
        "router",
        WEB6,
        {"router": "ip6tables -A FORWARD -d fd90:1::/64 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -d fd90:1::/64 -j DROP"},
        {"router": "ip6tables -F FORWARD"},
    ),
    "a policy rule on the router": Row(
        "guest-policy-rule-hijack",
        "router",
        DB,
        {"router": "ip route add blackhole 10.90.7.0/24 table 52; ip rule add pref 5270 lookup 52"},
        {"kind": "route"},
        {"router": "ip rule del pref 5270; ip route flush table 52"},
        mend=False,
    ),
}
