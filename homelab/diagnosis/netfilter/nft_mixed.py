"""Tables of iptables-nft in which somebody wrote with nft too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from homelab.diagnosis.netfilter.nft_kinds import Json
from homelab.diagnosis.netfilter.rules import Chain, Rule, Table

Build: TypeAlias = Callable[[str], Chain]
"""The chain of that name, as nft has it."""

# What iptables-nft writes, and nft's JSON shows (nft_rule_append and nft-shared.c in iptables 1.8).
_STATEMENTS = frozenset(
    {"counter", "match", "xt", "accept", "drop", "return", "jump", "goto", "limit", "log"}
)
_PAYLOAD = frozenset(
    {"ip protocol"}
    | {f"{each} {end}addr" for each in ("ip", "ip6", "ether") for end in "sd"}
    | {f"{each} {end}port" for each in ("tcp", "udp", "th") for end in "sd"}
)
# What libxtables was seen to translate without a change of meaning. Not so `! --ctstate DNAT,SNAT`, which becomes `ct
# status snat`, and with nft 1.0.6 targets of IPv6 that translate, of which nothing is printed.
_MATCHES = frozenset(
    {"tcp", "udp", "multiport", "icmp", "icmp6", "addrtype", "conntrack", "state", "mark"}
)
_TARGETS = {
    "REJECT": "reject", "DNAT": "dnat", "SNAT": "snat", "MASQUERADE": "masquerade", "REDIRECT": "redirect",
    "MARK": "mangle", "CONNMARK": "mangle", "LOG": "log", "NFLOG": "log",
}  # fmt: skip
_PROTOCOL = {"meta": {"key": "l4proto"}}
_META = frozenset({"l4proto", "nfproto", "protocol", "iif", "oif", "iifname", "oifname", "mark"})


def completed(
    table: Table, names: Iterable[str], given: Mapping[str, Sequence[Json]], build: Build
) -> Table:
    """The table with what iptables-save does not print, in nft's words; ``names`` are all chains that nft lists.

    Of a rule that asks for a set it prints the rest, as if that were all (seen with 1.8.9: ``ip saddr { 10.0.0.1, 10.0.0.2 }
    accept`` becomes ``-A FORWARD -j ACCEPT``), and it leaves out the base chains that are not its own.
    """
    wrong = {name for name, rules in given.items() if any(map(is_of_nft, rules))}
    merged = {
        name: _merged(chain, given[name], build(name)) if name in wrong else chain
        for name, chain in table.chains.items()
    }
    own = {name: build(name) for name in names if name not in merged}
    return replace(table, chains={**merged, **own}) if wrong or own else table


def _merged(saved: Chain, given: Sequence[Json], listed: Chain) -> Chain:
    """Both print the rules in one order; where one has more, the listing alone is believed."""
    if len(saved.rules) != len(given):
        return replace(saved, rules=listed.rules)
    rules: tuple[Rule, ...] = tuple(
        native if is_of_nft(each) else rule
        for rule, native, each in zip(saved.rules, listed.rules, given, strict=True)
    )
    return replace(saved, rules=rules)


def is_of_nft(rule: Json) -> bool:
    """Whether it was not iptables that wrote it: that counts in every rule, and asks for one value or range at a time."""
    statements = rule.get("expr")
    if not isinstance(statements, list):
        return True
    kinds = {kind for each in statements if isinstance(each, dict) for kind in each}
    if "xt" in kinds:
        return False
    if "counter" not in kinds or not kinds <= _STATEMENTS:
        return True
    return any(map(_is_foreign, _of_kind(rule, "match")))


def _is_foreign(match: Json) -> bool:
    right: object = match.get("right")
    named = isinstance(right, str) and right.startswith("@")
    return named or (isinstance(right, dict) and "set" in right) or not _is_plain(match.get("left"))


def _is_plain(left: object) -> bool:
    if not isinstance(left, dict) or len(left) != 1:
        return False
    kind, inner = next(iter(left.items()))
    if kind == "&" and isinstance(inner, list) and inner:
        return _is_plain(inner[0])
    if not isinstance(inner, dict):
        return False
    if kind == "payload":
        return f"{inner.get('protocol')} {inner.get('field')}" in _PAYLOAD
    return str(kind) == "meta" and str(inner.get("key")) in _META


def doubted(listed: Sequence[Json], told: Sequence[Json]) -> list[Json]:
    """The rules of a chain as nft prints them, and as its JSON has them where a translation is not sure."""
    known = {each.get("handle"): each for each in told}
    pairs = ((each, known.get(each.get("handle"), each)) for each in listed)
    return [printed if _is_sure(printed, given) else given for printed, given in pairs]


def _is_sure(printed: Json, given: Json) -> bool:
    """Whether the text has a statement for each extension of iptables, of those that are translated well."""
    extensions = [str(each.get("name")) for each in _of_kind(given, "xt")]
    matches = [each for each in extensions if each not in _TARGETS and each != "comment"]
    asked = [each.get("left") for each in _of_kind(printed, "match")]
    if not _MATCHES.issuperset(matches):
        return False
    if "conntrack" in matches and {"ct": {"key": "status"}} in asked:
        return False
    bare = [each for each in _of_kind(given, "match") if each.get("left") != _PROTOCOL]
    kinds = {kind for each in _listed(printed) if isinstance(each, dict) for kind in each}
    wanted = {_TARGETS[each] for each in extensions if each in _TARGETS}
    return wanted <= kinds and len(asked) >= len(bare) + len(matches)


def _listed(rule: Json) -> list[object]:
    statements = rule.get("expr")
    return statements if isinstance(statements, list) else []


def _of_kind(rule: Json, kind: str) -> list[Json]:
    found = [each.get(kind) for each in _listed(rule) if isinstance(each, dict)]
    return [each for each in found if isinstance(each, dict)]
