"""Labs in which every container answers the LAN, each made of a seed: guests, networks, NICs and rules by chance.

lan 192.168.1.0/24 - router - host - guests (a bridge, a VLAN-aware bridge, a VLAN of the NIC, macvlan) - containers.
A guest is one of the captures with its real rules, or one whose Docker networks the simulated system made.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from random import Random
from typing import Any

from homelab.load.snapshot import dump_snapshot, parse_snapshot
from homelab.model.docker import (
    Attachment,
    Daemon,
    DockerContainer,
    DockerNetwork,
    DockerSubnet,
    PublishedPort,
)
from homelab.model.inventory import ContainerNetwork, Egress, Guest, Host, Inventory, Nic
from homelab.model.inventory import Router as WantedRouter
from homelab.model.kernel import (
    BridgePort,
    BridgeVlan,
    Link,
    Listener,
    Namespace,
    PolicyRule,
)
from homelab.model.lxc import Instance, Runtime
from homelab.model.operation import CreateDockerNetwork, StartContainer
from homelab.model.place import HOST, ROUTER, Place, container, guest, guest_of
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import simulate
from tests import captured
from tests.diagnosis.trace_lab import Lab

CAPTURED = (
    "docker-20.10/default-fwd1",
    "docker-20.10/docker-user-accept-d",
    "docker-20.10/iptables-false",
    "docker-26.1/docker-user-accept-d",
    "docker-28.5/gwmode-nat-unprotected",
    "docker-28.5/gwmode-nat-unprotected-masq-false",
    "docker-28.5/gwmode-routed",
    "docker-28.5/raw-accept-plus-docker-user",
    "docker-29.7/gwmode-nat-unprotected",
    "docker-29.7/nft-gwmode-nat-unprotected",
    "docker-29.7/nft-gwmode-routed",
)
"""Captures whose container was seen to answer an echo request to its own address."""

GROUND = (
    "docker-20.10/default-fwd1",
    "docker-26.1/docker-user-accept-d",
    "docker-28.5/gwmode-nat-unprotected",
    "docker-29.7/gwmode-nat-unprotected",
)
"""Captures on whose ground the simulated daemon makes networks."""

BY_LINK = "docker-28.5/raw-accept-plus-docker-user"
"""Its rules name the NIC eth0."""

HALF = 0.5

TO_HOST = 900
"""Netns id of the host in every guest; those of its containers are as they were captured."""

FIRST_INDEX = 500
"""Index of the first link that is not of a capture: above all of those."""
NICS = ("bridge", "vlan port", "vlan on the NIC", "vlan in the guest", "macvlan")
LAN = {4: "192.168.1", 6: "fd01:"}
PLAIN = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
UFW = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-forward - [0:0]
:ufw-user-forward - [0:0]
-A INPUT -p icmp -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-user-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-user-forward -i eth0 -j ACCEPT
COMMIT
"""
UFW6 = """*filter
:FORWARD DROP [0:0]
:ufw6-user-forward - [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j ufw6-user-forward
-A ufw6-user-forward -i eth0 -j ACCEPT
COMMIT
"""


