"""The targets of iptables rules as steps: verdicts, changes of marks, translations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network

from homelab.diagnosis.netfilter.rules import (
    Change,
    Opaque,
    Step,
    Translate,
    Translation,
    Verdict,
)
from homelab.diagnosis.netfilter.tcpmss import clamped, lowered
from homelab.diagnosis.netfilter.values import ALL, address, masked, number, number_range
from homelab.diagnosis.netfilter.words import Option
from homelab.diagnosis.packet import Packet

_HARMLESS = frozenset(
    {
        "LOG", "NFLOG", "ULOG", "TRACE", "AUDIT", "TEE", "TCPOPTSTRIP", "CHECKSUM",
        "CLASSIFY", "ECN", "IDLETIMER", "LED", "RATEEST", "SECMARK", "CONNSECMARK",
        "FLOWOFFLOAD", "NOOP",
    }
)  # fmt: skip
"""Targets after which the packet goes on, unchanged in what this model looks at."""

_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "RETURN": "return"}
_SHORT_REJECTS = {
    "net-unreach": "icmp-net-unreachable",
    "host-unreach": "icmp-host-unreachable",
    "proto-unreach": "icmp-proto-unreachable",
    "port-unreach": "icmp-port-unreachable",
    "net-prohib": "icmp-net-prohibited",
    "host-prohib": "icmp-host-prohibited",
    "admin-prohib": "icmp-admin-prohibited",
    "tcp-rst": "tcp-reset",
    "no-route": "icmp6-no-route",
    "adm-prohibited": "icmp6-adm-prohibited",
    "addr-unreach": "icmp6-addr-unreachable",
}


def steps(name: str, options: Sequence[Option]) -> Sequence[Step]:
    """What a target does; a target the model does not know may do anything."""
    if name in _VERDICTS:
        return [Verdict(_VERDICTS[name])]
    if name in _HARMLESS:
        return []
    given = {each.name: " ".join(each.values) for each in options}
    build = _TARGETS.get(name)
    step = build(given) if build else None
    return [step or Opaque(f"target {name} is not modelled")]


def _reject(given: Mapping[str, str]) -> Step:
    word = given.get("reject-with", "port-unreachable")
    return Verdict("reject", reject=_SHORT_REJECTS.get(word, word))


def _mark(given: Mapping[str, str]) -> Step | None:
    change = _mark_change(given)
    if change is None:
        return None
    keep, flip = change
    return Change(lambda packet, _: packet._replace(mark=(packet.mark & keep) ^ flip))


def _mark_change(given: Mapping[str, str]) -> tuple[int, int] | None:
    """The bits of the old mark that stay, and those that are then flipped."""
    for name, text in given.items():
        parsed = masked(text)
        if parsed is None:
            continue
        value, mask = parsed
        if name == "set-xmark":
            return ALL ^ mask, value
        if name == "set-mark":
            return ALL ^ (mask | value), value
        if name in {"and-mark", "or-mark", "xor-mark"}:
            return {"and": (value, 0), "or": (ALL ^ value, value), "xor": (ALL, value)}[
                name.partition("-")[0]
            ]
    return None


def _connmark(given: Mapping[str, str]) -> Step | None:
    both = given.get("mask", "0xffffffff")
    to_packet, to_entry = (number(given.get(each, both)) for each in ("nfmask", "ctmask"))
    if to_packet is None or to_entry is None:
        return None
    if "save-mark" in given:
        return Change(lambda packet, _: _save_mark(packet, to_packet, to_entry))
    if "restore-mark" in given:
        return Change(lambda packet, _: _restore_mark(packet, to_packet, to_entry))
    change = _mark_change(given)
    if change is None:
        return None
    keep, flip = change
    return Change(lambda packet, _: _entry_mark(packet, keep, flip))


def _save_mark(packet: Packet, packet_mask: int, entry_mask: int) -> Packet:
    return _entry_mark(packet, ALL ^ entry_mask, packet.mark & packet_mask)


def _restore_mark(packet: Packet, packet_mask: int, entry_mask: int) -> Packet:
    if packet.connection is None:
        return packet
    kept = packet.mark & (ALL ^ packet_mask)
    return packet._replace(mark=kept ^ (packet.connection.mark & entry_mask))


def _entry_mark(packet: Packet, keep: int, flip: int) -> Packet:
    entry = packet.connection
    if entry is None:
        return packet
    return packet._replace(connection=entry._replace(mark=(entry.mark & keep) ^ flip))


def untrack(packet: Packet) -> Packet:
    """Without effect once the packet has a connection (xt_CT.c: "Previously seen")."""
    return packet if packet.connection else packet._replace(state="untracked")


_UNTRACK = Change(lambda packet, _: untrack(packet))
IN_ANOTHER_ZONE = Opaque("conntrack zones are not modelled", untrack)
"""An answer that comes in another zone than the question went out has no entry there (nf_conntrack_in)."""


def _ct(given: Mapping[str, str]) -> Step | None:
    if "notrack" in given:
        return _UNTRACK
    if any(name.startswith("zone") for name in given):
        return IN_ANOTHER_ZONE
    return Change(lambda packet, _: packet)


def _tos(given: Mapping[str, str]) -> Step | None:
    parsed = masked(given.get("set-tos", given.get("set-xtos", "")))
    if parsed is None:
        return None
    value, mask = parsed[0], 0xFF if parsed[1] == ALL else parsed[1]
    return Change(lambda packet, _: packet._replace(tos=(packet.tos & (0xFF ^ mask)) ^ value))


def _dscp(given: Mapping[str, str]) -> Step | None:
    value = number(given.get("set-dscp", ""))
    if value is None:
        return None
    return Change(lambda packet, _: packet._replace(tos=(packet.tos & 3) | (value << 2)))


def _ttl(given: Mapping[str, str]) -> Step | None:
    for name, text in given.items():
        value = number(text)
        word = name.partition("-")[2]
        if value is not None and word in {"set", "inc", "dec"}:
            return _ttl_change(word, value)
    return None


def _ttl_change(word: str, value: int) -> Step:
    return Change(lambda packet, _: packet._replace(ttl=_new_ttl(packet.ttl, word, value)))


def _new_ttl(old: int, word: str, value: int) -> int:
    new = {"set": value, "inc": old + value, "dec": old - value}[word]
    return max(0, min(255, new))


def _tcpmss(given: Mapping[str, str]) -> Step:
    """A value that cannot be read lowers nothing that decides a packet's fate."""
    mss = number(given.get("set-mss", ""))
    if mss is not None:
        return Change(lambda packet, _: lowered(packet, mss))
    return Change(clamped) if "clamp-mss-to-pmtu" in given else Change(lambda packet, _: packet)


