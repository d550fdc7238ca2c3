"""The statements of one nft rule as steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.iptables_targets import IN_ANOTHER_ZONE, untrack
from homelab.diagnosis.netfilter.nft_asked import asked
from homelab.diagnosis.netfilter.nft_expressions import Scope, expression, mapping
from homelab.diagnosis.netfilter.nft_kinds import MISSING, NUMBER, SERVICE_CLASS, Json
from homelab.diagnosis.netfilter.nft_match import comparison
from homelab.diagnosis.netfilter.nft_nat import translation
from homelab.diagnosis.netfilter.questions import undetermined
from homelab.diagnosis.netfilter.rules import (
    Change,
    Choice,
    Match,
    Opaque,
    Step,
    Verdict,
)
from homelab.diagnosis.netfilter.tcpmss import clamped, lowered
from homelab.diagnosis.netfilter.values import ALL
from homelab.diagnosis.packet import Packet

_HARMLESS = frozenset(
    {
        "counter", "log", "comment", "tcp option", "ct helper", "ct timeout", "ct expectation",
        "secmark", "dup", "last", "reset",
    }
)  # fmt: skip
_UNDETERMINED = frozenset({"limit", "quota", "ct count", "meter", "flow"})
_WORDS = frozenset({"accept", "drop", "continue", "return"})
_HARMLESS_XT = frozenset(
    {"LOG", "NFLOG", "TRACE", "CHECKSUM", "TCPMSS", "TEE", "AUDIT", "CLASSIFY"}
)
_SILENT_META = frozenset({"nftrace", "priority", "secmark"})
_SILENT_CT = frozenset({"label", "helper", "secmark", "event", "eventmask"})
_DEEPEST = 40
_NO_VERDICT = Verdict("continue")


def steps(given: object, scope: Scope) -> tuple[Step, ...]:
    """The steps of a rule's ``expr``."""
    if not isinstance(given, list) or too_deep(given):
        return (Opaque("the rule cannot be read"),)
    return tuple(step for each in given for step in _statement(each, scope))


def too_deep(given: object) -> bool:
    """Deeper than any rule that nft prints."""
    level: list[object] = [given]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(given: object) -> Sequence[object]:
    if isinstance(given, dict):
        return list(given.values())
    return given if isinstance(given, list) else ()


def _statement(given: object, scope: Scope) -> Iterator[Step]:
    if given is None:
        return
    if not isinstance(given, dict) or len(given) != 1:
        yield Opaque("a statement is not modelled")
        return
    name, inner = next(iter(given.items()))
    if name in _HARMLESS:
        return
    if name in _UNDETERMINED:
        yield Match(undetermined, str(name))
        return
    yield from _guards(str(name), inner, scope)
    build = _BUILDERS.get(str(name))
    step = build(inner if isinstance(inner, dict) else {}, scope) if build else verdict(given)
    if step != _NO_VERDICT:
        yield step or Opaque(f"statement {str(name)[:40]} is not modelled")


def _guards(name: str, inner: object, scope: Scope) -> Iterator[Step]:
    """What a packet must have for the statement to be reached, though nft does not print it."""
    if not isinstance(inner, dict):
        return
    version = {"ip": 4, "ip6": 6}.get(str(inner.get("family")))
    if name in {"dnat", "snat"} and version is not None:
        yield Match(lambda packet, _: packet.family == version)
    if name == "reject":
        yield from _told_of(_REJECTED.get(str(inner.get("type")), ""))
    if name == "mangle":
        yield from _told_of(_changed(inner.get("key")))
    reads = _read_by(name, inner)
    read = expression(reads, scope)
    if read is not None:
        yield Match(lambda packet, context: read.get(packet, context) is not MISSING, asked(reads))


def _read_by(name: str, inner: Json) -> object:
    """What a statement reads of the packet: without it nothing is set, and the rule ends."""
    if name == "set":
        element = inner.get("elem")
        whole = element.get("elem") if isinstance(element, dict) else None
        return whole.get("val") if isinstance(whole, dict) else element
    return inner.get("value") if name == "mangle" else None


_REJECTED = {"tcp reset": "tcp", "icmp": "ip", "icmpv6": "ip6"}
_OF = {"ip": 4, "ip6": 6}


def _changed(target: object) -> str:
    """The header that a statement writes to."""
    name, inner = next(iter(target.items())) if isinstance(target, dict) and target else ("", None)
    if name == "tcp option":
        return "tcp"
    return str(inner.get("protocol")) if name == "payload" and isinstance(inner, dict) else ""


def _told_of(header: str) -> Iterator[Step]:
    """Only a packet that has the header gets further: stmt_evaluate_reject and nft_exthdr_tcp_set_eval."""
    if header in _OF:
        yield Match(lambda packet, _: packet.family == _OF[header])
    elif header in {"tcp", "udp"}:
        yield Match(lambda packet, _: packet.protocol == header)


