"""Faults that are put into a healthy lab, each with the code and the place by which it must be found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from homelab.model.docker import DockerContainer, DockerNetwork
from homelab.model.kernel import BridgeVlan, Link, Namespace, NextHop, Ruleset
from homelab.model.place import HOST, ROUTER, Network, Place, container, guest_of
from homelab.model.snapshot import Snapshot
from tests.checks.healthy_labs import Made


@dataclass(frozen=True)
class Fault:
    """``known_as`` are codes and places that say the same of it more exactly, where a lab allows it."""

    snapshot: Snapshot
    code: str
    at: Place
    known_as: tuple[tuple[str, Place], ...] = ()

    @property
    def names(self) -> tuple[tuple[str, Place], ...]:
        return (self.code, self.at), *self.known_as


@dataclass(frozen=True)
class Victim:
    """A network of a guest, one of its containers, and the subnets that the LAN can speak to."""

    place: Place
    nic: str
    network: DockerNetwork
    front: DockerContainer
    subnets: tuple[Network, ...]

    @property
    def inside(self) -> Place:
        return container(guest_of(self.place) or "", self.front.name)

    @property
    def port(self) -> str:
        return f"v{guest_of(self.place)}"

    @property
    def family(self) -> int:
        return self.subnets[0].version


Breaker = Callable[[Snapshot, Victim], Fault | None]


def victims(made: Made) -> Iterator[Victim]:
    spoken = {
        a.interface.version for a in made.snapshot.namespaces[HOST].addresses if a.link != "lo"
    }
    for place, nic in made.nics.items():
        daemon = made.snapshot.daemons[place]
        for one in daemon.containers:
            for each in one.attachments:
                network = next(n for n in daemon.networks if n.name == each.network)
                subnets = tuple(s.subnet for s in network.subnets if s.subnet.version in spoken)
                yield Victim(place, nic, network, one, subnets)


def choose(made: Made, chance: Random) -> Victim:
    return chance.choice(tuple(victims(made)))


def changed(snapshot: Snapshot, place: Place, **more: object) -> Snapshot:
    here = replace(snapshot.namespaces[place], **more)  # type: ignore[arg-type] # the caller knows the fields
    return replace(snapshot, namespaces={**snapshot.namespaces, place: here})


def with_link(snapshot: Snapshot, place: Place, name: str, **more: object) -> Snapshot:
    links = tuple(
        replace(each, **more) if each.name == name else each  # type: ignore[arg-type] # as above
        for each in snapshot.namespaces[place].links
    )
    return changed(snapshot, place, links=links)


def link(here: Namespace, name: str) -> Link | None:
    return next((each for each in here.links if each.name == name), None)


def _without_routes(snapshot: Snapshot, place: Place, *gone: Network) -> Snapshot:
    kept = (e for e in snapshot.namespaces[place].routes if e.destination not in gone)
    return changed(snapshot, place, routes=tuple(kept))


def _forwarding(snapshot: Snapshot, place: Place, family: int, codes: tuple[str, str]) -> Fault:
    here = snapshot.namespaces[place]
    keys = (each for each in here.sysctls if each.startswith(f"net.ipv{family}.conf."))
    off = {each: "0" for each in keys if each.endswith(".forwarding")}
    key = "net.ipv4.ip_forward" if family == 4 else "net.ipv6.conf.all.forwarding"
    broken = changed(snapshot, place, sysctls={**here.sysctls, **off, key: "0"})
    return Fault(broken, codes[family == 6], place)


def host_forwarding(snapshot: Snapshot, victim: Victim) -> Fault:
    codes = ("host-forwarding-off", "ipv6-forwarding-off")
    return _forwarding(snapshot, HOST, victim.family, codes)


def guest_forwarding(snapshot: Snapshot, victim: Victim) -> Fault:
    codes = ("guest-forwarding-off", "ipv6-forwarding-off")
    found = _forwarding(snapshot, victim.place, victim.family, codes)
    return replace(found, known_as=(("docker-iptables-disabled-no-forward", victim.place),))


def router_forwarding(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if ROUTER not in snapshot.namespaces:
        return None
    codes = ("router-forwarding-off", "ipv6-forwarding-off")
    return _forwarding(snapshot, ROUTER, victim.family, codes)


def host_route(snapshot: Snapshot, victim: Victim) -> Fault:
    return Fault(_without_routes(snapshot, HOST, *victim.subnets), "host-no-route", HOST)


def host_next_hop(snapshot: Snapshot, victim: Victim) -> Fault:
    """A next hop that nobody has: of a route of ours it is known that the guest had it once."""
    broken = _with_hop(snapshot, HOST, victim, kind="unicast", last=99)
    return Fault(broken, "host-wrong-next-hop", HOST, (("guest-address-changed", victim.place),))


def host_blackhole(snapshot: Snapshot, victim: Victim) -> Fault:
    return Fault(_with_hop(snapshot, HOST, victim, kind="blackhole"), "host-route-blackholed", HOST)


def router_blackhole(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if ROUTER not in snapshot.namespaces:
        return None
    broken = _with_hop(snapshot, ROUTER, victim, kind="unreachable")
    return Fault(broken, "router-wrong-next-hop", ROUTER)


def _with_hop(
    snapshot: Snapshot, place: Place, victim: Victim, *, kind: str, last: int = 0
) -> Snapshot:
    """The routes to the subnets with another next hop, or of a kind without one."""
    routes = []
    for each in snapshot.namespaces[place].routes:
        ours = each.destination in victim.subnets
        if ours and kind != "unicast":
            routes.append(replace(each, kind=kind, hops=(), protocol="boot"))
        elif ours and each.via is not None:
            wrong = NextHop(type(each.via)((int(each.via) >> 8 << 8) + last), each.link)
            routes.append(replace(each, hops=(wrong,)))
        else:
            routes.append(each)
    return changed(snapshot, place, routes=tuple(routes))


def router_route(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if ROUTER not in snapshot.namespaces:
        return None
    return Fault(_without_routes(snapshot, ROUTER, *victim.subnets), "router-no-route", ROUTER)


def guest_default(snapshot: Snapshot, victim: Victim) -> Fault:
    here = snapshot.namespaces[victim.place]
    kept = tuple(each for each in here.routes if each.destination.prefixlen)
    broken = changed(snapshot, victim.place, routes=kept)
    return Fault(broken, "guest-no-default-route", victim.place)


def container_default(snapshot: Snapshot, victim: Victim) -> Fault:
    here = snapshot.namespaces[victim.inside]
    kept = tuple(each for each in here.routes if each.destination.prefixlen)
    return Fault(
        changed(snapshot, victim.inside, routes=kept), "container-no-route-back", victim.inside
    )


def docker_user(snapshot: Snapshot, victim: Victim) -> Fault | None:
    """A drop of the user, where the rules pass DOCKER-USER before they come to an accept."""
    tool = {4: "iptables-nft", 6: "ip6tables-nft"}[victim.family]
    line = f"-A DOCKER-USER -d {victim.subnets[0]} -j DROP"
    broken = _first_rule(snapshot, victim.place, tool, "DOCKER-USER", line)
    return Fault(broken, "docker-user-drop", victim.place) if broken else None


def host_firewall(snapshot: Snapshot, victim: Victim) -> Fault | None:
    """A drop of the user in the host's own FORWARD."""
    tool = {4: "iptables-nft", 6: "ip6tables-nft"}[victim.family]
    line = f"-A FORWARD -d {victim.subnets[0]} -j DROP"
    here = snapshot.namespaces[HOST]
    if not here.rulesets:
        text = f"*filter\n:FORWARD ACCEPT [0:0]\n{line}\nCOMMIT\n"
        broken = changed(snapshot, HOST, rulesets=(Ruleset(tool, text),))
        return Fault(broken, "host-firewall-drop", HOST)
    found = _first_rule(snapshot, HOST, tool, "FORWARD", line)
    return Fault(found, "host-firewall-drop", HOST) if found else None


