"""The tables of ``nft list ruleset``, JSON or text; those that iptables-nft printed are completed by them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from homelab.diagnosis.netfilter.nft_expressions import Scope
from homelab.diagnosis.netfilter.nft_fields import Links
from homelab.diagnosis.netfilter.nft_kinds import Json
from homelab.diagnosis.netfilter.nft_listing import objects
from homelab.diagnosis.netfilter.nft_mixed import completed, doubted
from homelab.diagnosis.netfilter.nft_statements import steps, too_deep
from homelab.diagnosis.netfilter.nft_text import (
    Key,
    Lines,
    rendered,
    rule_lines,
    tables,
    with_gaps_told,
)
from homelab.diagnosis.netfilter.nft_words import UnreadableError
from homelab.diagnosis.netfilter.questions import undetermined
from homelab.diagnosis.netfilter.rules import Chain, Hook, Match, Opaque, Rule, Table, Verdict

_ON_DEVICES = frozenset({"ingress", "egress"})

Owned = Mapping[tuple[str, str], Table]
"""By family and name, the tables that ``iptables-nft-save`` has shown already."""

# Names of priorities that nft(8) gives; the JSON has numbers.
_PRIORITIES = {
    "raw": -300,
    "mangle": -150,
    "dstnat": -100,
    "filter": 0,
    "security": 50,
    "srcnat": 100,
}


@dataclass
class _Draft:
    """A table while its objects are read."""

    chains: dict[str, Json] = field(default_factory=dict)
    rules: dict[str, list[Json]] = field(default_factory=dict)
    sets: dict[str, object] = field(default_factory=dict)

    @property
    def names(self) -> Iterable[str]:
        return {**dict.fromkeys(self.chains), **dict.fromkeys(self.rules)}

    def doubt(self, told: "_Draft") -> None:
        """Take the other's rules where this one's, from the text, may say something else."""
        for name, rules in self.rules.items():
            self.rules[name] = doubted(rules, told.rules.get(name, ()))

    @property
    def is_partial(self) -> bool:
        """Whether statements have no form in JSON: nft puts their text there, or no more than ``xt``."""
        listed = (each.get("expr") for rules in self.rules.values() for each in rules)
        return any(
            isinstance(one, str) or (isinstance(one, dict) and "xt" in one)
            for each in listed
            if isinstance(each, list)
            for one in each
        )


class NotARulesetError(ValueError):
    """The text is not what ``nft -j list ruleset`` prints."""


def parse(text: str, listing: str, owned: Owned, links: Links) -> tuple[Table, ...]:
    """The tables in the JSON ``text``; ``listing`` is the same ruleset as ``nft -a`` prints it.

    The listing serves where a table has no JSON, or where a statement has no form in it: a chain without a
    name is then the text of it, and a match of xtables what libxtables makes of it (iptables-save prints nothing
    of a table in which somebody wrote with nft too).
    """
    listing = with_gaps_told(listing)
    lines = rule_lines(listing)
    drafts = _drafts(_objects(text)) if text.strip() else {}
    told = {key: each for key, each in drafts.items() if key in owned or not each.is_partial}
    if not tables(listing) <= told.keys() | set(owned):
        listed = _listed(listing, is_alone=not text.strip())
        for key in listed.keys() & drafts.keys():
            listed[key].doubt(drafts[key])
        drafts = {**drafts, **listed, **told}
    return tuple(
        _completed(owned[key], draft, lines, links)
        if key in owned
        else _table(key, draft, lines, links)
        for key, draft in drafts.items()
    )


def _listed(listing: str, *, is_alone: bool) -> Mapping[tuple[str, str], _Draft]:
    try:
        return _drafts(objects(listing))
    except UnreadableError as error:
        if is_alone:
            raise NotARulesetError(f"not what nft lists: {error}"[:200]) from error
        return {}


def _objects(text: str) -> Iterator[tuple[str, Json]]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotARulesetError(f"not JSON: {error}"[:200]) from error
    listed = read.get("nftables") if isinstance(read, dict) else None
    if not isinstance(listed, list):
        raise NotARulesetError("no list of nftables objects")
    for each in listed:
        if isinstance(each, dict) and len(each) == 1:
            name, inner = next(iter(each.items()))
            if isinstance(inner, dict):
                yield str(name), inner


def _drafts(given: Iterable[tuple[str, Json]]) -> dict[tuple[str, str], _Draft]:
    drafts: dict[tuple[str, str], _Draft] = {}
    for kind, each in given:
        name = str(each.get("name"))
        owner = name if kind == "table" else str(each.get("table"))
        draft = drafts.setdefault((str(each.get("family")), owner), _Draft())
        if kind == "chain":
            draft.chains[name] = each
        elif kind == "rule":
            draft.rules.setdefault(str(each.get("chain")), []).append(each)
        elif kind in {"set", "map"}:
            elements = each.get("elem", [])
            draft.sets[name] = None if too_deep(elements) else elements
    drafts.pop(("None", "None"), None)
    return drafts


def _completed(saved: Table, draft: _Draft, lines: Mapping[Key, Lines], links: Links) -> Table:
    build = _builder((saved.family, saved.name), draft, lines, links)
    return completed(saved, draft.names, draft.rules, build)


def _table(key: tuple[str, str], draft: _Draft, lines: Mapping[Key, Lines], links: Links) -> Table:
    build = _builder(key, draft, lines, links)
    return Table("nft", *key, {each: build(each) for each in draft.names})


def _builder(
    key: tuple[str, str], draft: _Draft, lines: Mapping[Key, Lines], links: Links
) -> Callable[[str], Chain]:
    scope = Scope(_settled(draft), links)

    def build(name: str) -> Chain:
        texts = lines.get((*key, name), Lines())
        given = draft.rules.get(name, ())
        rules = tuple(
            _rule(key, name, index, each, texts, scope) for index, each in enumerate(given)
        )
        return _chain(key, name, draft.chains.get(name, {}), rules, texts.devices)

    return build


def _settled(draft: _Draft) -> Mapping[str, object]:
    """The sets and maps; one that rules add to or delete from may change under this very packet."""
    changed = {
        str(inner.get(kind)).removeprefix("@")
        for rules in draft.rules.values()
        for rule in rules
        for kind, inner in _statements(rule)
        if kind in {"set", "map"}
    }
    return {name: None if name in changed else each for name, each in draft.sets.items()}


def _statements(rule: Json) -> Iterator[tuple[str, Json]]:
    listed = rule.get("expr")
    for each in listed if isinstance(listed, list) else ():
        for kind, inner in each.items() if isinstance(each, dict) else ():
            if isinstance(inner, dict):
                yield str(kind), inner


def _rule(
    key: tuple[str, str], chain: str, index: int, given: Json, texts: Lines, scope: Scope
) -> Rule:
    handle, comment = given.get("handle"), given.get("comment")
    number = handle if isinstance(handle, int) else None
    expr = given.get("expr", [])
    said = str(comment) if comment is not None else ""
    text = texts.find(number, index)
    if text is None:
        text = rendered(expr, said)
    return Rule(
        "nft", *key, chain, index, text, partial(steps, expr, scope), handle=number, comment=said
    )


def _chain(
    key: tuple[str, str],
    name: str,
    given: Json,
    rules: tuple[Rule, ...],
    devices: tuple[str, ...],
) -> Chain:
    hook = _hook(given, devices)
    if hook is None:
        return Chain(name, rules)
    if hook.name in _ON_DEVICES and not hook.devices:
        rules = (_somewhere(key, name), *rules)
    word = str(given.get("policy", "accept"))
    step = Verdict(word) if word in {"accept", "drop"} else Opaque(f"policy {word[:40]}")
    policy = Rule(
        "nft", *key, name, len(rules), f"policy {word[:40]}", lambda: (step,), kind="policy"
    )
    return Chain(name, rules, hook, policy)


def _somewhere(key: tuple[str, str], name: str) -> Rule:
    """Stands for the devices of a chain that are not known: the packet may pass it by."""
    steps = (Match(undetermined), Verdict("accept"))
    text = f"type filter hook: the devices of chain {name[:40]} are not known"
    return Rule("nft", *key, name, -1, text, lambda: steps)


def _hook(given: Json, listed: tuple[str, ...]) -> Hook | None:
    name = given.get("hook")
    if not isinstance(name, str):
        return None
    priority = given.get("prio", 0)
    if isinstance(priority, str):
        priority = _PRIORITIES.get(priority, 0)
    # nft(8) before 1.0.8 leaves the devices out of its JSON.
    device = given.get("dev", given.get("devices", list(listed)))
    devices = device if isinstance(device, list) else [device]
    return Hook(
        name,
        str(given.get("type", "filter")),
        priority if isinstance(priority, int) else 0,
        tuple(str(each) for each in devices),
    )
