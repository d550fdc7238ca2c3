"""LXD's own filters, ACLs and flushes, and what happens on the LAN: double addresses, clients, a router with state."""

from tests.live.injecting import INVENTORY, Row
from tests.live.rows_guest import APP, DB, FRONT, WEB, WEB6
from tests.live.rows_rules import nft

FILTER = "lxc config device {} web eth0 security.ipv{}_filtering"
CLASH = "ip addr {} dev docker0; ip link set docker0 up"

LAN_ROWS = {
    "LXD sets up its bridge anew": Row(
        "host-route-lost",
        "host",
        APP,
        {"host": "lxc network set lxdbr0 dns.domain=other.lab"},
        {"kind": "route"},
        {"host": "lxc network unset lxdbr0 dns.domain"},
    ),
    "an ACL of LXD without rules": Row(
        "host-lxd-acl-drop",
        "host",
        DB,
        {
            "host": "lxc network acl create closed; lxc network set lxdbr0 security.acls=closed;"
            f" homelab -i {INVENTORY} apply --yes"
        },
        {"chain": "acl.lxdbr0", "rule": 'oifname "lxdbr0" reject', "owner": "lxd"},
        {"host": "lxc network unset lxdbr0 security.acls; lxc network acl delete closed"},
    ),
    "LXD's filter of addresses": Row(
        "host-lxd-filtering",
        "host",
        WEB,
        {"host": FILTER.format("set", 4) + "=true"},
        {"kind": "rule", "family": "bridge", "chain": "in.web.eth0", "direction": "return"},
        {"host": FILTER.format("unset", 4)},
    ),
    "LXD's filter of addresses of IPv6": Row(
        "host-lxd-filtering",
        "host",
        WEB6,
        {"host": FILTER.format("set", 6) + "=true"},
        {"kind": "rule", "family": "bridge", "chain": "in.web.eth0"},
        {"host": FILTER.format("unset", 6)},
    ),
    "a second guest with a guest's address": Row(
        "duplicate-address",
        "guest:db",
        DB,
        {
            "app": "ip addr add 10.77.0.12/24 dev eth0",
            "host": "mac=$(lxc exec app -- cat /sys/class/net/eth0/address);"
            " ip neigh replace 10.77.0.12 lladdr $mac dev lxdbr0 nud reachable",
        },
        {"at": "guest:app", "direction": "forward"},
        {
            "app": "ip addr del 10.77.0.12/24 dev eth0",
            "host": "ip neigh flush dev lxdbr0",
        },
        mend=False,
    ),
    "a client whose own Docker has the subnet": Row(
        "lan-client-overlap",
        "netns:client",
        WEB,
        {"client": "ip link add docker0 type bridge; " + CLASH.format("add 10.90.1.1/24")},
        {},
        {"client": "ip link del docker0; ip route flush root 10.90.1.0/24"},
        exit=0,
    ),
    "a client whose own network has the subnet of IPv6": Row(
        "lan-client-overlap",
        "netns:client",
        WEB6,
        {"client": "ip link add docker0 type bridge; " + CLASH.format("add fd90:1::1/64")},
        {},
        {"client": "ip link del docker0; ip -6 route flush root fd90:1::/64"},
        exit=0,
    ),
    "a router that drops what its state does not know": Row(
        "router-redirect-asymmetry",
        "router",
        WEB + ":80",
        {"router": "iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP"},
        {},
        {"router": "iptables -F FORWARD; iptables -t raw -F PREROUTING"},
        exit=0,
    ),
    "a router whose nft drops what its state does not know": Row(
        "router-redirect-asymmetry",
        "router",
        WEB + ":80",
        {"router": nft("inet", "fw4", "transit", "forward priority 0", "ct state invalid drop")},
        {},
        {"router": "nft delete table inet fw4; iptables -t raw -F PREROUTING"},
        exit=0,
    ),
    "legacy iptables of the router": Row(
        "router-firewall",
        "router",
        WEB,
        {"router": "iptables-legacy -A FORWARD -d 10.90.0.0/16 -j DROP"},
        {"rule": "-A FORWARD -d 10.90.0.0/16 -j DROP", "tool": "iptables-legacy"},
        # A flush by plain iptables leaves the accepts that were offered in the other variant.
        {"router": "iptables-legacy -F FORWARD"},
    ),
    "a container whose gateway is its neighbour": Row(
        "container-wrong-gateway",
        "container:web/front",
        WEB,
        {"web": FRONT + "ip route replace default via 10.90.1.11"},
        {"at": "container:web/api", "direction": "return"},
    ),
}
