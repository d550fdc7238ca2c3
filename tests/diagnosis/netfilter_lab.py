"""A router with two links, as values: what the tests of netfilter send packets through."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from homelab.diagnosis.netfilter import Context, Firewall, Traversal
from homelab.diagnosis.packet import ECHO_REPLY, ECHO_REQUEST, Connection, Packet
from homelab.model.kernel import Link, LinkAddress, Namespace, Ruleset
from homelab.model.place import Address, Place

ROUTER = Place("netns:router")
SERVED = (80, 81, 8080)
SERVED_UDP = (53, 54)
CLIENT_SIDE, SERVER_SIDE = "in0", "out0"
CLIENT = {4: ip_address("10.99.1.2"), 6: ip_address("fd99:1::2")}
SERVER = {4: ip_address("10.99.2.2"), 6: ip_address("fd99:2::2")}
NEAR = {4: ip_address("10.99.1.1"), 6: ip_address("fd99:1::1")}
FAR = {4: ip_address("10.99.2.1"), 6: ip_address("fd99:2::1")}

ADDRESSES = (
    LinkAddress(CLIENT_SIDE, ip_interface("10.99.1.1/24")),
    LinkAddress(SERVER_SIDE, ip_interface("10.99.2.1/24")),
    LinkAddress(CLIENT_SIDE, ip_interface("fd99:1::1/64")),
    LinkAddress(SERVER_SIDE, ip_interface("fd99:2::1/64")),
)
LINKS = (
    Link(1, "lo", loopback=True),
    Link(2, CLIENT_SIDE, kind="veth", mac="02:00:00:00:01:01"),
    Link(3, SERVER_SIDE, kind="veth", mac="02:00:00:00:02:01"),
)


@dataclass(frozen=True)
class RouterFib:
    """Routes of a router with an address in two networks and no default route."""

    addresses: tuple[LinkAddress, ...] = ADDRESSES

    def address_type(self, address: Address, link: str | None = None) -> str | None:
        if address.is_multicast:
            return "multicast"
        for each in self.addresses:
            if address == each.interface.ip and link in {None, each.link}:
                return "local"
            if address.version == 4 and address == each.interface.network.broadcast_address:
                return "broadcast"
        return "local" if address.is_loopback else "unicast" if self._on(address) else "unreachable"

    def mtu_to(self, destination: Address) -> int | None:
        return 1400 if self._on(destination) else 1500

    def route_link(
        self, destination: Address, source: Address | None = None, mark: int = 0
    ) -> str | None:
        return self._on(destination)

    def source_address(self, link: str, destination: Address) -> Address | None:
        fits = (
            each.interface.ip
            for each in self.addresses
            if each.link == link and each.interface.version == destination.version
        )
        return next(fits, None)

    def _on(self, address: Address) -> str:
        fits = (each.link for each in self.addresses if address in each.interface.network)
        return next(fits, "")


def namespace(
    rulesets: Mapping[str, str], unread: Mapping[str, str] | None = None, **more: str
) -> Namespace:
    return Namespace(
        links=LINKS,
        addresses=ADDRESSES,
        rulesets=tuple(Ruleset(tool, text) for tool, text in rulesets.items()),
        unread=unread or {},
        sysctls={key.replace("__", "."): value for key, value in more.items()},
    )


def firewall(unread: Mapping[str, str] | None = None, **rulesets: str) -> Firewall:
    """A firewall from texts, by tool: ``iptables_nft="*filter …"``."""
    texts = {tool.replace("_", "-"): text for tool, text in rulesets.items()}
    return Firewall.compile(namespace(texts, unread), ROUTER)


def ping(version: int = 4, destination: Address | None = None, identifier: int = 7) -> Packet:
    return Packet(
        CLIENT[version],
        destination or SERVER[version],
        "icmp" if version == 4 else "icmp6",
        sport=identifier,
        icmp_type=ECHO_REQUEST[version],
        icmp_code=0,
    )


def tcp(
    port: int, version: int = 4, destination: Address | None = None, sport: int = 40000
) -> Packet:
    return Packet(
        CLIENT[version],
        destination or SERVER[version],
        "tcp",
        sport=sport,
        dport=port,
        flags=frozenset({"SYN"}),
        length=60,
    )


def udp(
    port: int, version: int = 4, destination: Address | None = None, sport: int = 40000
) -> Packet:
    return Packet(
        CLIENT[version], destination or SERVER[version], "udp", sport=sport, dport=port, length=32
    )


def answer(packet: Packet) -> Packet:
    """What the receiver sends back."""
    back = packet.arriving()._replace(source=packet.destination, destination=packet.source, ttl=64)
    if packet.icmp_type is not None:
        return back._replace(icmp_type=ECHO_REPLY[packet.family])
    flags = frozenset({"SYN", "ACK"}) if packet.protocol == "tcp" else frozenset[str]()
    return back._replace(sport=packet.dport, dport=packet.sport, flags=flags)


@dataclass
class Journey:
    """A packet through the router and its answer back; ``stopped`` is the hook's traversal that ended it."""

    fire: Firewall
    fib: RouterFib = field(default_factory=RouterFib)
    connections: tuple[Connection, ...] = ()
    stopped: Traversal | None = None
    stage: str = ""
    arrived: Packet | None = None
    delivered: Packet | None = None
    notes: list[str] = field(default_factory=list)

    def hook(self, name: str, packet: Packet, iif: str | None, oif: str | None) -> Packet | None:
        context = Context(self.fib, iif, oif, connections=self.connections)
        found = self.fire.traverse(name, packet, context)
        self.connections = found.connections
        self.notes.extend(found.notes)
        if found.verdict == "accept":
            return found.packet
        self.stopped, self.stage = found, name
        return None

    def through(self, packet: Packet, iif: str) -> Packet | None:
        """The packet as it leaves the router, or as the router's own sockets get it."""
        first = self.hook("prerouting", packet, iif, None)
        if first is None:
            return None
        if self.fib.address_type(first.destination) == "local":
            return self.hook("input", first, iif, None)
        oif = self.fib.route_link(first.destination)
        # ip_forward() decreases the time to live before the hook, ip6_forward() too.
        second = self.hook("forward", first._replace(ttl=first.ttl - 1), iif, oif)
        return None if second is None else self.hook("postrouting", second, iif, oif)

    def sent(self, packet: Packet) -> Packet | None:
        """A packet of the router itself."""
        oif = self.fib.route_link(packet.destination)
        first = self.hook("output", packet, None, oif)
        return None if first is None else self.hook("postrouting", first, None, oif)

    def go(self, packet: Packet, *, answered: bool = True) -> str:
        """The sender's view: delivered, dropped, rejected or unknown."""
        self.arrived = self.through(packet, CLIENT_SIDE)
        if self.arrived is None:
            return self.outcome()
        back = answer(self.arrived)
        if not answered:
            back = back._replace(flags=frozenset({"RST", "ACK"}))
        if self.fib.address_type(back.source) == "local":
            self.delivered = self.sent(back)
        else:
            self.delivered = self.through(back, SERVER_SIDE)
        if self.delivered is None:
            return self.outcome()
        return "delivered" if answered else "rejected"

    def outcome(self) -> str:
        assert self.stopped is not None
        words = {"drop": "dropped", "reject": "rejected", "unknown": "unknown"}
        return words[self.stopped.verdict]