def verdict(given: object) -> Verdict | None:
    """``accept``, ``jump CHAIN`` and their like, as a statement or as an element of a map."""
    if not isinstance(given, dict) or len(given) != 1:
        return None
    word, inner = next(iter(given.items()))
    if word in _WORDS:
        return Verdict(word)
    if word in {"jump", "goto"} and isinstance(inner, dict):
        return Verdict(word, str(inner.get("target")))
    return None


def _match(given: Json, scope: Scope) -> Step:
    return Match(comparison(given, scope), asked(given.get("left")))


def _vmap(given: Json, scope: Scope) -> Step:
    found = mapping(given, scope, verdict)
    return Choice(found) if found else Opaque("a verdict map cannot be read")


def _reject(given: Json, _: Scope) -> Step:
    if given.get("type") == "tcp reset":
        return Verdict("reject", reject="tcp-reset")
    return Verdict("reject", reject=str(given.get("expr", "port-unreachable")))


def _notrack(_given: Json, _: Scope) -> Step:
    return Change(lambda packet, _context: untrack(packet))


def _set(given: Json, _: Scope) -> Step:
    """Adding to a set changes no packet, but a limit in its element may end the rule."""
    ends = given.get("stmt") or given.get("op") == "delete"
    return Match(undetermined, "set") if ends else _NO_VERDICT


def _xt(given: Json, scope: Scope) -> Step | None:
    kind, name = str(given.get("type")), str(given.get("name"))
    if kind == "match":
        return _NO_VERDICT if name == "comment" else Match(undetermined, name[:40])
    if (kind, name) == ("target", "MASQUERADE"):  # its options choose among ports only
        return translation("masquerade", {}, scope)
    return _NO_VERDICT if kind == "target" and name in _HARMLESS_XT else None


def _mangle(given: Json, scope: Scope) -> Step | None:
    """``meta mark set``, ``ct mark set`` and what does not matter to where a packet goes."""
    target = given.get("key")
    if not isinstance(target, dict) or len(target) != 1:
        return None
    name, inner = next(iter(target.items()))
    key = str(inner.get("key", inner.get("field"))) if isinstance(inner, dict) else ""
    if (name, key) in {("meta", "mark"), ("ct", "mark")}:
        return _set_mark(given.get("value"), scope, tracked=name == "ct")
    if (name, key) == ("tcp option", "size"):
        return _set_mss(given.get("value"))
    if name == "payload":
        return _set_header(key, given.get("value"))
    silent = {"meta": _SILENT_META, "ct": _SILENT_CT, "tcp option": frozenset({key})}
    if key in silent.get(str(name), frozenset()):
        return _NO_VERDICT
    return IN_ANOTHER_ZONE if (name, key) == ("ct", "zone") else None


def _set_mss(given: object) -> Step:
    mss = NUMBER.scalar(given)
    if mss is not None:
        return Change(lambda packet, _: lowered(packet, mss))
    route = given.get("rt") if isinstance(given, dict) else None
    fits = isinstance(route, dict) and route.get("key") == "mtu"
    return Change(clamped) if fits else Change(lambda packet, _: packet)


_HEADERS = frozenset({"checksum", "flowlabel", "id"})


def _set_header(key: str, given: object) -> Step | None:
    ttl, service = NUMBER.scalar(given), SERVICE_CLASS.scalar(given)
    if key in {"ttl", "hoplimit"} and ttl is not None:
        return Change(lambda packet, _: packet._replace(ttl=ttl))
    if key == "dscp" and service is not None:
        return Change(lambda packet, _: packet._replace(tos=service << 2 | packet.tos & 3))
    return _NO_VERDICT if key in _HEADERS else None


def _set_mark(given: object, scope: Scope, *, tracked: bool) -> Step:
    constant = NUMBER.scalar(given)
    read = None if constant is not None else expression(given, scope)

    def change(packet: Packet, context: Context) -> Packet | None:
        value = constant if read is None else read.get(packet, context)
        if not isinstance(value, int):
            return None
        if not tracked:
            return packet._replace(mark=value & ALL)
        entry = packet.connection
        return (
            packet
            if entry is None
            else packet._replace(connection=entry._replace(mark=value & ALL))
        )

    return Change(change)


_BUILDERS: Mapping[str, Callable[[Json, Scope], Step | None]] = {
    "match": _match,
    "vmap": _vmap,
    "reject": _reject,
    "notrack": _notrack,
    "set": _set,
    "map": _set,
    "xt": _xt,
    "mangle": _mangle,
    "dnat": partial(translation, "dnat"),
    "snat": partial(translation, "snat"),
    "masquerade": partial(translation, "masquerade"),
    "redirect": partial(translation, "redirect"),
}
