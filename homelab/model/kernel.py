"""What a kernel shows of one network namespace: links, addresses, routes, rules, neighbours, sockets.

Names and meanings are those of ip(8), bridge(8) and ss(8). Values are normalised once, by the reader,
so that equality elsewhere is ``==``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

from homelab.model.place import Address, Interface, Network

Empty: Mapping[str, str] = MappingProxyType({})

MAIN = 254
LOCAL = 255
DEFAULT = 253


@dataclass(frozen=True, slots=True)
class BridgePort:
    """What bridge(8) tells of a link that is a port of a bridge."""

    state: str = "forwarding"
    hairpin: bool = False
    isolated: bool = False
    learning: bool = True
    flood: bool = True
    bcast_flood: bool = True
    mcast_flood: bool = True
    neigh_suppress: bool = False
    locked: bool = False


@dataclass(frozen=True, slots=True)
class BridgeVlan:
    """One row of ``bridge vlan``: a range of VLAN ids on a port, or on the bridge itself."""

    first: int
    last: int
    pvid: bool = False
    untagged: bool = False


@dataclass(frozen=True, slots=True)
class VirtualFunction:
    """One row ``vf N`` of an SR-IOV card (PF) in ``ip -d link``; ``vlan`` 0 means none."""

    index: int
    mac: str | None = None
    vlan: int = 0
    spoof_check: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """One row of ``ip -d link``.

    ``peer`` is the ifindex on the other side (IFLA_LINK): the other end of a veth, the parent of a
    VLAN or macvlan link. ``peer_netns`` is the netns id (IFLA_LINK_NETNSID) in which that index
    counts, None when it is this namespace. ``master`` is the ifindex of the bridge (or bond).
    ``options`` holds the rest of IFLA_INFO_DATA as text: ``mode`` of a macvlan, ``vlan_id``,
    ``vlan_protocol``, ``vlan_filtering``, ``vlan_default_pvid`` …
    """

    index: int
    name: str
    kind: str = ""
    mac: str | None = None
    mtu: int = 1500
    up: bool = True
    carrier: bool = True
    operstate: str = "UP"
    master: int | None = None
    peer: int | None = None
    peer_netns: int | None = None
    alias: str | None = None
    loopback: bool = False
    pointopoint: bool = False
    noarp: bool = False
    altnames: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=lambda: Empty)
    port: BridgePort | None = None
    vlans: tuple[BridgeVlan, ...] = ()
    vfs: tuple[VirtualFunction, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """One address of one link; ``peer`` is the other end of a point-to-point address."""

    link: str
    interface: Interface
    scope: str = "global"
    peer: Interface | None = None
    tentative: bool = False
    deprecated: bool = False
    secondary: bool = False


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where a route sends: out of ``link``, to ``via`` (None: the destination is on-link)."""

    via: Address | None = None
    link: str | None = None
    weight: int = 1
    onlink: bool = False
    dead: bool = False
    linkdown: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One row of ``ip route show table all``; a default route has destination 0.0.0.0/0 or ::/0.

    ``kind`` is the route's type (unicast, local, broadcast, multicast, blackhole, unreachable,
    prohibit, throw, anycast). ``protocol`` is its name or number as ip(8) prints it.
    """

    destination: Network
    hops: tuple[NextHop, ...] = ()
    table: int = MAIN
    kind: str = "unicast"
    protocol: str = "boot"
    metric: int = 0
    scope: str = "global"
    source: Address | None = None
    mtu: int | None = None
    advmss: int | None = None

    @property
    def via(self) -> Address | None:
        return self.hops[0].via if self.hops else None

    @property
    def link(self) -> str | None:
        return self.hops[0].link if self.hops else None


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One row of ``ip rule``; ``action`` is lookup, blackhole, unreachable, prohibit, goto or nop.

    Or ``unmodelled``, for a rule with a selector that has no column here.
    """

    priority: int
    family: int
    action: str = "lookup"
    table: int | None = None
    inverted: bool = False
    source: Network | None = None
    destination: Network | None = None
    iif: str | None = None
    oif: str | None = None
    fwmark: int | None = None
    fwmask: int | None = None
    tos: int | None = None
    protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    uid_range: tuple[int, int] | None = None
    suppress_prefixlength: int | None = None
    suppress_ifgroup: str | None = None
    goto: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One row of ``ip neigh``; ``proxy`` marks an entry of ``ip neigh show proxy``."""

    link: str
    address: Address
    mac: str | None = None
    states: tuple[str, ...] = ()
    proxy: bool = False


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """One row of ``bridge fdb``; ``master`` is the bridge whose entry it is, None for a link's own filter.

    ``permanent``: an address of the bridge itself; ``static``: it was set; ``sticky``: it stays at its
    port though frames from that address come by another.
    """

    link: str
    mac: str
    vlan: int | None = None
    permanent: bool = False
    static: bool = False
    sticky: bool = False
    master: str | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that accepts: ``protocol`` is tcp or udp, ``address`` None means any of the family."""

    protocol: str
    family: int
    address: Address | None
    port: int
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What a firewall tool printed, unparsed: parsing belongs to the model of netfilter.

    ``tool`` is ``iptables-nft``, ``iptables-legacy``, ``ip6tables-nft``, ``ip6tables-legacy`` (the
    text is that of ``…-save -c``), ``nft`` (``nft -a list ruleset``) or ``nft-json``
    (``nft -j list ruleset``), or ``ipset`` (``ipset save``).
    """

    tool: str
    text: str


Rulesets: TypeAlias = tuple[Ruleset, ...]


@dataclass(frozen=True)
class Namespace:
    """All that was observed of one network namespace.

    ``inode`` identifies the namespace on its machine (st_ino of its nsfs file; 0: not known).
    ``netns_ids`` maps the netns ids that count in this namespace to inodes. ``sysctls`` has keys
    such as ``net.ipv4.ip_forward`` with the text the kernel shows; the name of an interface stands in a
    key as it is, dots included. ``unread`` names each source that could not be read with the reason
    (``links``, ``routes``, ``rules``, ``neighbours``, ``fdb``, ``vlans``, ``sockets``, ``sysctls``, or
    the tool of a Ruleset): its absence says nothing. ``read_only_sysctls``: whoever lives in the place finds
    its ``/proc/sys/net`` mounted read-only.
    """

    inode: int = 0
    links: tuple[Link, ...] = ()
    addresses: tuple[LinkAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    listeners: tuple[Listener, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=lambda: Empty)
    rulesets: Rulesets = ()
    netns_ids: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    unread: Mapping[str, str] = field(default_factory=lambda: Empty)
    read_only_sysctls: bool = False

    def best_route(self, address: Address) -> Route | None:
        """The most specific route to an address, the local ones left out, whatever policy rules may add."""
        version, number, bits = address.version, int(address), address.max_prefixlen
        for length, there in self._by_length:
            found = there.get((version, number >> (bits - length))) if length <= bits else None
            if found is not None:
                return found
        return None

    @cached_property
    def _by_length(self) -> list[tuple[int, dict[tuple[int, int], Route]]]:
        """Of each prefix length, the longest first, the cheapest route to each network."""
        found: dict[int, dict[tuple[int, int], Route]] = {}
        for each in self.routes:
            to = each.destination
            if each.table == LOCAL:
                continue
            there = found.setdefault(to.prefixlen, {})
            key = to.version, int(to.network_address) >> (to.max_prefixlen - to.prefixlen)
            if key not in there or each.metric < there[key].metric:
                there[key] = each
        return sorted(found.items(), key=lambda each: each[0], reverse=True)