def container_firewall(snapshot: Snapshot, victim: Victim) -> Fault:
    tool = {4: "iptables-nft", 6: "ip6tables-nft"}[victim.family]
    text = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
    broken = changed(snapshot, victim.inside, rulesets=(Ruleset(tool, text),))
    return Fault(broken, "container-own-firewall", victim.inside)


def _first_rule(
    snapshot: Snapshot, place: Place, tool: str, chain: str, line: str
) -> Snapshot | None:
    """The rule as the first of its chain in the table filter."""
    rulesets = snapshot.namespaces[place].rulesets
    for each in rulesets:
        head, table, rest = each.text.partition("*filter")
        if each.tool != tool or f":{chain} " not in rest:
            continue
        lines = rest.splitlines()
        at = next(i for i, x in enumerate(lines) if x.startswith(("-A", "[", "COMMIT")))
        text = head + table + "\n".join((*lines[:at], line, *lines[at:])) + "\n"
        new = tuple(replace(x, text=text) if x is each else x for x in rulesets)
        return changed(snapshot, place, rulesets=new)
    return None


def container_stopped(snapshot: Snapshot, victim: Victim) -> Fault:
    daemon = snapshot.daemons[victim.place]
    kept = tuple(
        replace(each, status="exited", pid=0) if each.name == victim.front.name else each
        for each in daemon.containers
    )
    spaces = {k: v for k, v in snapshot.namespaces.items() if k != victim.inside}
    daemons = {**snapshot.daemons, victim.place: replace(daemon, containers=kept)}
    broken = replace(snapshot, namespaces=spaces, daemons=daemons)
    here = snapshot.namespaces[victim.inside]
    mine = {each.index for each in here.links}
    gone = tuple(
        each
        for each in snapshot.namespaces[victim.place].links
        if not (each.peer in mine and _inode(snapshot, victim.place, each) == here.inode)
    )
    return Fault(changed(broken, victim.place, links=gone), "container-stopped", victim.inside)


