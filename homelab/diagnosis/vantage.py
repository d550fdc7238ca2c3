"""Where a packet starts: the names a user may give, placed in what was observed.

``lan`` is a client that is only imagined, with a free address of the uplink's subnet. It enters where a
LAN client would: at the router if that was observed, be it only as the place that has the gateway's address,
else at the host's uplink.
"""

from dataclasses import dataclass
from ipaddress import ip_address

from homelab.diagnosis.box import Box
from homelab.diagnosis.routing import Answer, Question
from homelab.diagnosis.world import INNER, World
from homelab.model.kernel import LinkAddress
from homelab.model.place import HOST, LAN, ROUTER, Address, Network, Place

NOWHERE = {4: ip_address("198.51.100.1"), 6: ip_address("2001:db8::1")}
MOST_TAKEN = 65536
_OUTSIDE = {4: ("8.0.0.1", "151.0.0.1"), 6: ("2600::1", "2a00::1")}
"""Asked for too: many a machine has blackholes for what documentation uses (RFC 5737, RFC 3849)."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """``link`` is None for a socket of the place; else the packet arrives there, from ``source``.

    ``subnet`` is that of a machine on the wire of the link, which asks itself for what lies in it.
    """

    place: Place
    source: Address | None = None
    link: str | None = None
    port: str | None = None
    subnet: Network | None = None

    @property
    def client(self) -> "Client | None":
        """The sender, if it is only imagined."""
        if self.source is None or self.link is None:
            return None
        entry = self.port or self.link
        return Client(self.source, self.place, self.link, entry, is_behind=self.subnet is None)


@dataclass(frozen=True, slots=True)
class Client:
    """A machine that is only imagined: on the wire of a link, with that address.

    ``entry`` is the bridge port by which its frames come up at ``link``, or the link itself.
    ``is_behind``: it is somewhere behind that link, not necessarily on its wire.
    """

    address: Address
    place: Place
    link: str
    entry: str
    is_behind: bool = False


def vantage(world: World, name: str, family: int, uplink: str | None) -> Vantage | str:
    """The vantage of that name, or a sentence that says why there is none."""
    if name.startswith("packet:"):
        return _packet(world, name, family)
    if name == LAN:
        return _lan(world, family, uplink)
    if name == ROUTER and world.box(ROUTER) is None:
        return _from_gateway(world, family, uplink)
    box = world.box(Place(name))
    if box is not None:
        return Vantage(box.place)
    why = world.snapshot.unread.get(name)
    if why is not None:
        return f"{name}: it was not observed: {why}"
    there = ", ".join(sorted((*world.snapshot.namespaces, *world.snapshot.aliases))) or "none"
    return (
        f"{name}: no such place; FROM is lan, router, host, guest:NAME, container:GUEST/NAME, "
        f"netns:NAME or packet:IFACE:SOURCE; observed are: {there}"
    )


def _packet(world: World, name: str, family: int) -> Vantage | str:
    """``packet:IFACE:SOURCE``; an IPv6 source has colons of its own, and so may a link's alias."""
    link, _, source = name.removeprefix("packet:").partition(":")
    host = world.box(HOST)
    if host is None:
        return f"{name}: the host was not observed"
    if link not in host.by_name:
        return f"{name}: the host has no link {link}; it has {', '.join(host.by_name)}"
    try:
        address = ip_address(source.strip("[]"))
    except ValueError:
        return f"{name}: {source!r} is no IP address; write packet:IFACE:SOURCE"
    if address.version != family:
        return f"{name}: its source is IPv{address.version}, and the target IPv{family}"
    return _entry(world, host, link, address)


def _entry(
    world: World, box: Box, link: str, source: Address, subnet: Network | None = None
) -> Vantage:
    """A packet that comes in by a link; by a bridge's port it comes up at the bridge."""
    here = box.by_name[link]
    master = box.master(here)
    if master is not None and master.kind == "bridge":
        return Vantage(box.place, source, master.name, link, subnet)
    ports = (each for each in box.here.links if here.kind == "bridge" and each.master == here.index)
    nics = (each.name for each in ports if world.is_outer(box.place, each) and each.up)
    return Vantage(box.place, source, link, next(nics, None), subnet)


def _outwards(host: Box, family: int) -> Answer:
    """The way to where nobody of the lab is."""
    others = map(ip_address, _OUTSIDE[family])
    asked = (host.tables.lookup(Question(each)) for each in (NOWHERE[family], *others))
    *_, last = found = list(asked)
    return next((each for each in found if each.kind == "unicast"), last)


