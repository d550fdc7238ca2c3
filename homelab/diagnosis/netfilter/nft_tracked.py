"""Expressions of nft that ask conntrack or the routing tables about a packet."""

from collections.abc import Callable, Mapping

from homelab.diagnosis.netfilter import nft_kinds as kinds
from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.nft_fields import Field, Get
from homelab.diagnosis.netfilter.nft_kinds import MISSING, Json
from homelab.diagnosis.netfilter.route_questions import way_back
from homelab.diagnosis.netfilter.values import PROTOCOLS, STATES
from homelab.diagnosis.packet import Connection, Packet


def _tracked(get: Callable[[Packet, Connection], int | None]) -> Get:
    return lambda packet, _: get(packet, packet.connection) if packet.connection else MISSING


def _state(packet: Packet, _context: Context) -> int:
    return STATES.get(packet.known_state, 1)


def _status(_packet: Packet, entry: Connection) -> int | None:
    if entry.vague:
        return None
    # Never assured: that takes more packets than the two that a trace follows.
    holds = {2: entry.replied, 8: entry.confirmed, 16: entry.is_snat, 32: entry.is_dnat}
    return sum(bit for bit, is_set in holds.items() if is_set)


def connection(given: Json) -> Field | None:
    """``ct KEY``, and ``ct original KEY`` or ``ct reply KEY``."""
    key, way = str(given.get("key")), str(given.get("dir"))
    plain = _CT.get(key)
    if plain is not None or way not in {"original", "reply"}:
        return plain
    reads = _CT_WAYS.get(key.rpartition(" ")[2])
    if reads is None:
        return None
    version = 6 if key.startswith("ip6") else 4
    kind = kinds.NUMBER if "proto" in key else kinds.ADDRESS6 if version == 6 else kinds.ADDRESS4

    def get(_packet: Packet, entry: Connection) -> int | None:
        return reads(entry if way == "original" else _turned(entry))

    return Field(_tracked(get), (kind,))


def _turned(entry: Connection) -> Connection:
    return Connection(entry.reply, entry.original)


_CT: Mapping[str, Field] = {
    "state": Field(_state, (kinds.STATE,)),
    "direction": Field(_tracked(lambda packet, _: int(packet.reply)), (kinds.DIRECTION,)),
    "status": Field(_tracked(_status), (kinds.STATUS,)),
    "mark": Field(_tracked(lambda _, entry: entry.mark), (kinds.NUMBER,)),
    "l3proto": Field(_tracked(lambda packet, _: 2 if packet.family == 4 else 10), (kinds.FAMILY,)),
    "protocol": Field(
        _tracked(lambda _, entry: PROTOCOLS.get(entry.original.protocol)), (kinds.PROTOCOL,)
    ),
}
_CT_WAYS: Mapping[str, Callable[[Connection], int]] = {
    "saddr": lambda entry: int(entry.original.source),
    "daddr": lambda entry: int(entry.original.destination),
    "proto-src": lambda entry: entry.original.sport,
    "proto-dst": lambda entry: entry.original.dport,
}


def fib(given: Json) -> Field | None:
    """``fib saddr . iif oif``: the route that a packet to that address would take."""
    flags = given.get("flags")
    asked = {str(each) for each in (flags if isinstance(flags, list) else [flags])}
    side = "source" if "saddr" in asked else "destination"
    link_side = "iif" if "iif" in asked else "oif" if "oif" in asked else None
    if given.get("result") == "type":
        return Field(_fib_type(side, link_side), (kinds.ROUTE_TYPE,))
    if str(given.get("result")) in {"oif", "oifname", "check"}:
        return Field(_fib_link(side, link_side, marked="mark" in asked), (kinds.NAME,))
    return None


def _fib_type(side: str, link_side: str | None) -> Get:
    def get(packet: Packet, context: Context) -> int | None:
        link = getattr(context, link_side) if link_side else None
        kind = context.fib.address_type(getattr(packet, side), link)
        return None if kind is None else kinds.ROUTE_TYPES.get(kind)

    return get


def _fib_link(side: str, link_side: str | None, *, marked: bool) -> Get:
    def get(packet: Packet, context: Context) -> int | None:
        link = getattr(context, link_side) if link_side else None
        if link == "lo":
            return kinds.name_value(link)
        away, home = packet.source, packet.destination
        if side == "destination":
            away, home = home, away
        found = way_back(away, home, context, packet.mark if marked else 0)
        kind = context.fib.address_type(away)
        if found is None or kind is None:
            return None
        # nft_fib4_eval in net/ipv4/netfilter/nft_fib_ipv4.c: only a unicast route has a result, and
        # with iif or oif asked for, only one through that device.
        wrong = kind != "unicast" or (link is not None and found != link)
        return 0 if wrong else kinds.name_value(found)

    return get