def _firewalld(entry: str) -> str:
    """A forward chain of firewalld's shape in JSON, which lets in what comes by the host's entry."""
    at = {"family": "inet", "table": "firewalld"}
    hook = {"type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}
    state, name = {"ct": {"key": "state"}}, {"meta": {"key": "iifname"}}
    rules = (
        [_match("in", state, ["established", "related"]), {"accept": None}],
        [_match("in", {"ct": {"key": "status"}}, "dnat"), {"accept": None}],
        [_match("==", name, {"set": ["lo", entry]}), {"accept": None}],
        [_match("in", state, "invalid"), {"drop": None}],
        [{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}],
    )
    chain = {**at, "chain": "filter_FORWARD"}
    items = (
        {"table": {"family": "inet", "name": "firewalld", "handle": 1}},
        {"chain": {**at, "name": "filter_FORWARD", "handle": 1, **hook}},
        *({"rule": {**chain, "handle": at, "expr": e}} for at, e in enumerate(rules, 2)),
    )
    return json.dumps({"nftables": items})


def _match(op: str, left: object, right: object) -> dict[str, object]:
    return {"match": {"op": op, "left": left, "right": right}}


@dataclass(frozen=True)
class Made:
    """A healthy lab, and of what it was made."""

    snapshot: Snapshot
    inventory: Inventory
    nics: Mapping[Place, str]
    says: str


@dataclass
class Making:
    chance: Random
    families: tuple[int, ...]
    lab: Lab = field(default_factory=Lab)
    daemons: dict[Place, Daemon] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    nics: dict[Place, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def say(self, *words: object) -> None:
        self.words.append(" ".join(map(str, words)))


def healthy(seed: int) -> Made:
    """The lab of that number: always the same one."""
    chance = Random(seed)
    making = Making(chance, chance.choice(((4,), (4,), (4, 6), (6,))))
    making.say("families", *making.families)
    making.lab.count_links_from(FIRST_INDEX)
    _host(making)
    for number in range(1, chance.randint(1, 4) + 1):
        _guest(making, number)
    _rules_of_host(making)
    snapshot = _snapshot(making)
    return Made(snapshot, _inventory(making, snapshot), making.nics, "; ".join(making.words))


def _host(making: Making) -> None:
    """The host, its uplink, and the router if that was observed."""
    lab, chance = making.lab, making.chance
    lab.place(HOST, forwards=True)
    kind = chance.choice(("not observed", "on the LAN", "by a VLAN trunk"))
    making.say("router", kind)
    lab.link(HOST, "eth0")
    if kind == "by a VLAN trunk":
        _trunk(making)
        return
    for family in making.families:
        _give(lab, HOST, "eth0", f"{LAN[family]}{'.' if family == 4 else ':'}5", family)
        lab.route(HOST, _all(family), _lan(family, 1), "eth0")
    if kind == "on the LAN":
        lab.place(ROUTER, forwards=True)
        lab.link(ROUTER, "lan")
        for family in making.families:
            _give(lab, ROUTER, "lan", _lan(family, 1), family)


def _trunk(making: Making) -> None:
    """The router beside the host, on a wire of their own in VLAN 10; clients are behind the router."""
    lab = making.lab
    lab.place(ROUTER, forwards=True)
    lab.link(ROUTER, "lan")
    lab.wire((HOST, "trunk"), (ROUTER, "trunk"))
    for place in (HOST, ROUTER):
        _vlan(lab, place, "trunk", 10)
    for family in making.families:
        _give(lab, ROUTER, "lan", _lan(family, 1), family)
        _give(lab, HOST, "trunk.10", _on(family, 10, 2), family)
        _give(lab, ROUTER, "trunk.10", _on(family, 10, 1), family)
        lab.route(HOST, _all(family), _on(family, 10, 1), "trunk.10")


def _guest(making: Making, number: int) -> None:
    name = f"g{number}"
    kind = making.chance.choice(NICS)
    grown = making.families != (4,) or making.chance.random() < HALF
    folder = making.chance.choice(GROUND if grown else CAPTURED)
    if folder == BY_LINK:
        kind = "bridge"
    making.say(name, kind, folder, "grown" if grown else "captured")
    piece = _renamed(folder, name, number, keep=not grown)
    making.nics[guest(name)] = kind
    making.lab.spaces.update(piece.namespaces)
    making.daemons |= piece.daemons
    _plug(making, name, number, kind)
    if grown:
        _forward(making.lab, guest(name), making.families)
        _grow(making, name, number)
    _route_to(making, name)


def _renamed(folder: str, name: str, number: int, *, keep: bool) -> Snapshot:
    """The guest of a capture and its containers under other names and addresses, without its NIC's.

    ``keep`` says whether its own network stays, or only the daemon with its chains.
    """
    whole = captured.snapshot(captured.CAPTURES / folder)
    text = dump_snapshot(replace(whole, runtime=None))
    for old, new in (
        ("guest:web", f"guest:{name}"),
        ("container:web/", f"container:{name}/"),
        ("10.90.1.", f"10.90.{number}."),
        ("10.90.0.0/16", f"10.90.{number}.0/24"),
    ):
        text = text.replace(old, new)
    piece = parse_snapshot(text.encode(), folder)
    base = 1000 * number
    inodes = {1000: 1, **{2000 + one: base + 100 + one for one in range(90)}, 1001: base}
    spaces = {
        place: _identified(here, inodes)
        for place, here in piece.namespaces.items()
        if place != HOST
    }
    if not keep:
        spaces = {guest(name): _emptied(spaces[guest(name)], piece.daemons[guest(name)])}
        daemon = piece.daemons[guest(name)]
        left = tuple(each for each in daemon.networks if each.name != "n1")
        piece = replace(piece, daemons={guest(name): replace(daemon, networks=left, containers=())})
    spaces[guest(name)] = _unplugged(spaces[guest(name)])
    return replace(piece, namespaces=spaces)


def _identified(here: Namespace, inodes: Mapping[int, int]) -> Namespace:
    ids = {one: inodes.get(other, other) for one, other in here.netns_ids.items()}
    return replace(here, inode=inodes.get(here.inode, here.inode), netns_ids=ids)


def _emptied(here: Namespace, daemon: Daemon) -> Namespace:
    """Without the network n1, its ports and its rules."""
    bridge = next(each for each in here.links if each.name == "br-n1")
    gone = {bridge.name, *(each.name for each in here.links if each.master == bridge.index)}
    rulesets = tuple(
        replace(each, text=_without_network(each.text, daemon))
        for each in here.rulesets
        if each.tool.startswith("ip")
    )
    return replace(
        here,
        links=tuple(each for each in here.links if each.name not in gone),
        addresses=tuple(each for each in here.addresses if each.link not in gone),
        routes=tuple(each for each in here.routes if each.link not in gone),
        neighbours=(),
        fdb=(),
        rulesets=rulesets,
    )


def _without_network(text: str, daemon: Daemon) -> str:
    """What is left after `docker network rm`; with 27 and before forwarding was on before dockerd came."""
    lines = (x for x in text.splitlines(keepends=True) if "br-n1" not in x and "10.90." not in x)
    left = "".join(lines)
    return left.replace(":FORWARD DROP", ":FORWARD ACCEPT") if daemon.major < 28 else left


def _unplugged(here: Namespace) -> Namespace:
    """Without its NIC and all that it had by it."""
    return replace(
        here,
        links=tuple(each for each in here.links if each.name != "eth0"),
        addresses=tuple(each for each in here.addresses if each.link != "eth0"),
        routes=tuple(each for each in here.routes if each.link != "eth0"),
        neighbours=tuple(each for each in here.neighbours if each.link != "eth0"),
    )


def _plug(making: Making, name: str, number: int, kind: str) -> None:
    """The guest's NIC, the host's end of it, addresses on both, the guest's default route."""
    lab, place = making.lab, guest(name)
    lab.change(HOST, netns_ids={**lab.spaces[HOST].netns_ids, 1000 * number: 1000 * number})
    lab.change(place, netns_ids={**lab.spaces[place].netns_ids, TO_HOST: 1})
    ours, theirs = f"v{name}", "eth0"
    net = {
        "bridge": 77,
        "vlan port": 20,
        "vlan on the NIC": 30,
        "vlan in the guest": 40,
        "macvlan": 50,
    }
    if kind == "macvlan":
        near = _macvlan(lab, place)
    else:
        lab.wire((HOST, ours), (place, "eth0"))
        lab.set_link(place, "eth0", peer_netns=TO_HOST)
        near = _BRIDGES[kind](lab, ours)
    if kind == "vlan in the guest":
        _vlan(lab, place, "eth0", 40)
        theirs = "eth0.40"
    for family in making.families:
        if not any(
            a.link == near and a.interface.version == family for a in lab.spaces[HOST].addresses
        ):
            _give(lab, HOST, near, _on(family, net[kind], 1), family)
        _give(lab, place, theirs, _on(family, net[kind], 10 + number), family)
        lab.route(place, _all(family), _on(family, net[kind], 1), theirs)
    device = {"type": "nic", "name": "eth0", "nictype": "bridged", "parent": near}
    config = {"security.nesting": "true", "volatile.eth0.host_name": ours}
    nic = {"eth0": device}
    making.instances.append(Instance(name, "Running", 1, ("default",), config, nic, config, nic))


def _forward(lab: Lab, place: Place, families: tuple[int, ...]) -> None:
    """IPv6 forwarding, which no capture without IPv6 has; Docker switches IPv4's on."""
    if 6 in families:
        here = lab.spaces[place]
        keys = (each for each in here.sysctls if each.startswith("net.ipv6.conf."))
        on = {each: "1" for each in keys if each.endswith(".forwarding")}
        more = {"net.ipv6.conf.all.forwarding": "1"}
        lab.change(place, sysctls={**here.sysctls, **on, **more})


def _lxdbr0(lab: Lab, port: str) -> str:
    return _bridge(lab, "lxdbr0", port)


def _aware(lab: Lab, port: str, *, tagged: bool = False, vlan: int = 20) -> str:
    """The port of a VLAN-aware bridge, and the host's VLAN link on that bridge."""
    _bridge(lab, "br0", port, options={"vlan_filtering": "1", "vlan_default_pvid": "0"})
    row = BridgeVlan(vlan, vlan) if tagged else BridgeVlan(vlan, vlan, pvid=True, untagged=True)
    lab.set_link(HOST, port, vlans=(row,))
    rows = {each.first: each for each in _link(lab, HOST, "br0").vlans}
    lab.set_link(HOST, "br0", vlans=tuple({**rows, vlan: BridgeVlan(vlan, vlan)}.values()))
    if _find(lab, HOST, f"br0.{vlan}") is None:
        _vlan(lab, HOST, "br0", vlan)
    return f"br0.{vlan}"


def _in_guest(lab: Lab, port: str) -> str:
    return _aware(lab, port, tagged=True, vlan=40)


def _on_nic(lab: Lab, port: str) -> str:
    """A plain bridge whose uplink is a VLAN link of a NIC."""
    if _find(lab, HOST, "eth1") is None:
        lab.link(HOST, "eth1")
        _vlan(lab, HOST, "eth1", 30)
        _bridge(lab, "br30", "eth1.30")
    return _bridge(lab, "br30", port)


_BRIDGES = {
    "bridge": _lxdbr0,
    "vlan port": _aware,
    "vlan in the guest": _in_guest,
    "vlan on the NIC": _on_nic,
}


def _bridge(lab: Lab, name: str, port: str, **more: Any) -> str:
    found = _find(lab, HOST, name)
    if found is None:
        lab.bridge(HOST, name, port, **more)
    else:
        lab.set_link(HOST, port, master=found.index, port=BridgePort())
    return name


def _macvlan(lab: Lab, place: Place) -> str:
    """The guest on macvlan, and the host on a macvlan link of its own, which alone it can talk to."""
    if _find(lab, HOST, "eth2") is None:
        parent = lab.link(HOST, "eth2")
        lab.link(HOST, "mac0", "macvlan", peer=parent.index, options={"mode": "bridge"})
    below = _link(lab, HOST, "eth2")
    lab.link(
        place, "eth0", "macvlan", peer=below.index, peer_netns=TO_HOST, options={"mode": "bridge"}
    )
    return "mac0"


def _vlan(lab: Lab, place: Place, parent: str, number: int) -> None:
    below = _link(lab, place, parent)
    options = {"vlan_id": str(number), "vlan_protocol": "802.1Q"}
    lab.link(place, f"{parent}.{number}", "vlan", peer=below.index, options=options)


def _find(lab: Lab, place: Place, name: str) -> Link | None:
    return next((each for each in lab.spaces[place].links if each.name == name), None)


def _link(lab: Lab, place: Place, name: str) -> Link:
    found = _find(lab, place, name)
    assert found is not None
    return found


def _give(lab: Lab, place: Place, link: str, address: str, family: int) -> None:
    lab.address(place, link, f"{address}/{24 if family == 4 else 64}")


def _lan(family: int, last: int) -> str:
    return f"192.168.1.{last}" if family == 4 else f"fd01::{last}"


def _on(family: int, net: int, last: int) -> str:
    return f"10.{net}.0.{last}" if family == 4 else f"fd{net}::{last}"


def _all(family: int) -> str:
    return "0.0.0.0/0" if family == 4 else "::/0"


def _grow(making: Making, name: str, number: int) -> None:
    """Networks and containers, made by the simulated daemon in its own words."""
    place, chance = guest(name), making.chance
    snapshot = Snapshot(namespaces=dict(making.lab.spaces), daemons=making.daemons)
    for index in range(chance.randint(1, 2)):
        network = _network(making, number, index, snapshot.daemons[place])
        snapshot = simulate(snapshot, CreateDockerNetwork(place, network))
        for at in range(chance.randint(1, 2)):
            snapshot = _with_container(snapshot, place, f"{network.name}c{at}", network.name)
    making.lab.spaces.update(snapshot.namespaces)
    making.daemons = dict(snapshot.daemons)


def _network(making: Making, number: int, index: int, daemon: Daemon) -> DockerNetwork:
    third = number if index == 0 else 100 + number
    subnets = {4: f"10.90.{third}.0/24", 6: f"fd90:{third}::/64"}
    taken = (
        tuple(ip_network(subnets[family]) for family in (4, *making.families[1:]))
        if making.families[0] == 4
        else (ip_network(subnets[4]), ip_network(subnets[6]))
    )
    mode = making.chance.choice(("nat-unprotected", "routed"))
    options = {
        f"com.docker.network.bridge.gateway_mode_ipv{each.version}": mode
        for each in taken
        if daemon.major >= 28
    }
    making.say("network", *taken, *options.values())
    return DockerNetwork(
        id=f"{number}{index}" * 8,
        name=f"net{index}",
        bridge=f"br-net{index}",
        subnets=tuple(DockerSubnet(each, each[1]) for each in taken),
        ipv6=any(each.version == 6 for each in taken),
        options={**options, "com.docker.network.bridge.name": f"br-net{index}"},
    )


def _with_container(snapshot: Snapshot, place: Place, name: str, network: str) -> Snapshot:
    daemon = snapshot.daemons[place]
    published = (PublishedPort("tcp", 80, "", 8080),) if name.endswith("c0") else ()
    new = DockerContainer(name, name, "exited", 0, network, (Attachment(network),), published)
    grown = replace(daemon, containers=(*daemon.containers, new))
    snapshot = replace(snapshot, daemons={**snapshot.daemons, place: grown})
    return simulate(snapshot, StartContainer(place, name))


def _route_to(making: Making, name: str) -> None:
    """Routes to the guest and to its containers, on the host and on the router."""
    lab, place = making.lab, guest(name)
    for network in making.daemons[place].networks:
        for each in network.subnets:
            if (
                network.name in ("bridge", "host", "none")
                or each.subnet.version not in making.families
            ):
                continue
            family = each.subnet.version
            nic = next(
                a
                for a in lab.spaces[place].addresses
                if a.link.startswith("eth0")
                and a.interface.version == family
                and a.scope == "global"
            )
            lab.route(HOST, str(each.subnet), str(nic.interface.ip), protocol="201")
            if ROUTER in lab.spaces:
                _at_router(lab, str(each.subnet), family)


def _at_router(lab: Lab, subnet: str, family: int) -> None:
    trunk = _find(lab, ROUTER, "trunk.10") is not None
    lab.route(ROUTER, subnet, _on(family, 10, 2) if trunk else _lan(family, 5))


def _rules_of_host(making: Making) -> None:
    """Somebody else's rules that let the LAN pass, a table of a VPN, a source route."""
    lab, chance = making.lab, making.chance
    trunk = _find(lab, HOST, "trunk.10") is not None
    entry = "trunk.10" if trunk else "eth0"
    kind = chance.choice(("none", "plain", "ufw", "firewalld"))
    making.say("host rules", kind)
    if kind == "plain":
        lab.rules(HOST, "iptables-nft", PLAIN)
    if kind == "ufw":
        lab.rules(HOST, "iptables-nft", UFW.replace("-i eth0", f"-i {entry}"))
        lab.rules(HOST, "ip6tables-nft", UFW6.replace("-i eth0", f"-i {entry}"))
    if kind == "firewalld":
        lab.rules(HOST, "nft-json", _firewalld(entry))
    if chance.random() < HALF:
        making.say("policy routing")
        _policy_routing(making)


def _policy_routing(making: Making) -> None:
    """As a VPN leaves it: a table of its own for its own peers, after a rule for the local tables."""
    lab = making.lab
    standard = tuple(
        PolicyRule(priority, family, table=table)
        for family in (4, 6)
        for priority, table in ((0, 255), (32766, 254), (32767, 253))[: 3 if family == 4 else 2]
    )
    vpn = (
        PolicyRule(5210, 4, table=254, fwmark=0x80000, fwmask=0xFF0000),
        PolicyRule(5270, 4, table=52),
        PolicyRule(5280, 4, table=254, suppress_prefixlength=0),
    )
    lab.link(HOST, "tailscale0", "tun", pointopoint=True, noarp=True, mac=None)
    lab.change(HOST, rules=tuple(sorted((*standard, *vpn), key=lambda each: each.priority)))
    lab.route(HOST, "100.100.7.0/24", None, "tailscale0", table=52)


def _snapshot(making: Making) -> Snapshot:
    lab = making.lab
    for place, daemon in making.daemons.items():
        closed = {each.name for each in daemon.networks if "routed" in each.options.values()}
        for each in daemon.containers:
            shut = {one.network for one in each.attachments} <= closed and not each.published
            _listening(lab, container(guest_of(place) or "", each.name), () if shut else (4, 6))
    runtime = Runtime("lxd", "5.0.2", tuple(making.instances))
    return lab.snapshot(host="nuc", runtime=runtime, daemons=dict(making.daemons))


def _listening(lab: Lab, place: Place, families: tuple[int, ...]) -> None:
    """A server on port 80; nobody listens where the gateway mode keeps every port closed."""
    served = tuple(Listener("tcp", family, None, 80) for family in families)
    unread = {key: why for key, why in lab.spaces[place].unread.items() if key != "sockets"}
    lab.change(place, listeners=served, unread=unread)


def _inventory(making: Making, snapshot: Snapshot) -> Inventory:
    if making.chance.random() < HALF:
        return Inventory()
    making.say("inventory")
    guests = []
    for place in making.nics:
        name = place.partition(":")[2]
        networks = tuple(
            ContainerNetwork(
                name,
                each.name,
                tuple(s.subnet for s in each.subnets if s.subnet.version in making.families),
                egress=Egress.MASQUERADE,
            )
            for each in snapshot.daemons[place].networks
            if each.name not in ("bridge", "host", "none")
        )
        nic = tuple(
            a.interface.ip
            for a in snapshot.namespaces[place].addresses
            if a.link.startswith("eth0") and a.scope == "global"
        )
        guests.append(Guest(name, "nuc", Nic(addresses=nic), networks))
    routers = (WantedRouter("edge"),) if ROUTER in snapshot.namespaces else ()
    host = Host("nuc", router="edge" if routers else None)
    return Inventory((host,), routers, tuple(guests))
