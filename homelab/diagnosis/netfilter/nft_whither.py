"""Statements of nft that say whither a packet goes, as text: translations, flows, copies, proxies."""

from homelab.diagnosis.netfilter.nft_reads import expression_or_value, reads
from homelab.diagnosis.netfilter.nft_values import scalar
from homelab.diagnosis.netfilter.nft_words import Words

_FLAGS = frozenset({"random", "persistent", "fully-random"})
_FAMILIES = frozenset({"ip", "ip6"})


def translation(words: Words) -> object:
    """``dnat``, ``snat``, ``masquerade`` and ``redirect``, with whither and with flags."""
    kind = words.take()
    found: dict[str, object] = {}
    if words.next in _FAMILIES:
        found["family"] = words.take()
    if words.took("prefix"):
        found["type_flags"] = "prefix"
    if words.took("to"):
        found |= _target(words)
    while words.next.partition(",")[0] in _FLAGS:
        found["flags"] = words.take().split(",")
    return {kind: found}


def _target(words: Words) -> dict[str, object]:
    if words.next.startswith(":"):
        return {"port": scalar(words.take()[1:])}
    if reads(words):
        return {"addr": expression_or_value(words)}
    if words.next.startswith("["):
        host, _, port = words.take()[1:].partition("]")
    else:
        whole = words.take()
        four = whole.count(":") == 1
        host, port = (whole.partition(":")[0], whole.partition(":")[2]) if four else (whole, "")
    return {"addr": scalar(host), **({"port": scalar(port.lstrip(":"))} if port else {})}


def flow(words: Words) -> object:
    words.take()
    kind = words.name()
    return {"flow": {"op": kind, "flowtable": words.name()}}


def to_link(words: Words) -> object:
    """``fwd to "eth0"`` and ``dup to 10.0.0.1 device "eth0"``."""
    kind = words.take()
    family = words.take() if words.next in _FAMILIES else None
    words.expect("to")
    found: dict[str, object] = {"addr": expression_or_value(words)}
    if words.took("device"):
        found["dev"] = expression_or_value(words)
    return {kind: {**found, **({"family": family} if family else {})}}


def proxy(words: Words) -> object:
    words.take()
    found: dict[str, object] = {"family": words.take()} if words.next in _FAMILIES else {}
    words.expect("to")
    return {"tproxy": {**found, **_target(words)}}
