"""What Docker itself is told: of networks, of containers, of its daemon."""

from collections.abc import Mapping

from tests.live.matrix_case import SIX, Case

BRIDGE = "-o com.docker.network.bridge."
NEW = ("app",)
PLAIN = "--network n1"
PUBLISHED = "--network n1 -p 8080:80 -p 5353:5005/udp"
BOTH = {"c1": PLAIN, "c2": PUBLISHED, "c3": "--network n2", "c4": "--network n2 -p 8084:80"}
JOINED = "docker network connect n2 c1"
SIXTABLES: Mapping[str, object] = {"experimental": True, "ip6tables": True}


def _n1(words: str, **more: object) -> Case:
    return Case({"n1": SIX + words}, **more)  # type: ignore[arg-type] # fields of a Case


_NETWORKS = {
    "default": Case(),
    "default fwd0": Case(forward=0),
    "icc false": _n1(f"{BRIDGE}enable_icc=false"),
    "internal": _n1("--internal"),
    "internal beside a normal one": Case({"n1": SIX + "--internal", "n2": SIX}, BOTH, after=JOINED),
    "no masquerade": _n1(f"{BRIDGE}enable_ip_masquerade=false"),
    "no masquerade fwd0": _n1(f"{BRIDGE}enable_ip_masquerade=false", forward=0),
    "bound to an address": _n1(f"{BRIDGE}host_binding_ipv4={{ip}}"),
    "bound to the loopback": _n1(f"{BRIDGE}host_binding_ipv4=127.0.0.1"),
    "routed": _n1(f"{BRIDGE}gateway_mode_ipv4=routed", guests=NEW),
    "routed in both": _n1(
        f"{BRIDGE}gateway_mode_ipv4=routed {BRIDGE}gateway_mode_ipv6=routed", guests=NEW
    ),
    "routed in both fwd0": _n1(
        f"{BRIDGE}gateway_mode_ipv4=routed {BRIDGE}gateway_mode_ipv6=routed", forward=0, guests=NEW
    ),
    "routed in ipv6": _n1(f"{BRIDGE}gateway_mode_ipv6=routed", guests=NEW),
    "unprotected": _n1(f"{BRIDGE}gateway_mode_ipv4=nat-unprotected"),
    "unprotected in both, fwd0": _n1(
        f"{BRIDGE}gateway_mode_ipv4=nat-unprotected {BRIDGE}gateway_mode_ipv6=nat-unprotected",
        forward=0,
        guests=NEW,
    ),
    "unprotected without masquerade": _n1(
        f"{BRIDGE}gateway_mode_ipv4=nat-unprotected {BRIDGE}enable_ip_masquerade=false", guests=NEW
    ),
    "isolated": _n1(
        f"--internal {BRIDGE}gateway_mode_ipv4=isolated {BRIDGE}gateway_mode_ipv6=isolated",
        guests=NEW,
    ),
    "trusted interface": _n1(f"{BRIDGE}trusted_host_interfaces=eth0", guests=NEW),
    "without ipv4 of the bridge": _n1(f"{BRIDGE}inhibit_ipv4=true"),
    "ipv6 only": Case({"n1": "--ipv4=false --ipv6  --subnet fd9{g}:1::/64"}, guests=NEW),
    "small mtu": _n1("-o com.docker.network.driver.mtu=1280"),
    "own gateway": Case({"n1": "--subnet 10.9{g}.1.0/24 --gateway 10.9{g}.1.254"}),
    "two networks": Case({"n1": SIX, "n2": SIX}, BOTH),
    "two networks fwd0": Case({"n1": SIX, "n2": SIX}, BOTH, forward=0),
    "one container on both": Case({"n1": SIX, "n2": SIX}, BOTH, after=JOINED),
    "one on both, the second without icc": Case(
        {"n1": SIX, "n2": f"{BRIDGE}enable_icc=false"}, BOTH, after=JOINED
    ),
    "routed beside nat": Case(
        {"n1": SIX + f"{BRIDGE}gateway_mode_ipv4=routed", "n2": SIX}, BOTH, guests=NEW
    ),
    "unprotected beside nat": Case(
        {"n1": SIX + f"{BRIDGE}gateway_mode_ipv4=nat-unprotected", "n2": SIX}, BOTH, guests=NEW
    ),
    "internal and no masquerade": Case(
        {"n1": SIX + "--internal", "n2": f"{BRIDGE}enable_ip_masquerade=false"}, BOTH
    ),
}

