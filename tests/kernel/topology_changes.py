"""What may be changed on a machine of a network thrown by dice: each change gives the lines that make it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Site:
    """Where a change is made, and what it may speak of."""

    dice: random.Random
    place: str
    links: tuple[str, ...]
    addresses: tuple[str, ...]
    networks: tuple[str, ...]

    def one(self, *choices: str) -> str:
        return self.dice.choice(choices)

    @property
    def link(self) -> str:
        return self.dice.choice(self.links)

    @property
    def address(self) -> str:
        return self.dice.choice(self.addresses)

    @property
    def network(self) -> str:
        return self.dice.choice((*self.networks, *(host(each) for each in self.addresses)))

    def like(self, other: str) -> str:
        """An address of the same family."""
        return self.dice.choice(
            [each for each in self.addresses if (":" in each) == (":" in other)]
        )


Change: TypeAlias = Callable[[Site], Sequence[str]]


def host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def family(text: str) -> str:
    return "-6" if ":" in text else "-4"


def forwarding(site: Site) -> list[str]:
    return [
        site.one(
            "sysctl net.ipv4.ip_forward=0",
            "sysctl net.ipv6.conf.all.forwarding=0",
            f"sysctl net.ipv4.conf.{site.link}.forwarding=0",
            f"sysctl net.ipv6.conf.{site.link}.forwarding=0",
        )
    ]


def reverse_path(site: Site) -> list[str]:
    where = site.one("all", site.link, site.link)
    return [f"sysctl net.ipv4.conf.{where}.rp_filter={site.one('1', '1', '2')}"]


def arp(site: Site) -> list[str]:
    where = site.one("all", site.link, site.link)
    key = site.one(
        "arp_ignore=1",
        "arp_ignore=2",
        "arp_ignore=3",
        "arp_ignore=8",
        "arp_filter=1",
        "proxy_arp=1",
        "arp_announce=2",
    )
    return [f"sysctl net.ipv4.conf.{where}.{key}"]


def switches(site: Site) -> list[str]:
    return [
        site.one(
            f"sysctl net.ipv4.conf.{site.link}.accept_local=1",
            f"sysctl net.ipv4.conf.{site.link}.route_localnet=1",
            f"sysctl net.ipv6.conf.{site.link}.disable_ipv6=1",
            f"sysctl net.ipv6.conf.{site.link}.proxy_ndp=1",
            "sysctl net.ipv4.icmp_echo_ignore_all=1",
            "sysctl net.ipv6.icmp.echo_ignore_all=1",
            f"sysctl net.ipv4.ip_default_ttl={site.one('1', '2', '3')}",
            f"sysctl net.ipv4.conf.{site.link}.src_valid_mark=1",
            "sysctl net.bridge.bridge-nf-call-iptables=1",
            "sysctl net.bridge.bridge-nf-call-arptables=1",
        )
    ]


def proxies(site: Site) -> list[str]:
    address = site.address
    made = [f"ip neigh add proxy {address} dev {site.link}"]
    return made if ":" not in address else ["sysctl net.ipv6.conf.all.proxy_ndp=1", *made]


def special_route(site: Site) -> list[str]:
    network = site.network
    kind = site.one("blackhole", "unreachable", "prohibit", "throw")
    return [f"ip {family(network)} route {site.one('add', 'replace')} {kind} {network}"]


def local_route(site: Site) -> list[str]:
    network = site.network
    return [f"ip {family(network)} route add local {network} dev lo"]


def other_route(site: Site) -> list[str]:
    network = site.network
    ways = (
        f"via {site.like(network)}",
        f"dev {site.link}",
        f"via {site.like(network)} dev {site.link} onlink",
    )
    end = site.one("", "", f" metric {site.one('1', '50', '2000')}")
    return [
        f"ip {family(network)} route {site.one('add', 'replace')} {network} {site.one(*ways)}{end}"
    ]


def route_with_source(site: Site) -> list[str]:
    network = site.network
    return [
        f"ip {family(network)} route add {network} via {site.like(network)} src {site.like(network)} metric 5"
    ]


def multipath(site: Site) -> list[str]:
    network = site.network
    hops = " ".join(f"nexthop via {site.like(network)}" for _ in range(2))
    return [f"ip {family(network)} route replace {network} {hops}"]


def no_route(site: Site) -> list[str]:
    network = site.one(site.network, "default", "default")
    return [f"ip {family(site.address)} route del {network}"]


def rule(site: Site) -> list[str]:
    network = site.network
    four = family(network)
    asks = site.one(
        f"from {network}", f"to {network}", f"iif {site.link}", f"oif {site.link}", f"not to {network}", "fwmark 0x1/0x3", f"iif lo to {network}",
        "ipproto tcp", "ipproto udp dport 53", "tos 0x10", f"from {network} iif {site.link}",
    )  # fmt: skip
    table = str(site.dice.randrange(50, 60))
    then = site.one(
        f"lookup {table}", f"lookup {table}", "unreachable", "prohibit", "blackhole", "lookup main suppress_prefixlength 0",
        f"lookup main suppress_prefixlength {site.one('16', '24', '64')}", "goto 32766", "lookup main suppress_ifgroup 0",
    )  # fmt: skip
    target = site.one(
        f"via {site.like(network)}",
        "",
        f"dev {site.link}",
        f"via {site.like(network)} dev {site.link} onlink",
    )
    kind = "" if target else site.one("unreachable ", "blackhole ", "throw ", "prohibit ")
    to = site.one("default", network)
    made = [f"ip {four} rule add {asks} pref {site.dice.randrange(10, 400)} {then}"]
    if f"lookup {table}" in then:
        made.append(f"ip {four} route add {kind}{to} {target} table {table}")
    if "fwmark" in asks:
        tool = "iptables" if four == "-4" else "ip6tables"
        made.append(
            f"{tool} -t mangle -A {site.one('PREROUTING', 'OUTPUT')} -p tcp -j MARK --set-mark {site.one('1', '5')}"
        )
    return made


def rules_gone(site: Site) -> list[str]:
    return [
        site.one(
            "ip rule del pref 32766",
            "ip rule del pref 0; ip rule add pref 500 lookup local",
            "ip -6 rule del pref 32766",
        )
    ]


def link_state(site: Site) -> list[str]:
    link = site.link
    return [
        site.one(
            f"ip link set {link} down",
            f"ip link set {link} down; ip link set {link} up",
            f"ip link set {link} arp off",
            f"ip link set {link} mtu {site.one('1280', '1400', '700')}",
            f"ip link set {link} nomaster",
            f"ip link set {link} address 02:00:00:00:00:0{site.one('1', '2', '3')}",
            f"ip link set {link} promisc on",
            f"ip link set {link} allmulticast on",
        )
    ]


def bridge_port(site: Site) -> list[str]:
    ports = [each for each in site.links if each.startswith("v")] or list(site.links)
    port = site.dice.choice(ports)
    what = site.one(
        "isolated on", "hairpin on", "learning off", "flood off", "mcast_flood off", "bcast_flood off", "state 0", "state 1", "state 4", "neigh_suppress on",
        "proxy_arp on", "locked on",
    )  # fmt: skip
    both = (
        [f"bridge link set dev {each} {what}" for each in ports] if site.dice.random() < 0.3 else []
    )
    return both or [f"bridge link set dev {port} {what}"]


def neighbour(site: Site) -> list[str]:
    state = site.one(
        "lladdr 02:00:00:00:00:99 nud permanent",
        "nud failed",
        "lladdr 02:00:00:00:00:01 nud permanent",
    )
    return [f"ip neigh replace {site.address} {state} dev {site.link}"]


def address(site: Site) -> list[str]:
    taken = site.address
    wide = "64" if ":" in taken else "24"
    narrow = "128" if ":" in taken else "32"
    where = site.one(site.link, site.link, "lo")
    extra = " nodad" if ":" in taken else site.one("", "", " scope host", " scope link")
    return [
        site.one(
            f"ip addr add {taken}/{narrow} dev {where}{extra}",
            f"ip addr add {taken}/{wide} dev {where}{extra}",
            f"ip addr add {taken}/{site.one('16', '25', '30', '8') if ':' not in taken else '48'} dev {where}{extra}",
            f"ip addr del {taken}/{wide} dev {site.link}",
            f"ip addr add 10.9.0.{site.one('1', '2')}/24 dev {where}",
        )
    ]


def filter_rule(site: Site) -> list[str]:
    about = site.address
    tool = "ip6tables" if ":" in about else "iptables"
    if site.dice.random() < 0.3:
        return [f"{tool} -P {site.one('FORWARD', 'INPUT', 'OUTPUT', 'FORWARD')} DROP"]
    match = site.one(
        f"-d {about}", f"-s {about}", f"-i {site.link}", "-p tcp", "-p tcp --dport 80", "-m conntrack --ctstate INVALID", "-m conntrack --ctstate NEW",
        "-m conntrack --ctstate ESTABLISHED", f"-d {about} ! -i {site.link}", "-m addrtype ! --dst-type LOCAL", "-p udp",
    )  # fmt: skip
    table, chain = site.dice.choice(
        (
            ("filter", "FORWARD"),
            ("filter", "FORWARD"),
            ("filter", "INPUT"),
            ("filter", "OUTPUT"),
            ("raw", "PREROUTING"),
            ("mangle", "POSTROUTING"),
        )
    )
    if table == "filter" and chain == "OUTPUT":
        match = match.replace("-i ", "-o ")
    if chain == "POSTROUTING":
        match = match.replace("-i ", "-o ")
    ends = ("DROP", "DROP", "REJECT", "ACCEPT") if table == "filter" else ("DROP", "ACCEPT")
    return [f"{tool} -t {table} -A {chain} {match} -j {site.one(*ends)}"]


def reverse_path_rule(site: Site) -> list[str]:
    about = site.address
    tool = "ip6tables" if ":" in about else "iptables"
    how = site.one(
        "--invert", "--loose --invert", "--validmark --invert", "--accept-local --invert"
    )
    return [f"{tool} -t {site.one('raw', 'mangle')} -A PREROUTING -m rpfilter {how} -j DROP"]


def translation(site: Site) -> list[str]:
    about = site.address
    tool = "ip6tables" if ":" in about else "iptables"
    to = site.like(about)
    ported = f"[{to}]:80" if ":" in to else f"{to}:80"
    end = site.one(
        "POSTROUTING -j MASQUERADE", f"POSTROUTING -o {site.link} -j MASQUERADE", f"POSTROUTING -d {about} -j SNAT --to-source {to}",
        f"PREROUTING -d {about} -j DNAT --to-destination {to}", f"PREROUTING -p tcp --dport 82 -j DNAT --to-destination {ported}",
        f"OUTPUT -d {about} -j DNAT --to-destination {to}", "PREROUTING -p tcp --dport 82 -j REDIRECT --to-ports 80",
    )  # fmt: skip
    return [f"{tool} -t nat -A {end}"]


CHANGES: tuple[Change, ...] = (
    forwarding, forwarding, reverse_path, reverse_path, arp, arp, switches, switches, proxies, special_route, special_route, local_route, other_route, other_route,
    other_route, route_with_source, multipath, no_route, no_route, rule, rule, rule, rules_gone, link_state, link_state, bridge_port, bridge_port, neighbour,
    address, address, address, filter_rule, filter_rule, filter_rule, reverse_path_rule, translation, translation,
)  # fmt: skip
