"""A lab of any size as a snapshot: a router, a host, guests of two generations of Docker, their containers.

Sysctls and bridge options are those of a recorded guest; the rules are written as Docker 20.10 and 29 write them, as
the captures in tests/captures show. Every figure follows from the number of networks alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

NETWORKS_OF_A_GUEST = 20
CONTAINERS_OF_A_NETWORK = 4
SUBNETS = int(IPv4Address("10.128.0.0"))
GUESTS = int(IPv4Address("10.77.0.10"))
BRIDGE = IPv4Network("10.77.0.0/16")
HOST_INODE, ROUTER_INODE, GUEST_INODES, CONTAINER_INODES = 1, 2, 1_000, 100_000
RULES = [
    {"priority": priority, "family": family, "table": table}
    for family, tables in (
        (4, ((0, 255), (32766, 254), (32767, 253))),
        (6, ((0, 255), (32766, 254))),
    )
    for priority, table in tables
]
LO = {"index": 1, "loopback": True, "mtu": 65536, "name": "lo", "operstate": "UNKNOWN"}

_TEMPLATE = json.loads(
    (Path(__file__).parents[1] / "tests/recorded/applied.json").read_text(encoding="utf-8")
)["namespaces"]["guest:web"]
_SYSCTLS: dict[str, str] = _TEMPLATE["sysctls"]
_BRIDGE_OPTIONS = next(each["options"] for each in _TEMPLATE["links"] if each["name"] == "hl-apps")
_OF_A_LINK = {
    family: {
        key.rpartition(".")[2]: value
        for key, value in _SYSCTLS.items()
        if key.startswith(f"net.{family}.conf.eth0.")
    }
    for family in ("ipv4", "ipv6")
}
_OF_A_PLACE = {
    key: value
    for key, value in _SYSCTLS.items()
    if ".conf." not in key or ".conf.all." in key or ".conf.default." in key
}


@dataclass(frozen=True)
class Fault:
    """What is broken.

    ``host`` does not forward, for all; ``routes`` to all subnets are missing on the host; ``networks``
    are each dropped by a rule of its own.
    """

    host: bool = False
    routes: bool = False
    networks: bool = False


@dataclass(frozen=True)
class Net:
    """One Docker network: its number in the lab, and in its guest."""

    number: int
    guest: int

    @property
    def subnet(self) -> IPv4Network:
        return IPv4Network((SUBNETS + self.number * 256, 24))

    @property
    def bridge(self) -> str:
        return f"br-{self.number:012x}"

    @property
    def gateway(self) -> IPv4Address:
        return self.subnet[1]

    @property
    def containers(self) -> list[int]:
        first = self.number * CONTAINERS_OF_A_NETWORK
        return list(range(first, first + CONTAINERS_OF_A_NETWORK))

    def address(self, container: int) -> IPv4Address:
        return self.subnet[10 + container % CONTAINERS_OF_A_NETWORK]


HEALTHY = Fault()


def lab(networks: int, fault: Fault = HEALTHY) -> Json:
    """The snapshot as its JSON document."""
    every = [Net(number, number // NETWORKS_OF_A_GUEST) for number in range(networks)]
    guests: dict[int, list[Net]] = {}
    for each in every:
        guests.setdefault(each.guest, []).append(each)
    places = {"router": _router(every), "host": _host(guests, fault)}
    for number, nets in guests.items():
        places[f"guest:g{number}"] = _guest(number, nets, fault)
        for net in nets:
            for one in net.containers:
                places[f"container:g{number}/c{one}"] = _container(net, one)
    return {
        "schema": "homelab.snapshot/1",
        "host": "big",
        "namespaces": places,
        "runtime": {
            "name": "lxd",
            "version": "5.0.2",
            "instances": [_instance(number) for number in guests],
        },
        "daemons": {f"guest:g{number}": _daemon(number, nets) for number, nets in guests.items()},
    }


def _mac(kind: int, number: int) -> str:
    digits = f"02{kind:02x}{number:08x}"
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _link_local(number: int) -> str:
    return f"fe80::42:{number >> 16:x}:{number & 0xFFFF:x}"


def _route(destination: object, link: str, via: object = None, **more: Any) -> Json:
    hop = {"link": link} | ({"via": str(via)} if via else {})
    return {"destination": str(destination), "hops": [hop], **more}


def _connected(address: IPv4Address, network: IPv4Network, link: str) -> Iterator[Json]:
    own = {"protocol": "kernel", "source": str(address)}
    yield _route(network, link, scope="link", **own)
    yield _route(f"{address}/32", link, table=255, kind="local", scope="host", **own)
    last = f"{network.broadcast_address}/32"
    yield _route(last, link, table=255, kind="broadcast", scope="link", **own)


def _of_six(number: int, link: str) -> Iterator[Json]:
    yield _route("fe80::/64", link, metric=256, protocol="kernel")
    yield _route(f"{_link_local(number)}/128", link, kind="local", protocol="kernel", table=255)
    yield _route("ff00::/8", link, kind="multicast", metric=256, protocol="kernel", table=255)


def _loopback() -> Iterator[Json]:
    own = {"protocol": "kernel", "source": "127.0.0.1", "table": 255, "scope": "host"}
    yield _route("127.0.0.0/8", "lo", kind="local", **own)
    yield _route("127.0.0.1/32", "lo", kind="local", **own)
    yield _route("::1/128", "lo", kind="local", protocol="kernel", table=255)


def _address(link: str, interface: str, **more: str) -> Json:
    return {"link": link, "interface": interface, **more}


def _sysctls(links: list[str], *, forwarding: bool) -> dict[str, str]:
    found = dict(_OF_A_PLACE)
    for link in links:
        for family, keys in _OF_A_LINK.items():
            found |= {f"net.{family}.conf.{link}.{key}": value for key, value in keys.items()}
    word = "1" if forwarding else "0"
    found |= {key: word for key in found if key.endswith(".forwarding") and "ipv4" in key}
    return found | {"net.ipv4.ip_forward": word}


def _veth(index: int, name: str, mac: str, peer: int, peer_netns: int, master: int | None) -> Json:
    link = {"index": index, "kind": "veth", "mac": mac, "name": name, "peer": peer}
    port = {"master": master, "port": {}, "options": {"slave_kind": "bridge"}} if master else {}
    return {**link, "peer_netns": peer_netns, **port}


def _place(  # noqa: PLR0913 - a place has that many parts
    inode: int,
    links: list[Json],
    addresses: list[Json],
    routes: list[Json],
    netns_ids: dict[str, int],
    rulesets: list[Json],
    *,
    forwarding: bool = True,
    **more: Any,
) -> Json:
    return {
        "inode": inode,
        "links": [LO, *links],
        "addresses": [_address("lo", "127.0.0.1/8", scope="host"), *addresses],
        "routes": [*routes, *_loopback()],
        "rules": RULES,
        "sysctls": _sysctls([each["name"] for each in (LO, *links)], forwarding=forwarding),
        "netns_ids": netns_ids,
        "rulesets": rulesets,
        **more,
    }


def _router(nets: list[Net]) -> Json:
    own = IPv4Address("10.0.0.1")
    routes = [*_connected(own, IPv4Network("10.0.0.0/24"), "lan0")]
    routes += [_route(each.subnet, "lan0", "10.0.0.2", protocol="201") for each in nets]
    links = [_veth(2, "lan0", _mac(0, 1), 2, 0, None)]
    addresses = [_address("lan0", f"{own}/24")]
    return _place(ROUTER_INODE, links, addresses, routes, {"0": HOST_INODE}, [])


def _host(guests: dict[int, list[Net]], fault: Fault) -> Json:
    bridge = {"index": 3, "kind": "bridge", "mac": _mac(0, 3), "name": "lxdbr0"}
    links = [
        _veth(2, "eth0", _mac(0, 2), 2, 0, None),
        bridge | {"options": _BRIDGE_OPTIONS},
        *(_veth(10 + each, f"veth{each:08x}", _mac(1, each), 2, 1 + each, 3) for each in guests),
    ]
    own = IPv4Address("10.0.0.2")
    routes = [
        _route("0.0.0.0/0", "eth0", "10.0.0.1"),
        *_connected(own, IPv4Network("10.0.0.0/24"), "eth0"),
        *_connected(BRIDGE[1], BRIDGE, "lxdbr0"),
    ]
    for number, nets in guests.items() if not fault.routes else ():
        via = IPv4Address(GUESTS + number)
        routes += [_route(each.subnet, "lxdbr0", via, protocol="201") for each in nets]
    netns_ids = {"0": ROUTER_INODE} | {str(1 + each): GUEST_INODES + each for each in guests}
    addresses = [_address("eth0", f"{own}/24"), _address("lxdbr0", f"{BRIDGE[1]}/16")]
    filters = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    rulesets = [{"tool": "iptables-nft", "text": "\n".join([*filters, "COMMIT", ""])}]
    return _place(
        HOST_INODE, links, addresses, routes, netns_ids, rulesets, forwarding=not fault.host
    )


def _guest(number: int, nets: list[Net], fault: Fault) -> Json:
    address = IPv4Address(GUESTS + number)
    links = [_veth(2, "eth0", _mac(2, number), 10 + number, 0, None)]
    addresses = [_address("eth0", f"{address}/16")]
    routes = [_route("0.0.0.0/0", "eth0", BRIDGE[1]), *_connected(address, BRIDGE, "eth0")]
    netns_ids, fdb = {"0": HOST_INODE}, []
    for net in nets:
        index = 10 + net.number
        mac = _mac(3, net.number)
        links.append({"index": index, "kind": "bridge", "mac": mac, "name": net.bridge})
        links[-1]["options"] = _BRIDGE_OPTIONS
        addresses.append(_address(net.bridge, f"{net.gateway}/24"))
        routes += [*_connected(net.gateway, net.subnet, net.bridge), *_of_six(index, net.bridge)]
        for each in net.containers:
            name, mac = f"veth{each:07x}", _mac(4, each)
            links.append(_veth(100_000 + each, name, mac, 2, 1 + each, index))
            addresses.append(_address(name, f"{_link_local(each)}/64", scope="link"))
            routes += _of_six(each, name)
            netns_ids[str(1 + each)] = CONTAINER_INODES + each
            fdb += [
                {"link": name, "mac": mac, "permanent": True},
                {"link": name, "mac": _mac(5, each)},
            ]
    old = number % 2 == 0
    rulesets = _rulesets(nets, old=old, drops=fault.networks)
    return _place(GUEST_INODES + number, links, addresses, routes, netns_ids, rulesets, fdb=fdb)


def _container(net: Net, number: int) -> Json:
    address = net.address(number)
    links = [_veth(2, "eth0", _mac(5, number), 100_000 + number, 0, None)]
    routes = [
        _route("0.0.0.0/0", "eth0", net.gateway),
        *_connected(address, net.subnet, "eth0"),
    ]
    listeners = [
        {"protocol": "tcp", "family": 4, "address": "127.0.0.11", "port": 33000 + number % 20000},
        *({"protocol": "tcp", "family": each, "address": None, "port": 80} for each in (4, 6)),
    ]
    return _place(
        CONTAINER_INODES + number,
        links,
        [_address("eth0", f"{address}/24")],
        routes,
        {"0": GUEST_INODES + net.guest},
        _resolver(33000 + number % 20000),
        listeners=listeners,
    )


def _resolver(port: int) -> list[Json]:
    """The rules of Docker's own resolver in every container."""
    lines = [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":INPUT ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        ":POSTROUTING ACCEPT [0:0]",
        ":DOCKER_OUTPUT - [0:0]",
        ":DOCKER_POSTROUTING - [0:0]",
        "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT",
        "-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING",
        f"-A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:{port}",
        f"-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p tcp -m tcp --sport {port} -j SNAT --to-source :53",
        "COMMIT",
        "",
    ]
    return [{"tool": "iptables-nft", "text": "\n".join(lines)}]


