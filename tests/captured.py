"""The captures of real labs as a Namespace, a Daemon and a whole Snapshot.

A capture holds one guest. ``snapshot`` completes it with the host and the containers as they were on
the machine where it was taken: bridge lxdbr0 with 10.66.0.1/24, a route to 10.90.0.0/16 via the guest,
and in every container httpd on port 80.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)
from itertools import chain
from pathlib import Path
from typing import Any

from homelab.model.docker import Attachment, Daemon, DockerContainer, DockerNetwork
from homelab.model.kernel import (
    LOCAL,
    BridgePort,
    Link,
    LinkAddress,
    Listener,
    Namespace,
    NextHop,
    PolicyRule,
    Route,
)
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, Interface, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.system.collect import Section
from homelab.system.namespaces import parse
from homelab.system.parse_docker import parse_daemon

CAPTURES = Path(__file__).parent / "captures"
DOCKER = sorted(each.parent for each in CAPTURES.glob("docker-*/*/ip-addr.json"))
RUNTIMES = sorted(each.parent for each in CAPTURES.glob("*/instances-recursion2.json"))

GUEST = "web"
GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv"
GATEWAY = IPv4Address("10.66.0.1")
CONTAINERS = IPv4Network("10.90.0.0/16")
GATEWAY6 = IPv6Interface("fd66::1/64")
CONTAINERS6 = IPv6Network("fd90::/32")

_HOST_INODE, _GUEST_INODE, _CONTAINER_INODES = 1000, 1001, 2000
_FILES = {
    "links": ("ip-addr.json",),
    "nft": ("nft-ruleset.txt",),
    "nft-json": ("nft-ruleset.json",),
    "iptables-legacy": ("iptables-legacy-save.txt",),
    "ip6tables-legacy": ("ip6tables-legacy-save.txt",),
}
_STANDARD = tuple(
    PolicyRule(priority, family, table=table)
    for family, tables in (
        (4, ((0, 255), (32766, 254), (32767, 253))),
        (6, ((0, 255), (32766, 254))),
    )
    for priority, table in tables
)


def name(folder: Path) -> str:
    """``docker-28.5/default-fwd0``: an id for a parametrised test."""
    return str(folder.relative_to(CAPTURES))


def is_six(row: Mapping[str, Any]) -> bool:
    return ":" in str(row.get("dst")) + str(row.get("gateway")) or "pref" in row


def sections(folder: Path) -> dict[str, Section]:
    """A capture in the form in which the collector brings it."""
    routes, rules, neighbours = (
        json.loads((folder / each).read_text())
        for each in ("ip-route.json", "ip-rule.json", "ip-neigh.json")
    )
    batches = {
        family: [
            [each for each in routes if is_six(each) == (family == "ipv6")],
            rules if family == "ipv4" else rules[:2],
            [each for each in neighbours if is_six(each) == (family == "ipv6")],
            [],
        ]
        for family in ("ipv4", "ipv6")
    }
    found = {
        **{each: "\n".join(map(json.dumps, batch)) for each, batch in batches.items()},
        **{each: _text(folder, *files) for each, files in _FILES.items()},
        "iptables-nft": _iptables(folder, "iptables"),
        "ip6tables-nft": _iptables(folder, "ip6tables"),
        "sysctls": _sysctls(folder),
        "sockets": "",
    }
    needed = ("links", "ipv4", "ipv6", "sysctls", "sockets")
    return {each: Section(text) for each, text in found.items() if text or each in needed}


def _text(folder: Path, *files: str) -> str:
    return next((path.read_text() for each in files if (path := folder / each).exists()), "")


def _iptables(folder: Path, tool: str) -> str:
    """``iptables-save`` of that machine was the nft variant, save where it says otherwise."""
    text = _text(folder, f"{tool}-nft-save.txt", f"{tool}-save-c.txt", f"{tool}-save.txt")
    return text if "(nf_tables)" in text else ""


def _sysctls(folder: Path) -> str:
    """``sysctl -a`` as grep(1) prints /proc/sys: sysctl(8) writes a dot in a name as a slash."""
    swap = str.maketrans("./", "/.")
    pairs = (line.partition(" = ") for line in _text(folder, "sysctl-net.txt").splitlines())
    return "\n".join(f"/proc/sys/{key.translate(swap)}:{value}" for key, _, value in pairs)


@cache
def namespace(folder: Path) -> Namespace:
    """The guest's own namespace, and nothing else."""
    return parse(sections(folder))


