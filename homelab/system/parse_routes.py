"""From the JSON of ``ip route``, ``ip rule`` and ``ip neigh`` to routes, policy rules and neighbours."""

from ipaddress import ip_address, ip_network

from homelab.model.kernel import (
    DEFAULT,
    LOCAL,
    MAIN,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
)
from homelab.model.place import Address, Network
from homelab.system.rows import (
    Row,
    UnparsableError,
    count,
    flag,
    inner,
    items,
    number,
    text,
    words,
)

_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_TABLES = {"unspec": 0, "main": MAIN, "local": LOCAL, "default": DEFAULT}
# rtm_type, rtm_scope and rtm_protocol of linux/rtnetlink.h, as ip(8) names them.
_KINDS = (
    "none",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
)
_SCOPES = {"0": "global", "200": "site", "253": "link", "254": "host", "255": "nowhere"}
_PROTOCOLS = {
    "0": "unspec",
    "1": "redirect",
    "2": "kernel",
    "3": "boot",
    "4": "static",
    "8": "gated",
    "9": "ra",
    "10": "mrt",
    "11": "zebra",
    "12": "bird",
    "13": "dnrouted",
    "14": "xorp",
    "15": "ntk",
    "16": "dhcp",
    "18": "keepalived",
    "42": "babel",
    "186": "bgp",
    "187": "isis",
    "188": "ospf",
    "189": "rip",
    "192": "eigrp",
}
_IP_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
# Selectors of ip-rule(8) that the model has no column for; ``*_mask`` are those of ports.
_UNMODELLED = {
    "tun_id",
    "dscp",
    "dscp_mask",
    "flowlabel",
    "flowlabel_mask",
    "sport_mask",
    "dport_mask",
}
_NO_NEXT_HOP = ("blackhole", "unreachable", "prohibit", "throw")


def route(row: Row, family: int) -> Route:
    """One row of ``ip -d -j route``; ``family`` says what its ``default`` means."""
    kind = text(row, "type", "unicast")
    kind = _KINDS[int(kind)] if kind.isdecimal() and int(kind) < len(_KINDS) else kind
    source = text(row, "prefsrc")
    return Route(
        destination=_network(text(row, "dst"), family),
        hops=() if kind in _NO_NEXT_HOP else _hops(row),
        table=_table(row),
        kind=kind,
        protocol=_named(_PROTOCOLS, text(row, "protocol", "boot")),
        metric=count(row, "metric"),
        scope=_named(_SCOPES, text(row, "scope", "global")),
        source=_address(source) if source else None,
        mtu=_metric(row, "mtu"),
        advmss=_metric(row, "advmss"),
    )


def _metric(row: Row, name: str) -> int | None:
    return next((number(each, name) for each in items(row, "metrics") if name in each), None)


def _named(names: dict[str, str], found: str) -> str:
    return names.get(found, found)


def _table(row: Row) -> int:
    name = text(row, "table", "main")
    return _TABLES[name] if name in _TABLES else count(row, "table", MAIN)


def _hops(row: Row) -> tuple[NextHop, ...]:
    several = items(row, "nexthops")
    if several:
        return tuple(_hop(each) for each in several)
    return (_hop(row),) if "dev" in row or "gateway" in row or "via" in row else ()


def _hop(row: Row) -> NextHop:
    flags = words(row, "flags")
    # A next hop of the other family (RTA_VIA) is printed as {"family": …, "host": …}.
    via = text(row, "gateway") or text(inner(row, "via"), "host")
    return NextHop(
        via=_address(via) if via else None,
        link=text(row, "dev") or None,
        weight=count(row, "weight", 1),
        onlink="onlink" in flags,
        dead="dead" in flags,
        linkdown="linkdown" in flags,
    )


def rule(row: Row, family: int) -> PolicyRule:
    """One row of ``ip -j rule``."""
    return PolicyRule(
        priority=count(row, "priority"),
        family=family,
        action=_action(row),
        table=_table(row) if "table" in row else None,
        inverted=flag(row, "not"),
        source=_selector(row, "src", family),
        destination=_selector(row, "dst", family),
        iif=text(row, "iif") or None,
        oif=text(row, "oif") or None,
        fwmark=number(row, "fwmark"),
        fwmask=number(row, "fwmask"),
        tos=number(row, "tos"),
        protocol=_ip_protocol(row),
        source_ports=_range(row, "sport", "sport_start", "sport_end"),
        destination_ports=_range(row, "dport", "dport_start", "dport_end"),
        uid_range=_range(row, "uid", "uid_start", "uid_end"),
        suppress_prefixlength=number(row, "suppress_prefixlen"),
        suppress_ifgroup=text(row, "suppress_ifgroup") or None,
        goto=number(row, "goto"),
    )


def _action(row: Row) -> str:
    """The action's name; l3mdev stands for a lookup in the table of the packet's VRF."""
    if row.keys() & _UNMODELLED:
        return "unmodelled"
    if "goto" in row:
        return "goto"
    if flag(row, "nop"):
        return "nop"
    if flag(row, "l3mdev"):
        return "l3mdev"
    # iproute2 prints an action such as blackhole under the key to_tbl; with -N as a number.
    kind = text(row, "to_tbl") or text(row, "action")
    if kind.isdecimal() and int(kind) < len(_KINDS):
        return _KINDS[int(kind)]
    return kind or "lookup"


def _selector(row: Row, key: str, family: int) -> Network | None:
    address = text(row, key, "all")
    if address == "all":
        return None
    # A zero prefix is printed as the address "0" (FRA_SRC is then missing).
    if address == "0":
        address = "0.0.0.0" if family == 4 else "::"  # noqa: S104 the name of a family; no bind
    length = number(row, f"{key}len")
    return _network(address if length is None else f"{address}/{length}", family)


def _ip_protocol(row: Row) -> int | None:
    name = text(row, "ipproto").removeprefix("ipproto-")
    if not name:
        return None
    return _IP_PROTOCOLS[name] if name in _IP_PROTOCOLS else number({"ipproto": name}, "ipproto")


def _range(row: Row, one: str, first: str, last: str) -> tuple[int, int] | None:
    low, high = number(row, first), number(row, last)
    if low is not None and high is not None:
        return low, high
    single = number(row, one)
    return None if single is None else (single, single)


def neighbour(row: Row, *, proxy: bool = False) -> Neighbour:
    """One row of ``ip -j neigh``."""
    return Neighbour(
        link=text(row, "dev"),
        address=_address(text(row, "dst")),
        mac=text(row, "lladdr").lower() or None,
        states=words(row, "state"),
        proxy=proxy,
    )


def _address(written: str) -> Address:
    try:
        return ip_address(written)
    except ValueError as error:
        raise UnparsableError(str(error)) from error


def _network(written: str, family: int) -> Network:
    try:
        return ip_network(_EVERYWHERE[family] if written == "default" else written, strict=False)
    except ValueError as error:
        raise UnparsableError(str(error)) from error