def uplink_name(host: Box, family: int, named: str | None) -> str | None:
    """The link that is named, or that of the default route of either family, or the only NIC."""
    if named:
        return named
    for version in (family, 10 - family):
        route = _outwards(host, version)
        if route.kind == "unicast" and route.hop and route.hop.link:
            return route.hop.link
    virtual = (*INNER, "veth")
    nics = [each.name for each in host.here.links if each.kind not in virtual and not each.loopback]
    return nics[0] if len(nics) == 1 else None


def _uplink(host: Box, family: int, named: str | None) -> LinkAddress | str:
    """The host's address on its uplink."""
    link = uplink_name(host, family, named)
    if link is None:
        return "lan: the host has no default route, so its uplink is not known; name it in the inventory"
    if link not in host.by_name:
        return f"lan: the host has no link {link}, which should be its uplink"
    own = [
        each
        for each in host.here.addresses
        if each.link == link and each.interface.version == family and each.scope == "global"
    ]
    if not own:
        return f"lan: the host's uplink {link} has no IPv{family} address"
    hop = _outwards(host, family).hop
    gateway = hop.via if hop else None
    return min(own, key=lambda each: (not _holds(each, gateway), each.secondary))


def _holds(own: LinkAddress, gateway: Address | None) -> bool:
    network = own.interface.network
    return gateway is not None and gateway.version == network.version and gateway in network


def _lan(world: World, family: int, named: str | None) -> Vantage | str:
    host = world.box(HOST)
    if host is None:
        return (
            f"lan: the host was not observed: {world.snapshot.unread.get(HOST, 'no reason given')}"
        )
    uplink = _uplink(host, family, named)
    if isinstance(uplink, str):
        return uplink
    client = free_address(world, uplink.interface.network)
    router, subnet = _router(world, host, family), uplink.interface.network
    for each in router.here.addresses if router else ():
        if router and each.interface.ip in subnet and each.link in router.by_name:
            return _entry(world, router, each.link, client, subnet)
    return _entry(world, host, uplink.link, client, subnet)


def _router(world: World, host: Box, family: int) -> Box | None:
    """The router, or the place that has the address of the host's gateway and hangs on the host."""
    hop = _outwards(host, family).hop
    return world.box(ROUTER) or (_owner(world, host, hop.via) if hop and hop.via else None)


def routers(world: World) -> frozenset[Place]:
    """The router of each family, as far as it was observed."""
    host = world.box(HOST)
    found = (_router(world, host, family) for family in (4, 6)) if host else ()
    return frozenset(each.place for each in found if each)


def _owner(world: World, host: Box, gateway: Address) -> Box | None:
    """Not one of a foreign lab on the same machine that happens to use the same addresses."""
    behind = world.joined(host.place)
    for box in world.boxes():
        if box.place in behind and gateway in (each.interface.ip for each in box.here.addresses):
            return box if box.place != host.place else None
    return None


def free_address(world: World, network: Network) -> Address:
    """The highest address of the subnet that nobody observed has; its last resort is outside."""
    here = world.snapshot.namespaces.values()
    taken = {each.interface.ip for one in here for each in one.addresses}
    start, last = int(network.network_address), int(network.broadcast_address)
    if network.num_addresses <= 2:  # RFC 3021: in so small a subnet every address is a host's.
        start -= 1
    else:
        last -= 1 if network.version == 4 else 0
    for number in range(last, max(start, last - MOST_TAKEN), -1):
        address = network.network_address + (number - int(network.network_address))
        if address not in taken:
            return address
    return NOWHERE[network.version]


def _from_gateway(world: World, family: int, named: str | None) -> Vantage | str:
    """A router that was not observed sends with the gateway's address, into the host's uplink."""
    host = world.box(HOST)
    if host is None:
        return "router: neither the router nor the host was observed"
    route = _outwards(host, family)
    uplink = _uplink(host, family, named)
    if isinstance(uplink, str):
        return uplink.replace("lan:", "router:", 1)
    if route.hop is None or route.hop.via is None or route.hop.via.version != family:
        return "router: it was not observed, and the host's default route names no gateway"
    return _entry(world, host, uplink.link, route.hop.via, uplink.interface.network)


def far_end(world: World, start: Vantage) -> tuple[Place, str, str] | str:
    """Place and link from whose wire a packet comes in, and the hardware address it is for.

    Or why none can be sent from there: only the other end of a veth pair is within reach.
    """
    box = world.observed(start.place)
    if start.link is None:
        return f"{start.place} sends by itself"
    entry = box.by_name[start.port or start.link]
    peer = world.peer(start.place, entry) if entry.kind == "veth" else None
    mac = box.by_name[start.link].mac
    if peer is None or mac is None:
        return f"nobody who was observed is at the other end of {entry.name} of {start.place}"
    return *peer, mac