def _set(given: Mapping[str, str]) -> Step:
    """SET changes a set; with ``--map-set`` it takes marks for the packet from one."""
    is_mapped = "map-set" in given
    return Change(lambda packet, _: None if is_mapped else packet)


def _to(kind: str, option: str) -> Callable[[Mapping[str, str]], Step | None]:
    """DNAT, SNAT, MASQUERADE and REDIRECT: to addresses, ports, or both."""

    def build(given: Mapping[str, str]) -> Step | None:
        text = given.get(option, "")
        found = _ports_only(kind, text) if option == "to-ports" else _destination(kind, text)
        return Translate(lambda *_: found) if found else None

    return build


def _ports_only(kind: str, text: str) -> Translation | None:
    if not text:
        return Translation(kind)
    ports = number_range(text, "-")
    return Translation(kind, port=ports[0], last_port=ports[1]) if ports else None


def _destination(kind: str, text: str) -> Translation | None:
    """``A``, ``A-B``, ``A:PORT``, ``[A]:PORT-PORT``, ``:PORT``; not a shifted range (``/BASE``)."""
    if text.startswith("["):
        hosts, _, ports = text[1:].partition("]")
        ports = ports.removeprefix("-").removeprefix("[").rpartition("]")[2].removeprefix(":")
    elif text.count(":") > 1:
        hosts, ports = text, ""
    else:
        hosts, _, ports = text.partition(":")
    found = _ports_only(kind, ports)
    if found is None or not hosts:
        return found if ports else None
    first, _, last = hosts.partition("-")
    low, high = address(first), address(last or first)
    return replace(found, low=low, high=high) if low and high else None


def _netmap(given: Mapping[str, str]) -> Step | None:
    try:
        net = ip_network(given.get("to", ""), strict=False)
    except ValueError:
        return None
    found = Translation("netmap", net.network_address, net.broadcast_address)
    return Translate(lambda *_: found)


_TARGETS: Mapping[str, Callable[[Mapping[str, str]], Step | None]] = {
    "REJECT": _reject,
    "MARK": _mark,
    "CONNMARK": _connmark,
    "CT": _ct,
    "NOTRACK": lambda _: _UNTRACK,
    "TOS": _tos,
    "DSCP": _dscp,
    "TTL": _ttl,
    "HL": _ttl,
    "TCPMSS": _tcpmss,
    "DNAT": _to("dnat", "to-destination"),
    "SNAT": _to("snat", "to-source"),
    "MASQUERADE": _to("masquerade", "to-ports"),
    "REDIRECT": _to("redirect", "to-ports"),
    "NETMAP": _netmap,
    "SET": _set,
}
