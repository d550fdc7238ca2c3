"""Firewalls: Docker's own, those of other programs, iptables of both kinds, nft, and what runs beside them."""

from tests.live.injecting import Row
from tests.live.rows_guest import APP, DB, DB6, WEB, WEB6

NO_RULES = "iptables -D DOCKER-USER -j HOMELAB -m comment --comment homelab:jump"


def nft(family: str, table: str, chain: str, hook: str, rule: str) -> str:
    """A table of its own with one base chain and one rule."""
    return (
        f"nft add table {family} {table};"
        f" nft 'add chain {family} {table} {chain} {{ type filter hook {hook}; }}';"
        f" nft add rule {family} {table} {chain} {rule}"
    )


RULES = {
    "policy of FORWARD": Row(
        "guest-forward-policy-drop",
        "guest:db",
        DB,
        {"db": f"{NO_RULES}; iptables -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD", "rule": "-P FORWARD DROP", "owner": "docker"},
    ),
    "policy of the legacy FORWARD": Row(
        "iptables-split-brain",
        "guest:web",
        WEB,
        {"web": "iptables-legacy -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD", "tool": "iptables-legacy"},
        {"web": "iptables-legacy -P FORWARD ACCEPT"},
    ),
    "a drop in legacy beside accepts in nft": Row(
        "iptables-split-brain",
        "guest:web",
        WEB,
        {"web": "iptables-legacy -A FORWARD -d 10.90.1.0/24 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -d 10.90.1.0/24 -j DROP", "tool": "iptables-legacy"},
        {"web": "iptables-legacy -D FORWARD -d 10.90.1.0/24 -j DROP"},
    ),
    "policy of the IPv6 FORWARD": Row(
        "ipv6-forward-policy-drop",
        "guest:web",
        WEB6,
        {"web": "ip6tables -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD"},
        {"web": "ip6tables -P FORWARD ACCEPT"},
    ),
    "DOCKER-USER of 20.10": Row(
        "docker-user-drop",
        "guest:web",
        WEB,
        {"web": "iptables -I DOCKER-USER -s 10.0.0.0/24 -j REJECT"},
        {"chain": "DOCKER-USER", "owner": "user"},
        {"web": "iptables -D DOCKER-USER -s 10.0.0.0/24 -j REJECT"},
    ),
    "DOCKER-USER of 26.1": Row(
        "docker-user-drop",
        "guest:db",
        DB,
        {"db": "iptables -I DOCKER-USER -d 10.90.7.0/24 -j DROP"},
        {"kind": "rule", "rule": "-A DOCKER-USER -d 10.90.7.0/24 -j DROP"},
        {"db": "iptables -D DOCKER-USER -d 10.90.7.0/24 -j DROP"},
    ),
    "DOCKER-USER of 28.5": Row(
        "docker-user-drop",
        "guest:app",
        APP,
        {"app": "iptables -I DOCKER-USER -i eth0 -j DROP"},
        {"kind": "rule", "rule": "-A DOCKER-USER -i eth0 -j DROP"},
        {"app": "iptables -D DOCKER-USER -i eth0 -j DROP"},
    ),
    "FORWARD before Docker's rules": Row(
        "foreign-forward-drop-before-docker",
        "guest:app",
        APP,
        {"app": "iptables -I FORWARD -d 10.90.3.0/24 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -d 10.90.3.0/24 -j DROP"},
        {"app": "iptables -D FORWARD -d 10.90.3.0/24 -j DROP"},
    ),
    "FORWARD of IPv6": Row(
        "ipv6-forward-policy-drop",
        "guest:db",
        DB6,
        {"db": "ip6tables -I FORWARD -d fd90:7::/64 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -d fd90:7::/64 -j DROP"},
        {"db": "ip6tables -D FORWARD -d fd90:7::/64 -j DROP"},
    ),
    "mangle of a guest": Row(
        "guest-foreign-firewall",
        "guest:db",
        DB,
        {"db": "iptables -t mangle -A FORWARD -d 10.90.7.0/24 -j DROP"},
        {"table": "mangle", "chain": "FORWARD"},
        {"db": "iptables -t mangle -F FORWARD"},
    ),
    "raw of a guest": Row(
        "guest-foreign-firewall",
        "guest:web",
        WEB,
        {"web": "iptables -t raw -A PREROUTING -d 10.90.1.0/24 -j DROP"},
        {"table": "raw", "chain": "PREROUTING"},
        {"web": "iptables -t raw -F PREROUTING"},
    ),
    "nft inet of a guest": Row(
        "guest-foreign-firewall",
        "guest:app",
        APP,
        {
            "app": nft(
                "inet", "mine", "transit", "forward priority 10", "ip daddr 10.90.3.0/24 drop"
            )
        },
        {
            "family": "inet",
            "table": "mine",
            "chain": "transit",
            "rule": "ip daddr 10.90.3.0/24 drop",
        },
        {"app": "nft delete table inet mine"},
    ),
    "nft ip with a set": Row(
        "guest-foreign-firewall",
        "guest:web",
        WEB,
        {
            "web": nft("ip", "mine", "transit", "forward priority -5; policy accept", "counter")
            + "; nft 'add set ip mine bad { type ipv4_addr; flags interval; }';"
            " nft 'add element ip mine bad { 10.0.0.0/24 }'; nft add rule ip mine transit ip saddr @bad drop"
        },
        {"family": "ip", "table": "mine", "chain": "transit", "rule": "ip saddr @bad drop"},
        {"web": "nft delete table ip mine"},
    ),
    "firewalld of a guest": Row(
        "guest-foreign-firewall",
        "guest:db",
        DB,
        {
            "db": nft(
                "inet",
                "firewalld",
                "filter_FORWARD",
                "forward priority 10",
                "ct state established,related accept",
            )
            + "; nft add chain inet firewalld filter_FWD_public;"
            " nft add rule inet firewalld filter_FORWARD jump filter_FWD_public;"
            " nft add rule inet firewalld filter_FWD_public reject with icmpx admin-prohibited"
        },
        {"table": "firewalld", "chain": "filter_FWD_public", "owner": "firewalld"},
        {"db": "nft delete table inet firewalld"},
        mend=False,
    ),
    "ufw of a guest": Row(
        "guest-foreign-firewall",
        "guest:web",
        WEB,
        {
            "web": "iptables -N ufw-reject-forward; iptables -A ufw-reject-forward -j REJECT;"
            " iptables -I FORWARD -j ufw-reject-forward"
        },
        {"chain": "ufw-reject-forward", "owner": "ufw"},
        {
            "web": "iptables -D FORWARD -j ufw-reject-forward; iptables -F ufw-reject-forward;"
            " iptables -X ufw-reject-forward"
        },
        mend=False,
    ),
    "iptables of the host": Row(
        "host-firewall-drop",
        "host",
        DB,
        {"host": "iptables -I FORWARD -d 10.90.7.0/24 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -d 10.90.7.0/24 -j DROP"},
        {"host": "iptables -D FORWARD -d 10.90.7.0/24 -j DROP"},
    ),
    "policy of the host": Row(
        "host-forward-policy-drop",
        "host",
        DB,
        {"host": "iptables -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD"},
        {"host": "iptables -P FORWARD ACCEPT"},
    ),
    "policy of the host in IPv6": Row(
        "ipv6-forward-policy-drop",
        "host",
        DB6,
        {"host": "ip6tables -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD"},
        {"host": "ip6tables -P FORWARD ACCEPT"},
    ),
    "policy of the host in legacy": Row(
        "host-forward-policy-drop",
        "host",
        DB,
        {"host": "iptables-legacy -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD", "tool": "iptables-legacy"},
        {"host": "iptables-legacy -P FORWARD ACCEPT"},
    ),
    "nft of the host": Row(
        "host-firewall-drop",
        "host",
        WEB,
        {"host": nft("inet", "mine", "transit", "forward priority 0", "ip daddr 10.90.1.10 drop")},
        {"family": "inet", "table": "mine", "rule": "ip daddr 10.90.1.10 drop"},
        {"host": "nft delete table inet mine"},
    ),
    "replies at the host": Row(
        "host-firewall-drop",
        "host",
        WEB,
        {"host": nft("ip", "mine", "transit", "forward priority 0", "ip saddr 10.90.1.0/24 drop")},
        {"family": "ip", "rule": "ip saddr 10.90.1.0/24 drop", "direction": "return"},
        {"host": "nft delete table ip mine"},
    ),
    "netdev of the host": Row(
        "host-firewall-drop",
        "host",
        WEB,
        {
            "host": nft(
                "netdev",
                "mine",
                "in",
                "ingress device eth0 priority 0",
                "ip daddr 10.90.1.0/24 drop",
            )
        },
        {"family": "netdev", "table": "mine", "chain": "in"},
        {"host": "nft delete table netdev mine"},
        mend=False,
    ),
    "bridge of the host": Row(
        "host-firewall-drop",
        "host",
        WEB,
        {"host": nft("bridge", "mine", "out", "output priority 0", "ip daddr 10.90.1.0/24 drop")},
        {"family": "bridge", "table": "mine", "chain": "out"},
        {"host": "nft delete table bridge mine"},
        mend=False,
    ),
    "iptables of the router": Row(
        "router-firewall",
        "router",
        WEB,
        {"router": "iptables -A FORWARD -d 10.90.0.0/16 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -d 10.90.0.0/16 -j DROP"},
        {"router": "iptables -F FORWARD"},
    ),
    "policy of the router": Row(
        "router-firewall",
        "router",
        DB,
        {"router": "iptables -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD"},
        {"router": "iptables -P FORWARD ACCEPT; iptables -F FORWARD"},
    ),
}