@cache
def daemon(folder: Path) -> Daemon:
    version = json.loads((folder / "docker-version.json").read_text())["Server"]
    backend = json.loads((folder / "daemon.json").read_text()).get("firewall-backend", "")
    return parse_daemon(
        version,
        {"FirewallBackend": {"Driver": backend}},
        json.loads((folder / "docker-network-inspect.json").read_text()),
        json.loads((folder / "docker-inspect.json").read_text()),
    )


@cache
def snapshot(folder: Path) -> Snapshot:
    """The whole lab at the moment of the capture; the LAN of its probes is 10.66.0.1, the host."""
    here = _with_proxies(_with_identity(namespace(folder)), daemon(folder), folder)
    inside = dict(_containers(here, daemon(folder)))
    return Snapshot(
        namespaces={HOST: _host(here), guest(GUEST): here, **inside},
        runtime=Runtime("lxd", "5.0.2", (Instance(GUEST, "Running"),)),
        daemons={guest(GUEST): daemon(folder)},
    )


def _with_identity(here: Namespace) -> Namespace:
    ids = {each.peer_netns for each in here.links if each.peer_netns is not None}
    known = {each: _HOST_INODE if each == 0 else _CONTAINER_INODES + each for each in ids}
    return replace(here, inode=_GUEST_INODE, netns_ids=known)


def _with_proxies(here: Namespace, docker: Daemon, folder: Path) -> Namespace:
    """docker-proxy listens on every published port unless ``userland-proxy`` is false."""
    if json.loads((folder / "daemon.json").read_text()).get("userland-proxy") is False:
        return here
    proxies = {
        Listener(
            port.protocol,
            ip_interface(port.host_address or "0.0.0.0").version,
            None,
            port.host_port,
        )
        for each in docker.containers
        for port in each.published
        if port.host_port
        and not port.host_address.startswith("127.")
        and not _is_routed(each, docker)
    }
    ordered = sorted(proxies, key=lambda each: (each.port, each.protocol, each.family))
    return replace(here, listeners=(*here.listeners, *ordered))


def _is_routed(each: DockerContainer, docker: Daemon) -> bool:
    """Gateway mode routed maps no port of the host."""
    routed = {
        network.name
        for network in docker.networks
        if "routed" in (network.options.get(f"{GATEWAY_MODE}{family}") for family in (4, 6))
    }
    return any(one.network in routed for one in each.attachments)


def _host(here: Namespace) -> Namespace:
    """The LXD host: a bridge, and the guest's veth as its port."""
    uplink = next(each for each in here.links if each.name == "eth0")
    address = _first(here, "eth0")
    bridge = Link(2, "lxdbr0", "bridge", "00:16:3e:ae:9b:b4")
    port = Link(
        uplink.peer or 0,
        "vethguest",
        "veth",
        "f2:f8:01:39:c1:0a",
        master=2,
        peer=uplink.index,
        peer_netns=1,
        port=BridgePort(),
    )
    net = ip_interface(f"{GATEWAY}/24")
    routes = (
        Route(CONTAINERS, (NextHop(address.ip, "lxdbr0"),)),
        Route(
            net.network, (NextHop(link="lxdbr0"),), protocol="kernel", scope="link", source=GATEWAY
        ),
        *_local(net, "lxdbr0"),
        *_six(here),
    )
    return Namespace(
        inode=_HOST_INODE,
        links=(_lo(), bridge, port),
        addresses=(_loopback(), LinkAddress("lxdbr0", net), LinkAddress("lxdbr0", GATEWAY6)),
        routes=routes,
        rules=_STANDARD,
        sysctls=_forwarding("1"),
        netns_ids={1: _GUEST_INODE},
    )