def probes(identifiers: Iterator[int]) -> dict[str, Packet]:
    """Packets of all sorts, by name; to the server, and to the router itself."""
    made: dict[str, Packet] = {}
    for version in (4, 6):
        for where, destination in (("server", SERVER[version]), ("router", NEAR[version])):
            made[f"ping{version} {where}"] = ping(version, destination, next(identifiers))
            for port in (80, 81, 82):
                made[f"tcp{version} {where} {port}"] = tcp(
                    port, version, destination, next(identifiers)
                )
            made[f"udp{version} {where} 53"] = udp(53, version, destination, next(identifiers))
    return made


def journey(fire: Firewall, packet: Packet) -> tuple[str, str]:
    """The model's answer, and the source address that the receiver sees."""
    ports = {"tcp": SERVED, "udp": SERVED_UDP}.get(packet.protocol)
    arrived = Journey(fire).through(packet, CLIENT_SIDE)
    trip = Journey(fire)
    outcome = trip.go(packet, answered=ports is None or arrived is None or arrived.dport in ports)
    return outcome, str(trip.arrived.source) if trip.arrived else ""


def judge(
    texts: Mapping[str, str], fates: Mapping[str, tuple[Packet, str, str]], *, doubtful: bool
) -> None:
    """The model tells what the kernel did; ``doubtful``: of some packets it says that it cannot."""
    fire = Firewall.compile(namespace(texts), ROUTER)
    told = {name: journey(fire, packet) for name, (packet, _, _) in fates.items()}
    wrong = {
        name: (told[name][0], fate) for name, (_, fate, _) in fates.items() if told[name][0] != fate
    }
    assert list(fire.ruleset.problems()) == []
    assert {each for each in wrong.values() if each[0] != "unknown"} == set(), wrong
    assert bool(wrong) is doubtful
    for name, (_, _, seen) in fates.items():
        assert doubtful or not seen or told[name][1] == seen, name