_CONTAINERS = {
    "ports of every kind": Case(
        containers={
            "c1": "--network n1 -p {ip}:8081:80 -p 127.0.0.1:8082:80",
            "c2": "--network n1 -p 8000-8002:80-82 -p 7000:5005/udp",
            "c3": "--network n1 -p [::1]:8083:80 -p [fd77::1{g}]:8085:80",
            "c4": "--network n1 -p 80",
        }
    ),
    "host network": Case(
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "--network host"},
    ),
    "shared namespace": Case(
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "--network container:c2"},
    ),
    "no network": Case(containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "--network none"}),
    "default bridge": Case(
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "-p 8083:80", "c4": ""},
    ),
    "linked on the default bridge": Case(
        daemon={"icc": False},
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "--expose 80", "c4": "--link c3"},
    ),
    "macvlan": Case(
        {
            "n1": SIX,
            "m1": "-d macvlan -o parent=eth0 --subnet 10.77.0.0/24 --gateway 10.77.0.1 --ip-range 10.77.0.{g}2/31",
        },
        {"c1": PLAIN, "c2": PUBLISHED, "c3": "--network m1"},
    ),
    "macvlan beside a bridge": Case(
        {
            "n1": SIX,
            "m1": "-d macvlan -o parent=eth0 --subnet 10.77.0.0/24 --gateway 10.77.0.1 --ip-range 10.77.0.{g}2/31",
        },
        {"c1": PLAIN, "c2": PUBLISHED, "c3": "--network m1"},
        after="docker network connect n1 c3",
    ),
    "a container with routes of its own": Case(
        containers={"c1": PLAIN, "c2": f"--cap-add NET_ADMIN {PUBLISHED}"},
        after="docker exec c2 ip route add unreachable 10.0.0.0/24",
    ),
    "a container put on again": Case(
        after="docker network disconnect n1 c2; docker network connect --ip 10.9{g}.1.77 n1 c2"
    ),
    "a container stopped": Case(
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": PLAIN}, after="docker stop c3 >/dev/null"
    ),
}

_KEPT = {"c1": f"--restart always {PLAIN}", "c2": f"--restart always {PUBLISHED}"}
_DAEMON = {
    "iptables false": Case(daemon={"iptables": False}),
    "iptables false fwd0": Case(daemon={"iptables": False}, forward=0),
    "ip6tables": Case(daemon=SIXTABLES),
    "ip6tables fwd0": Case({"n1": SIX, "n2": SIX}, BOTH, daemon=SIXTABLES, forward=0),
    "ip6tables false": Case(daemon={"ip6tables": False}),
    "no userland proxy": Case(daemon={"userland-proxy": False}),
    "no userland proxy, ip6tables": Case(daemon={"userland-proxy": False, **SIXTABLES}),
    "no userland proxy, two networks": Case(
        {"n1": SIX, "n2": SIX}, BOTH, daemon={"userland-proxy": False}
    ),
    "direct routing": Case(daemon={"allow-direct-routing": True}, guests=NEW),
    "direct routing fwd0": Case(daemon={"allow-direct-routing": True}, forward=0, guests=NEW),
    "ip-forward false": Case(daemon={"ip-forward": False}, forward=0),
    "forward without drop": Case(daemon={"ip-forward-no-drop": True}, forward=0, guests=NEW),
    "daemon without icc": Case(
        daemon={"icc": False}, containers={"c1": "", "c2": "-p 8080:80", "c3": PLAIN}
    ),
    "daemon bound to an address": Case(daemon={"ip": "127.0.0.1"}),
    "default bridge with ipv6": Case(
        daemon={"ipv6": True, "fixed-cidr-v6": "fd9{g}:9::/64", **SIXTABLES},
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "-p 8083:80"},
    ),
    "another bip": Case(
        daemon={"bip": "10.9{g}.9.1/24"},
        containers={"c1": PLAIN, "c2": PUBLISHED, "c3": "-p 8083:80"},
    ),
    "legacy iptables": Case(before="update-alternatives --set iptables /usr/sbin/iptables-legacy"),
    "legacy iptables fwd0": Case(
        forward=0,
        before="for s in iptables ip6tables; do"
        " update-alternatives --set $s /usr/sbin/$s-legacy; done",
    ),
    "legacy and nft": Case(
        before="iptables-nft -P FORWARD DROP;"
        " update-alternatives --set iptables /usr/sbin/iptables-legacy",
    ),
    "restarted": Case(containers=_KEPT, after="dockerd-restart; sleep 1"),
    "flushed": Case(after="iptables -F; iptables -t nat -F; iptables -t raw -F"),
    "flushed by nft": Case(after="nft flush ruleset", forward=0),
    "flushed and restarted": Case(
        containers=_KEPT, after="nft flush ruleset; dockerd-restart; sleep 1"
    ),
    "nat flushed": Case(after="iptables -t nat -F"),
    "filter flushed": Case(after="iptables -F", forward=0),
    "restarted with forwarding": Case(
        containers=_KEPT, forward=0, after="dockerd-restart; sleep 1; iptables -P FORWARD ACCEPT"
    ),
    "live restore": Case(
        daemon={"live-restore": True}, after="iptables -F DOCKER; dockerd-restart; sleep 1"
    ),
}

DOCKER = {**_NETWORKS, **_CONTAINERS, **_DAEMON}
