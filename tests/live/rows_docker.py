"""What Docker's daemon, its networks and their options do to packets that come from outside."""

from tests.live.injecting import Row, Script
from tests.live.rows_guest import APP, DB, WEB
from tests.live.rows_rules import NO_RULES

BRIDGE = "com.docker.network.bridge."
FOUND = "/^    networks:/,/egress:/d"
"""The inventory without networks: whatever Docker networks are there are judged."""
WEBS = ("apps", "10.90.1.0/24", "front 10.90.1.10", "api 10.90.1.11")
DBS = ("data", "10.90.7.0/24", "pg 10.90.7.10", "adm 10.90.7.11")
APPS = ("apps", "10.90.3.0/24", "shop 10.90.3.10", "cart 10.90.3.11")
STRICT = "iptables -S FORWARD | sed -n 's/^-P /iptables -P /p' >/etc/lab/policy; iptables -P FORWARD DROP"
AS_BEFORE = "sh /etc/lab/policy"
"""A daemon sets the policy only if it switches forwarding on itself: it is not the same after each start."""
OURS = "--label homelab.network=app/apps"
FILE = "/etc/docker/daemon.json"


def taken_away(network: str, _: str, *containers: str) -> str:
    """The network is removed; whoever applies afterwards makes it as it is declared."""
    names = (each.split()[0] for each in containers)
    apart = "; ".join(f"docker network disconnect -f {network} {name}" for name in names)
    return f"{apart}; docker network rm {network} >/dev/null"


def remade(options: str, network: str, subnet: str, *containers: str) -> str:
    """Somebody makes the network anew with other options; its containers keep their addresses."""
    both = (each.split() for each in containers)
    # On a slow machine the lab's own keeper of containers is the first to put them back.
    back = "; ".join(f"docker network connect --ip {ip} {network} {name} || :" for name, ip in both)
    made = f"docker network create {options} --subnet {subnet} {network} >/dev/null"
    return f"{taken_away(network, subnet, *containers)}; {made}; {back}"


def option(*pairs: str) -> str:
    return " ".join(f"-o {BRIDGE}{each}" for each in pairs)


def expects(origin: str, to: str, outcome: str = "delivered") -> str:
    """A line of sed that adds an expectation to the inventory."""
    return f'\n1i expect: [{{from: "{origin}", to: "{to}", outcome: {outcome}}}]'


def pings(guest: str, name: str, address: str) -> Script:
    return Script(guest, f"docker exec {name} ping -c 1 -W 1 {address}")


RESTARTED = (
    "iptables -S FORWARD | grep -q DOCKER || dockerd-restart;"
    " ip -6 route del fd90:1::/64 dev hl-apps metric 1024 || :"
)
"""Docker 20.10 leaves a second route behind when it starts anew beside its bridge."""