def _six(here: Namespace) -> Iterator[Route]:
    """IPv6 of the host: the bridge's subnet, and the containers' through the guest."""
    wide = (
        each.interface.ip
        for each in here.addresses
        if each.link == "eth0" and each.interface.version == 6 and each.scope == "global"
    )
    yield Route(GATEWAY6.network, (NextHop(link="lxdbr0"),), protocol="kernel", source=GATEWAY6.ip)
    yield from _local(GATEWAY6, "lxdbr0")
    yield from (Route(CONTAINERS6, (NextHop(each, "lxdbr0"),)) for each in wide)


def _containers(here: Namespace, docker: Daemon) -> Iterator[tuple[Place, Namespace]]:
    networks = {each.name: each for each in docker.networks}
    ports = {each.mac: each for each in here.links if each.kind == "veth" and each.master}
    free = iter([each for each in ports.values() if each.peer_netns])
    for each in sorted(docker.containers, key=lambda one: one.pid):
        on = [one for one in each.attachments if one.ipv4 or one.ipv6]
        port = _port_of(here, on[0], networks) if on else None
        if each.is_running and on:
            yield container(GUEST, each.name), _container(on[0], networks, port or next(free))


def _port_of(
    here: Namespace, attached: Attachment, networks: Mapping[str, DockerNetwork]
) -> Link | None:
    """The bridge port behind which the forwarding table or the order of addresses has a container."""
    bridge = next((x for x in here.links if x.name == networks[attached.network].bridge), None)
    ports = [each for each in here.links if bridge and each.master == bridge.index]
    rank = int(str(attached.ipv4).rpartition(".")[2]) - 10 if attached.ipv4 else 0
    return ports[rank] if 0 <= rank < len(ports) else None


def _container(on: Attachment, networks: Mapping[str, DockerNetwork], port: Link) -> Namespace:
    pairs = [
        (address, subnet)
        for address in (on.ipv4, on.ipv6)
        for subnet in networks[on.network].subnets
        if address and address in subnet.subnet
    ]
    interfaces = [ip_interface(f"{a}/{s.subnet.prefixlen}") for a, s in pairs]
    gateways = [s.gateway or s.subnet[1] for _, s in pairs]
    everywhere = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
    routes = chain(
        (Route(everywhere[g.version], (NextHop(g, "eth0"),)) for g in gateways)
        if not networks[on.network].internal
        else (),
        (
            Route(i.network, (NextHop(link="eth0"),), protocol="kernel", scope="link", source=i.ip)
            for i in interfaces
        ),
        *(_local(each, "eth0") for each in interfaces),
    )
    eth0 = Link(port.peer or 2, "eth0", "veth", on.mac, peer=port.index, peer_netns=0)
    return Namespace(
        inode=_CONTAINER_INODES + (port.peer_netns or 0),
        links=(_lo(), eth0),
        addresses=(_loopback(), *(LinkAddress("eth0", each) for each in interfaces)),
        routes=tuple(routes),
        rules=_STANDARD,
        listeners=tuple(Listener("tcp", family, None, 80) for family in (4, 6)),
        sysctls=_forwarding("0"),
        netns_ids={0: _GUEST_INODE},
    )


def _first(here: Namespace, link: str) -> IPv4Interface:
    return next(
        each.interface
        for each in here.addresses
        if each.link == link and isinstance(each.interface, IPv4Interface)
    )


def _lo() -> Link:
    return Link(1, "lo", mtu=65536, operstate="UNKNOWN", loopback=True)


def _loopback() -> LinkAddress:
    return LinkAddress("lo", ip_interface("127.0.0.1/8"), "host")


def _local(interface: Interface, link: str) -> tuple[Route, ...]:
    return tuple(
        Route(
            net, (NextHop(link=link),), LOCAL, "local", "kernel", scope="host", source=interface.ip
        )
        for net in (ip_network(interface.ip),)
    )


def _forwarding(value: str) -> dict[str, str]:
    return {
        "net.ipv4.ip_forward": value,
        "net.ipv4.conf.all.rp_filter": "0",
        "net.ipv4.conf.all.forwarding": value,
        "net.ipv6.conf.all.forwarding": value,
    }