def _rulesets(nets: list[Net], *, old: bool, drops: bool) -> list[Json]:
    user = [f"-A DOCKER-USER -d {each.subnet} -j DROP" for each in nets] if drops else []
    lines = _docker_20(nets, user) if old else _docker_29(nets, user)
    text = "\n".join((*lines, ""))
    return [
        {"tool": "iptables-nft", "text": text},
        {"tool": "nft-json", "text": json.dumps({"nftables": list(_as_nft(lines))})},
    ]


def _as_nft(lines: list[str]) -> Iterator[Json]:
    """How ``nft -j list ruleset`` shows the tables of iptables-nft: matches and targets of xtables."""
    table, handle = "", 0
    for line in lines:
        if line.startswith("*"):
            table = line[1:]
            yield {"table": {"family": "ip", "name": table, "handle": 1}}
        elif line.startswith(":"):
            chain = line[1:].split()[0]
            yield {"chain": {"family": "ip", "table": table, "name": chain, "handle": 1}}
        elif line.startswith("-A"):
            handle += 1
            rule = {"family": "ip", "table": table, "chain": line.split()[1], "handle": handle}
            counter = {"counter": {"packets": 0, "bytes": 0}}
            target = {"xt": {"type": "target", "name": line.split()[-1]}}
            yield {"rule": rule | {"expr": [counter, target]}}


