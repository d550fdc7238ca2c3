"""Faults that show only to those who ask for more than a ping from the LAN, and those of the model itself."""

from tests.live.injecting import Row, Script
from tests.live.rows_docker import AS_BEFORE, STRICT, expects, pings
from tests.live.rows_guest import APP, DB, WEB

LATE = "docker run -d --name late --network apps %s lab httpd -f -p %s"
"""A container that the lab's keeper of containers does not know, and does not put back by itself."""
GONE = "docker rm -f late"

REDIRECT = "-d 10.90.1.10/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 9"

CLOSE = "/^  db:/,/egress:/s/ingress: open/ingress: none/"
CLOSED = (
    f"sed '{CLOSE}' tests/live/ipv6.yaml >tests/lab/.run-closed.yaml;"
    " homelab -i tests/lab/.run-closed.yaml apply --yes"
)

ASKED = {
    "a container with another address": Row(
        "container-address-changed",
        "guest:web",
        "10.90.1.50",
        {"web": LATE % ("", "80")},
        {"kind": "neighbour"},
        {"web": GONE},
        edit=expects("lan", "10.90.1.50"),
        fresh=True,
    ),
    "a service bound to loopback": Row(
        "container-not-listening",
        "container:web/late",
        Script(
            "client",
            "python3 -c \"import socket; socket.create_connection(('10.90.1.50', 80), 2)\"",
        ),
        {"web": LATE % ("--ip 10.90.1.50", "127.0.0.1:80")},
        {"kind": "socket"},
        {"web": GONE},
        hand={"web": f"{GONE}; " + LATE % ("--ip 10.90.1.50", "80")},
        advice="bind it to all addresses",
        edit=expects("lan", "10.90.1.50:80"),
        fresh=True,
    ),
    "a default route of another network in 20.10": Row(
        "container-wrong-gateway",
        "guest:web",
        WEB,
        {
            "web": "docker network create --ipv6 --subnet 10.90.33.0/24 --subnet fd90:33::/64"
            " -o com.docker.network.bridge.name=aaa0 aaa >/dev/null;"
            " docker network connect aaa front; sysctl -qw net.ipv4.conf.aaa0.rp_filter=1"
        },
        {"kind": "sysctl", "key": "net.ipv4.conf.aaa0.rp_filter", "direction": "return"},
        {"web": "docker network disconnect aaa front || :; docker network rm aaa >/dev/null"},
    ),
    "a default route of another network in 28.5": Row(
        "container-wrong-gateway",
        "guest:app",
        "10.90.3.50",
        {
            "app": f"{LATE % ('--ip 10.90.3.50', '80')};"
            " docker network create --ipv6 --subnet 10.90.33.0/24 --subnet fd90:33::/64"
            " -o com.docker.network.bridge.name=aaa0 aaa >/dev/null;"
            " docker network connect aaa late; sysctl -qw net.ipv4.conf.aaa0.rp_filter=1"
        },
        {"kind": "sysctl", "key": "net.ipv4.conf.aaa0.rp_filter", "direction": "return"},
        {"app": f"{GONE}; docker network rm aaa >/dev/null"},
        fresh=True,
    ),
    "bridged frames in iptables": Row(
        "guest-br-netfilter",
        "guest:db",
        pings("db", "pg", "10.90.7.11"),
        {"db": "iptables -I FORWARD -s 10.90.7.0/24 -d 10.90.7.0/24 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -s 10.90.7.0/24 -d 10.90.7.0/24 -j DROP"},
        {"db": "iptables -D FORWARD -s 10.90.7.0/24 -d 10.90.7.0/24 -j DROP"},
        edit=expects("container:db/pg", "10.90.7.11"),
    ),
    "bridged frames in ip6tables": Row(
        "guest-br-netfilter",
        "guest:db",
        pings("db", "pg", "fd90:7::3"),
        {"db": "ip6tables -I FORWARD -s fd90:7::/64 -d fd90:7::/64 -j DROP"},
        {"kind": "rule", "rule": "-A FORWARD -s fd90:7::/64 -d fd90:7::/64 -j DROP"},
        {"db": "ip6tables -D FORWARD -s fd90:7::/64 -d fd90:7::/64 -j DROP"},
        edit=expects("container:db/pg", "fd90:7::3"),
    ),
    "a guest without nesting": Row(
        "guest-nesting-missing",
        "guest:web",
        Script(
            "host",
            "[ $(lxc config get web security.nesting) = true ] && ping -c 1 -W 1 10.90.1.10",
        ),
        {"web": STRICT, "host": "lxc config set web security.nesting=false"},
        {},
        {
            "host": "lxc config unset web user.homelab.was.security.nesting",
            "web": f"ip -6 addr replace fd77::11/64 dev eth0 nodad; {AS_BEFORE}",
        },
        advice="set security.nesting=true and restart guest:web",
        exit=0,
    ),
    "a guest whose sysctls are read-only": Row(
        "guest-sysctl-readonly",
        "guest:app",
        APP,
        {
            "app": "sysctl -qw net.ipv4.ip_forward=0; mount --bind /proc/sys /proc/sys;"
            " mount -o remount,bind,ro /proc/sys"
        },
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
        {"app": "umount /proc/sys"},
        advice="raw.lxc=lxc.mount.auto = proc:rw",
    ),
    "closed by homelab": Row(
        "ingress-as-declared",
        "guest:db",
        DB,
        {"host": CLOSED},
        {"kind": "rule", "family": "inet", "table": "homelab", "owner": "homelab"},
        hand={"host": "homelab -i tests/live/ipv6.yaml apply --yes"},
        advice="add the source to the network's `ingress` in the inventory",
        edit=CLOSE,
        exit=0,
    ),
    "a closed network that somebody opened": Row(
        "expectation-not-met",
        "guest:db",
        Script("client", "! ping -c 1 -W 1 10.90.7.10"),
        {
            "host": CLOSED,
            "db": "nft delete table inet homelab; iptables -I DOCKER-USER -d 10.90.7.0/24 -j ACCEPT",
        },
        {},
        {"db": "iptables -D DOCKER-USER -d 10.90.7.0/24 -j ACCEPT"},
        advice="homelab apply --yes",
        edit=CLOSE + expects("lan", DB, "dropped"),
        fresh=True,
    ),
    "a rule of the client's own": Row(
        "dropped-by-rule",
        "netns:client",
        WEB,
        {"client": "iptables -A OUTPUT -d 10.90.1.0/24 -j DROP"},
        {"kind": "rule", "chain": "OUTPUT", "rule": "-A OUTPUT -d 10.90.1.0/24 -j DROP"},
        {"client": "iptables -F OUTPUT"},
        edit=expects("netns:client", WEB),
    ),
    "a port that the guest translates to itself": Row(
        "dropped-by-socket",
        "guest:web",
        f"{WEB}:80",
        {"web": f"iptables -t nat -I PREROUTING {REDIRECT}"},
        {"kind": "socket", "key": "9/tcp"},
        {"web": f"iptables -t nat -D PREROUTING {REDIRECT} || :"},
        hand={"web": f"iptables -t nat -D PREROUTING {REDIRECT}"},
        advice=f"-A PREROUTING {REDIRECT}",
    ),
    "answers of connections that the host never saw": Row(
        "conntrack-invalid",
        "host",
        pings("db", "pg", WEB),
        {
            "db": "ip route add 10.90.1.0/24 via 10.77.0.11",
            "host": "sysctl -qw net.bridge.bridge-nf-call-iptables=0;"
            " iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP",
        },
        {"kind": "rule", "rule": "-A FORWARD -m conntrack --ctstate INVALID -j DROP"},
        {
            "db": "ip route del 10.90.1.0/24 via 10.77.0.11",
            "host": "sysctl -qw net.bridge.bridge-nf-call-iptables=1;"
            " iptables -D FORWARD -m conntrack --ctstate INVALID -j DROP",
            "web": "ip route del 10.90.7.10 || :",
        },
        edit=expects("container:db/pg", WEB),
    ),
    "rules that crash the host's nft, and no nft in the guest": Row(
        "not-observed",
        "guest:app",
        APP,
        {
            "app": "nft add table ip mine; nft 'add set ip mine bad { type ipv4_addr; flags interval; }';"
            " nft 'add element ip mine bad { 10.0.0.0/24 }';"
            " nft 'add chain ip mine transit { type filter hook forward priority -5; }';"
            " nft add rule ip mine transit ip saddr @bad drop; ln -s /bin/false /usr/local/bin/nft"
        },
        {"kind": "unmodelled"},
        {"app": "rm -f /usr/local/bin/nft; nft delete table ip mine 2>/dev/null || :"},
        hand={"app": "rm /usr/local/bin/nft; nft delete table ip mine"},
        advice="remove the reason, and look again",
        exit=3,
    ),
}