DOCKER = {
    "an internal network": Row(
        "docker-network-internal",
        "guest:web",
        WEB,
        {"web": remade("--internal", *WEBS)},
        {"kind": "rule", "direction": "return", "chain": "DOCKER-ISOLATION-STAGE-1"},
        {"web": taken_away(*WEBS)},
        hand={"web": remade("", *WEBS)},
        advice="make apps anew without `--internal`",
        edit=FOUND,
    ),
    "an isolated network": Row(
        "docker-network-isolated",
        "guest:app",
        APP,
        {"app": remade("--internal " + option("gateway_mode_ipv4=isolated"), *APPS)},
        {},
        {"app": taken_away(*APPS)},
        hand={"app": remade(option("gateway_mode_ipv4=nat-unprotected"), *APPS)},
        advice="make apps anew in another gateway mode",
        edit=FOUND,
    ),
    "a port of a routed network": Row(
        "docker-gateway-mode-routed-ports",
        "guest:app",
        f"{APP}:80",
        {"app": remade(option("gateway_mode_ipv4=routed"), *APPS)},
        {"kind": "rule", "chain": "DOCKER"},
        {"app": taken_away(*APPS)},
        edit=FOUND,
    ),
    "a port that is not published": Row(
        "docker-unpublished-port-drop",
        "guest:app",
        f"{APP}:80",
        {"app": remade(f"{OURS} {option('trusted_host_interfaces=eth0')}", *APPS)},
        {"kind": "rule", "chain": "DOCKER"},
        advice="homelab apply --yes",
    ),
    "no masquerading under Docker's protection": Row(
        "docker-egress-dead",
        "guest:app",
        pings("app", "shop", "10.0.0.100"),
        {"app": remade(option("enable_ip_masquerade=false"), *APPS)},
        {"kind": "rule", "table": "raw", "direction": "return"},
        {"app": taken_away(*APPS)},
        edit="/app:/,$s/ingress: open/ingress: none\\n        managed: false/"
        + expects("container:app/shop", "10.0.0.100"),
    ),
    "a gateway mode that 20.10 does not know": Row(
        "docker-gateway-mode-ignored",
        "guest:web",
        WEB,
        {
            "web": f"{NO_RULES}; {STRICT}; "
            + remade(option("gateway_mode_ipv4=nat-unprotected"), *WEBS)
        },
        {"kind": "policy", "chain": "FORWARD", "rule": "-P FORWARD DROP"},
        {"web": f"{AS_BEFORE}; {taken_away(*WEBS)}"},
        edit=FOUND,
    ),
    "neighbours kept apart by 20.10": Row(
        "docker-icc-off",
        "guest:web",
        pings("web", "front", "10.90.1.11"),
        {"web": f"{NO_RULES}; " + remade(option("enable_icc=false"), *WEBS)},
        {"kind": "rule", "chain": "FORWARD"},
        {"web": taken_away(*WEBS)},
        edit=FOUND + expects("container:web/front", "10.90.1.11"),
    ),
    "neighbours kept apart by 28.5": Row(
        "docker-icc-off",
        "guest:app",
        pings("app", "shop", "10.90.3.11"),
        {"app": remade(option("enable_icc=false", "gateway_mode_ipv4=nat-unprotected"), *APPS)},
        {"kind": "rule", "chain": "DOCKER-FORWARD"},
        {"app": taken_away(*APPS)},
        edit=FOUND + expects("container:app/shop", "10.90.3.11"),
    ),
    "two networks of one guest": Row(
        "docker-inter-network-isolation",
        "guest:db",
        pings("db", "pg", "10.90.33.10"),
        {
            "db": "docker network create --subnet 10.90.33.0/24 other >/dev/null;"
            " docker network connect --ip 10.90.33.10 other adm"
        },
        {"kind": "rule", "chain": "DOCKER-ISOLATION-STAGE-2"},
        {"db": "docker network disconnect other adm; docker network rm other >/dev/null"},
        edit=FOUND + expects("container:db/pg", "10.90.33.10"),
        fresh=True,
    ),
    "iptables of Docker off, and no forwarding": Row(
        "docker-iptables-disabled-no-forward",
        "guest:app",
        APP,
        {
            "app": f'{STRICT}; echo \'{{"iptables": false, "ip6tables": false}}\' >{FILE};'
            " kill $(cat /run/lab/dockerd.pid); sleep 1; nft flush ruleset; dockerd-restart;"
            " sysctl -qw net.ipv4.ip_forward=0"
        },
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
        {"app": f"rm {FILE}; sysctl -qw net.ipv4.ip_forward=0; dockerd-restart; {AS_BEFORE}"},
    ),
    "containers with the address of their guest": Row(
        "docker-masquerade-hides-source",
        "guest:app",
        pings("app", "shop", "10.0.0.100"),
        {
            "host": "sed '/app:/,$s/egress: routed/egress: masquerade/' tests/live/ipv6.yaml"
            " >tests/lab/.run-masquerade.yaml;"
            " homelab -i tests/lab/.run-masquerade.yaml apply --yes",
            "client": "ip route add blackhole 10.77.0.13",
        },
        {},
        {"client": "ip route del blackhole 10.77.0.13"},
        exit=0,
    ),
    "a network that was removed": Row(
        "docker-network-missing",
        "guest:db",
        DB,
        {"db": taken_away(*DBS)},
        {},
        advice="homelab apply",
    ),
    "Docker's rules flushed": Row(
        "docker-rules-flushed",
        "guest:web",
        WEB,
        {"web": f"{STRICT}; iptables -F"},
        {"kind": "policy", "chain": "FORWARD", "rule": "-P FORWARD DROP"},
        {"web": f"{RESTARTED}; {AS_BEFORE}"},
    ),
    "a key that 20.10 does not know": Row(
        "daemon-unknown-key",
        "guest:web",
        WEB,
        {
            "web": f"echo '{{\"ip-forward-no-drop\": true}}' >{FILE};"
            " kill $(cat /run/lab/dockerd.pid); until [ -e /run/lab/dockerd-down ]; do sleep 0.1; done;"
            " rm /run/lab/dockerd-down; echo start >/run/lab/request;"
            " until [ -e /run/lab/dockerd-down ]; do sleep 0.1; done"
        },
        {},
        {"web": f"rm -f {FILE}; systemctl start docker; {RESTARTED}"},
        hand={"web": f"rm {FILE}"},
        advice=f"take ip-forward-no-drop out of {FILE} in guest:web",
    ),
}
