"""The text and the JSON of one ruleset say the same: how the two are brought into one form to be compared."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from homelab.diagnosis.netfilter.nft_listing import objects

Rules = Mapping[tuple[str, str, int], list[object]]
"""Family, table and handle → the statements of a rule."""

# Of these the evaluator asks for no more than that they are there.
_NAMES_ONLY = frozenset(
    {"counter", "limit", "quota", "log", "ct count", "last", "queue", "synproxy", "meter"}
)


def of_json(text: str) -> Rules:
    listed = (next(iter(each.items())) for each in json.loads(text)["nftables"])
    return _rules((kind, each) for kind, each in listed)


def of_text(text: str) -> Rules:
    return _rules(objects(text))


def _rules(found: Iterator[tuple[str, Any]]) -> Rules:
    return {
        (each["family"], each["table"], each["handle"]): [_plain(one) for one in each["expr"]]
        for kind, each in found
        if kind == "rule" and not str(each["chain"]).startswith("{")
    }


def _plain(statement: Any) -> object:
    """Without counts and rates, and with what nft adds to a short form."""
    if isinstance(statement, str):
        return "a chain without a name"
    ((kind, inner),) = statement.items()
    if kind in ("jump", "goto") and str(inner["target"]).startswith("{"):
        return "a chain without a name"
    usual = kind == "reject" and (inner or {}).get("expr") in (None, "port-unreachable")
    if kind in _NAMES_ONLY or (usual and (inner or {}).get("type") != "tcp reset"):
        return kind
    return _in_full(kind, inner)


def _in_full(kind: str, inner: Any) -> object:
    if kind in ("set", "map"):
        return {kind: {**inner, "elem": _bare(inner["elem"]), "stmt": bool(inner.get("stmt"))}}
    if kind in ("dnat", "snat", "masquerade", "redirect"):
        flags = {"flags": None} if (inner or {}).get("flags") == "netmap" else {}
        return {kind: {key: each for key, each in {**(inner or {}), **flags}.items() if each}}
    return json.loads(json.dumps({kind: inner}).replace(', "offset": 0', ""))


def _bare(element: Any) -> object:
    inner = element.get("elem") if isinstance(element, dict) else None
    return inner["val"] if isinstance(inner, dict) else element
