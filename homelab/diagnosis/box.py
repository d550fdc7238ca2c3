"""One place ready for questions: its links, tables, sysctls and firewall, compiled once."""

from functools import cached_property

from homelab.diagnosis.netfilter import Firewall
from homelab.diagnosis.netfilter.rules import Table
from homelab.diagnosis.routing import Answer, Question, Tables
from homelab.diagnosis.source import select
from homelab.model.kernel import FdbEntry, Link, LinkAddress, Namespace, Neighbour, NextHop, Route
from homelab.model.place import Address, Place

ASKED_AGAIN = {"REACHABLE", "STALE", "DELAY", "PROBE"}


class Box:
    """A namespace as the tracer asks it; also the ``Fib`` of its firewall."""

    def __init__(self, place: Place, here: Namespace) -> None:
        self.place = place
        self.here = here
        self.by_name: dict[str, Link] = {each.name: each for each in here.links}
        self.by_index: dict[int, Link] = {each.index: each for each in here.links}
        self._near: dict[tuple[str, Address | None, str], Address | None] = {}

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.here)

    @cached_property
    def firewall(self) -> Firewall:
        return Firewall.compile(self.here, self.place)

    @cached_property
    def _hooks(self) -> frozenset[tuple[str, str]]:
        """Layers and hooks of nftables' families bridge and netdev where something may hang."""
        layers = {"bridge": ("bridge",), "netdev": ("netdev", "inet")}
        tables = self.firewall.ruleset.tables
        every = {"prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"}
        # What could not be read may hang anywhere.
        unread = (one for each in self.firewall.ruleset.unread.values() for one in each)
        blind = any(each.source in ("nft", "nft-json") for each in unread)
        return frozenset(
            (layer, hook)
            for layer, families in layers.items()
            for hook in every
            if blind or any(_hangs(each, hook) for each in tables if each.family in families)
        )

    @cached_property
    def _has_rules(self) -> bool:
        ruleset = self.firewall.ruleset
        return bool(ruleset.tables) or any(ruleset.unread.values())

    def meets(self, layer: str, hook: str) -> bool:
        """Whether a packet can meet a rule of this layer (ip, bridge, netdev) at a hook."""
        return self._has_rules if layer == "ip" else (layer, hook) in self._hooks

    @cached_property
    def filters_arp(self) -> bool:
        """Whether rules of the family arp are there: what they do is not followed."""
        tables = (each for each in self.firewall.ruleset.tables if each.family == "arp")
        return any(chain.rules for table in tables for chain in table.chains.values())

    @cached_property
    def own(self) -> dict[Address, LinkAddress]:
        """Every address of this place; of one that several links have, the last."""
        return {each.interface.ip: each for each in self.here.addresses}

    @cached_property
    def _held(self) -> frozenset[tuple[Address, str]]:
        return frozenset(
            (each.interface.ip, each.link) for each in self.here.addresses if not each.tentative
        )

    def holds(self, address: Address, link: str) -> bool:
        """Whether this very link has the address, and may use it already."""
        return (address, link) in self._held

    def link_local(self, link: str) -> Address | None:
        """The first address of IPv6 that counts on the link only."""
        here = (each for each in self.here.addresses if each.link == link)
        own = (each.interface.ip for each in here if each.interface.version == 6)
        return next((each for each in own if each.is_link_local), None)

    def on_subnet(self, link: str, address: Address) -> bool:
        """Whether the link has an address of the subnet of that one."""
        return any(
            address in each.interface.network
            for each in self.here.addresses
            if each.link == link and each.interface.version == address.version
        )

    def on_subnet_of(self, link: str, own: Address, other: Address) -> bool:
        """Whether an address of the link covers both."""
        return any(
            own in each.interface.network and other in each.interface.network
            for each in self.here.addresses
            if each.link == link and each.interface.version == own.version
        )

    @cached_property
    def _proxies(self) -> frozenset[tuple[Address, str]]:
        return frozenset((each.address, each.link) for each in self.here.neighbours if each.proxy)

    def is_proxy(self, address: Address, link: str) -> bool:
        """Whether the place answers for that address on the link (ip neigh show proxy)."""
        return (address, link) in self._proxies

    @cached_property
    def set_macs(self) -> dict[tuple[str, str], FdbEntry]:
        """Entries of forwarding tables that are not learned, by bridge and address."""
        fixed = (each for each in self.here.fdb if each.static or each.permanent)
        return {(each.master, each.mac): each for each in fixed if each.master}

    @cached_property
    def known_macs(self) -> frozenset[tuple[str, str]]:
        """Ports, and the addresses that the forwarding table has behind them."""
        return frozenset((each.link, each.mac) for each in self.here.fdb)

    @cached_property
    def permanent(self) -> dict[tuple[str, Address], Neighbour]:
        """Neighbours that were set, and are asked for never (nud permanent and noarp, ip-neighbour(8))."""
        silent = {each.name for each in self.here.links if each.noarp}
        fixed = (
            each
            for each in self.here.neighbours
            if "PERMANENT" in each.states
            or ("NOARP" in each.states and each.mac and each.link not in silent)
        )
        return {(each.link, each.address): each for each in fixed}

    @cached_property
    def remembered(self) -> dict[tuple[str, Address], Neighbour]:
        """Neighbours that are sent to as they are known, until they are asked for again (NUD_VALID).

        One that is FAILED or INCOMPLETE is asked for with the next packet (include/net/neighbour.h).
        """
        return {
            (each.link, each.address): each
            for each in self.here.neighbours
            if each.mac and ASKED_AGAIN & set(each.states) and not each.proxy
        }

    @cached_property
    def neighbour_macs(self) -> frozenset[tuple[str, Address, str]]:
        """Links, addresses of neighbours, and the hardware addresses last seen of them."""
        return frozenset(
            (each.link, each.address, each.mac) for each in self.here.neighbours if each.mac
        )

    @cached_property
    def _neighbours(self) -> frozenset[tuple[str, Address, str]]:
        usable = {"REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP"}
        return frozenset(
            (each.link, each.address, each.mac)
            for each in self.here.neighbours
            if each.mac and usable & set(each.states)
        )

    def knows(self, link: str, address: Address, mac: str | None) -> bool:
        """Whether the place has that neighbour in its table, and so need not ask everybody."""
        return (link, address, mac) in self._neighbours

    def sysctl(self, key: str, default: str = "0") -> str:
        return self.here.sysctls.get(key, default)

    def number(self, key: str, default: int = 0) -> int:
        """A sysctl as a number; ``default`` when it was not observed or is none."""
        text = self.here.sysctls.get(key, "")
        return int(text) if text.removeprefix("-").isdecimal() else default

    @cached_property
    def _slaves(self) -> dict[int, list[Link]]:
        found: dict[int, list[Link]] = {}
        for each in self.here.links:
            if each.master is not None:
                found.setdefault(each.master, []).append(each)
        return found

    def slaves(self, master: Link) -> tuple[Link, ...]:
        """The ports of a bridge, the links of a bond."""
        return tuple(self._slaves.get(master.index, ()))

    def master(self, link: Link) -> Link | None:
        return self.by_index.get(link.master) if link.master is not None else None

    def is_local(self, address: Address) -> bool:
        return address in self.own or self.tables.lookup(Question(address)).kind == "local"

    def address_type(self, address: Address, link: str | None = None) -> str | None:
        if address.is_multicast:
            return "multicast"
        if int(address) == 0:
            return "unspec"
        if link is not None and address in self.own:
            return "local" if self.own[address].link == link else "unicast"
        answer = self.tables.lookup(Question(address))
        # A type of a failing lookup is unicast in IPv4 (inet_addr_type: RTN_UNICAST by default).
        kinds = {"none": "unicast" if address.version == 4 else "unreachable", "unknown": None}
        return kinds.get(answer.kind, answer.kind)

    def route_link(
        self, destination: Address, source: Address | None = None, mark: int = 0
    ) -> str | None:
        answer = self.tables.lookup(Question(destination, source, mark=mark))
        if answer.kind == "unknown":
            return None
        return (answer.hop.link or "") if answer.hop else ""

    def link_mtu(self, name: str | None, family: int) -> int | None:
        """The MTU of a link; IPv6 may have a smaller one of its own (ip-sysctl.rst, mtu)."""
        link = self.by_name.get(name or "")
        if link is None:
            return None
        own = self.number(f"net.ipv6.conf.{link.name}.mtu") if family == 6 else 0
        return min(link.mtu, own) if own else link.mtu

    def route_mtu(self, route: Route | None, hop: NextHop | None, family: int) -> int | None:
        """The greatest packet that goes by a route: the route's own MTU counts before its link's."""
        # ip_dst_mtu_maybe_forward in include/net/ip.h, and ip6_dst_mtu_maybe_forward
        if route is not None and route.mtu:
            return route.mtu
        return self.link_mtu(hop.link, family) if hop is not None else None

    def mtu_to(self, destination: Address) -> int | None:
        answer = self.tables.lookup(Question(destination))
        return self.route_mtu(answer.route, answer.hop, destination.version)

    @cached_property
    def clamps(self) -> bool:
        """Whether some rule lowers the MSS of TCP connections."""
        tables = self.firewall.ruleset.tables
        rules = (rule for each in tables for chain in each.chains.values() for rule in chain.rules)
        return any("TCPMSS" in rule.text or "maxseg" in rule.text for rule in rules)

    def source_address(self, link: str, destination: Address) -> Address | None:
        """The address that masquerading puts on a packet: of the next hop's subnet, if there is one."""
        near = destination
        if destination.version == 4:
            hop = self.tables.lookup(Question(destination, oif=link)).hop
            near = hop.via if hop and hop.via and hop.via.version == 4 else destination
        return self.near_address(link, near, "global")

    def near_address(self, link: str, near: Address | None, scope: str = "link") -> Address | None:
        """An address of its own with which this place can ask for a neighbour, or that a route of ``scope`` gives."""
        key = link, near, scope
        if key not in self._near:
            self._near[key] = select(self.here.addresses, link, near, scope)
        return self._near[key]

    def source_for(self, answer: Answer, destination: Address) -> Address | None:
        """The address that a socket of this place gets for a route."""
        if answer.route is not None and answer.route.source is not None:
            return answer.route.source
        if answer.kind == "local":
            return destination
        hop = answer.hop
        if hop is None or hop.link is None:
            return None
        if destination.version == 6:
            return self.near_address(hop.link, destination)
        # fib_info_update_nhc_saddr: the gateway's subnet, or whatever comes first on the link.
        via = hop.via if hop.via is not None and hop.via.version == 4 else None
        return self.near_address(hop.link, via, answer.route.scope if answer.route else "link")


def _hangs(table: Table, hook: str) -> bool:
    """Whether a table has a chain at this hook, or lines that may be one."""
    chains = (each.hook.name for each in table.base_chains if each.hook)
    return bool(table.problems) or hook in chains
