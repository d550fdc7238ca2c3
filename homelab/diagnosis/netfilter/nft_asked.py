"""What an nft expression asks of a packet, in nft(8)'s own words and without the values."""

from collections.abc import Mapping

from homelab.diagnosis.netfilter.nft_kinds import Json

_LONGEST = 60
_SECOND_WORDS: Mapping[str, tuple[str, ...]] = {
    "payload": ("protocol", "field"),
    "meta": ("key",),
    "ct": ("dir", "key"),
    "rt": ("key",),
    "socket": ("key",),
    "ipsec": ("key",),
    "osf": ("key",),
    "fib": ("result",),
    "exthdr": ("name", "field"),
    "tcp option": ("name", "field"),
    "ip option": ("name", "field"),
    "numgen": ("mode",),
}


def asked(given: object) -> str:
    """``ct avgpkt``, ``ip saddr . tcp dport``, ``numgen random``; the bare name of what is not known here."""
    if isinstance(given, list):
        return _joined(" . ", given)
    if not isinstance(given, dict) or len(given) != 1:
        return ""
    name, inner = next(iter(given.items()))
    if name == "concat":
        return asked(inner)
    if name == "map" and isinstance(inner, dict):
        return asked(inner.get("key"))
    if isinstance(inner, list):
        return asked(inner[:1])
    return _named(str(name), inner if isinstance(inner, dict) else {})


def _named(name: str, inner: Json) -> str:
    if "base" in inner:
        return f"@{inner['base']}"[:_LONGEST]
    own = [] if name in {"payload", "exthdr"} else [name]
    words = [str(inner[key]) for key in _SECOND_WORDS.get(name, ()) if key in inner]
    return " ".join(own + words)[:_LONGEST] or name[:_LONGEST]


def _joined(between: str, parts: list[object]) -> str:
    return between.join(filter(None, map(asked, parts)))[:_LONGEST]