def _inode(snapshot: Snapshot, place: Place, one: Link) -> int | None:
    return snapshot.namespaces[place].netns_ids.get(one.peer_netns or 0)


def port_down(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if victim.nic == "macvlan":
        return None
    return Fault(with_link(snapshot, HOST, victim.port, up=False), "host-link-down", HOST)


def vlan_self(snapshot: Snapshot, victim: Victim) -> Fault | None:
    number = {"vlan port": 20, "vlan in the guest": 40}.get(victim.nic)
    if number is None:
        return None
    rows = _rows(snapshot, "br0", number)
    broken = with_link(snapshot, HOST, "br0", vlans=rows)
    return Fault(broken, "vlan-missing-on-bridge-self", HOST)


def vlan_trunk_port(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if victim.nic != "vlan in the guest":
        return None
    broken = with_link(snapshot, HOST, victim.port, vlans=(BridgeVlan(41, 41),))
    return Fault(broken, "vlan-missing-on-port", HOST)


def nic_vlan(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if victim.nic != "vlan port":
        return None
    row = BridgeVlan(21, 21, pvid=True, untagged=True)
    return Fault(with_link(snapshot, HOST, victim.port, vlans=(row,)), "nic-wrong-vlan", HOST)


def vlan_pvid(snapshot: Snapshot, victim: Victim) -> Fault | None:
    """The same where LXD does not look after the NIC."""
    found = nic_vlan(snapshot, victim)
    runtime = snapshot.runtime
    if found is None or runtime is None:
        return None
    bare = tuple(replace(each, devices={}, expanded_devices={}) for each in runtime.instances)
    broken = replace(found.snapshot, runtime=replace(runtime, instances=bare))
    return Fault(broken, "vlan-pvid-mismatch", HOST)


def vlan_filter(snapshot: Snapshot, victim: Victim) -> Fault | None:
    if victim.nic != "vlan port":
        return None
    broken = with_link(snapshot, HOST, "br0", options={"vlan_filtering": "0"})
    return Fault(broken, "vlan-filtering-off", HOST)


def vlan_down(snapshot: Snapshot, victim: Victim) -> Fault | None:
    """The VLAN link is set down, and IPv4 routes through it go, as the kernel does it."""
    name = {"vlan port": "br0.20", "vlan in the guest": "br0.40"}.get(victim.nic)
    if name is None:
        return None
    here = snapshot.namespaces[HOST]
    kept = tuple(e for e in here.routes if e.link != name or e.kind == "local")
    broken = changed(snapshot, HOST, routes=kept)
    return Fault(with_link(broken, HOST, name, up=False), "vlan-link-down", HOST)


def trunk_id(snapshot: Snapshot, _: Victim) -> Fault | None:
    """The router's side of the trunk has another id."""
    here = snapshot.namespaces.get(ROUTER)
    found = link(here, "trunk.10") if here else None
    if found is None:
        return None
    options = {**found.options, "vlan_id": "11"}
    broken = with_link(snapshot, ROUTER, "trunk.10", options=options)
    return Fault(broken, "nic-wrong-vlan", HOST)


def trunk_native(snapshot: Snapshot, _: Victim) -> Fault | None:
    """The host's side of the trunk sends without a tag."""
    here = snapshot.namespaces[HOST]
    if link(here, "trunk.10") is None:
        return None
    moved = tuple(
        replace(each, link="trunk") if each.link == "trunk.10" else each for each in here.addresses
    )
    routes = tuple(
        replace(each, hops=tuple(replace(h, link="trunk") for h in each.hops))
        if each.link == "trunk.10"
        else each
        for each in here.routes
    )
    links = tuple(each for each in here.links if each.name != "trunk.10")
    broken = changed(snapshot, HOST, addresses=moved, routes=routes, links=links)
    return Fault(broken, "vlan-native-mismatch", HOST)


def _rows(snapshot: Snapshot, name: str, without: int) -> tuple[BridgeVlan, ...]:
    found = link(snapshot.namespaces[HOST], name)
    return tuple(each for each in (found.vlans if found else ()) if each.first != without)


BREAKERS: tuple[Breaker, ...] = (
    host_forwarding,
    guest_forwarding,
    router_forwarding,
    host_route,
    host_next_hop,
    host_blackhole,
    router_blackhole,
    router_route,
    guest_default,
    container_default,
    docker_user,
    host_firewall,
    container_firewall,
    container_stopped,
    port_down,
    vlan_self,
    vlan_trunk_port,
    nic_vlan,
    vlan_pvid,
    vlan_filter,
    vlan_down,
    trunk_id,
    trunk_native,
)