def _head(table: str, *chains: str) -> list[str]:
    base = {"filter": ("INPUT", "FORWARD", "OUTPUT"), "raw": ("PREROUTING", "OUTPUT")}
    hooks = base.get(table, ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))
    opened = (f":{each} ACCEPT [0:0]" for each in hooks)
    return [f"*{table}", *opened, *(f":{each} - [0:0]" for each in chains)]


def _nat(nets: list[Net], *, returns: bool) -> Iterator[str]:
    yield from _head("nat", "DOCKER")
    yield "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"
    yield "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"
    for each in nets:
        yield f"-A POSTROUTING -s {each.subnet} ! -o {each.bridge} -j MASQUERADE"
    for each in nets:
        if returns:
            yield f"-A DOCKER -i {each.bridge} -j RETURN"
        published = 20000 + each.number
        to = f"{each.address(0)}:80"
        match = f"! -i {each.bridge} -p tcp -m tcp --dport {published}"
        yield f"-A DOCKER {match} -j DNAT --to-destination {to}"
    yield "COMMIT"


def _docker_20(nets: list[Net], user: list[str]) -> list[str]:
    stages = ("DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2")
    lines = [
        *_head("filter", "DOCKER", *stages, "DOCKER-USER", "HOMELAB"),
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
    ]
    for each in nets:
        br = each.bridge
        lines += [
            f"-A FORWARD -o {br} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A FORWARD -o {br} -j DOCKER",
            f"-A FORWARD -i {br} ! -o {br} -j ACCEPT",
            f"-A FORWARD -i {br} -o {br} -j ACCEPT",
            f"-A DOCKER -d {each.address(0)}/32 ! -i {br} -o {br} -p tcp -m tcp --dport 80 -j ACCEPT",
        ]
    lines += [f"-A {stages[0]} -i {each.bridge} ! -o {each.bridge} -j {stages[1]}" for each in nets]
    lines += [f"-A {stages[0]} -j RETURN"]
    lines += [f"-A {stages[1]} -o {each.bridge} -j DROP" for each in nets]
    lines += [f"-A {stages[1]} -j RETURN", *user, "-A DOCKER-USER -j HOMELAB"]
    lines += ["-A DOCKER-USER -j RETURN"]
    lines += [f"-A HOMELAB -d {each.subnet} -j ACCEPT" for each in nets]
    return [*lines, "COMMIT", *_nat(nets, returns=True)]


def _docker_29(nets: list[Net], user: list[str]) -> list[str]:
    chains = ("DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-INTERNAL")
    lines = [
        *_head("filter", *chains, "DOCKER-USER"),
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-FORWARD",
        "-A DOCKER-FORWARD -j DOCKER-CT",
        "-A DOCKER-FORWARD -j DOCKER-INTERNAL",
        "-A DOCKER-FORWARD -j DOCKER-BRIDGE",
        *user,
    ]
    for each in nets:
        br = each.bridge
        lines += [
            f"-A DOCKER ! -i {br} -o {br} -j ACCEPT",
            f"-A DOCKER-BRIDGE -o {br} -j DOCKER",
            f"-A DOCKER-CT -o {br} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A DOCKER-FORWARD -i {br} -j ACCEPT",
        ]
    return [*lines, "COMMIT", *_nat(nets, returns=False), "*raw", "COMMIT"]


def _instance(number: int) -> Json:
    config = {"security.nesting": "true", "volatile.eth0.hwaddr": _mac(2, number)}
    nic = {"type": "nic", "network": "lxdbr0", "ipv4.address": str(IPv4Address(GUESTS + number))}
    return {
        "name": f"g{number}",
        "status": "Running",
        "pid": 1000 + number,
        "expanded_config": config,
        "expanded_devices": {"eth0": nic},
    }


def _daemon(number: int, nets: list[Net]) -> Json:
    old = number % 2 == 0
    mode = {} if old else {"com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected"}
    return {
        "version": "20.10.24" if old else "29.1.0",
        "firewall": "" if old else "iptables",
        "networks": [_network(each, mode) for each in nets],
        "containers": [_running(net, each) for net in nets for each in net.containers],
    }


def _network(net: Net, options: dict[str, str]) -> Json:
    return {
        "id": f"{net.number:064x}",
        "name": f"n{net.number}",
        "bridge": net.bridge,
        "subnets": [{"subnet": str(net.subnet), "gateway": str(net.gateway)}],
        "options": options,
    }


def _running(net: Net, number: int) -> Json:
    attachment = {"network": f"n{net.number}", "ipv4": str(net.address(number))}
    return {
        "id": f"{number:064x}",
        "name": f"c{number}",
        "status": "running",
        "pid": 10_000 + number,
        "network_mode": f"n{net.number}",
        "attachments": [attachment | {"mac": _mac(5, number)}],
    }
