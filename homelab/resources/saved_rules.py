"""A tiny reader of iptables-save: chains with their policies, and the rules of our own."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from itertools import pairwise
from typing import TypeAlias

from homelab.model.kernel import Ruleset
from homelab.model.mark import JUMP, mark_of, words_of
from homelab.model.operation import FilterRule
from homelab.model.place import Network

CHAIN = "HOMELAB"
USER_CHAIN = "DOCKER-USER"
HOME = {"filter": "FORWARD", "raw": "PREROUTING"}
"""The chain of each table that our own is called from where there is no DOCKER-USER."""

Ends: TypeAlias = tuple[Network | None, Network | None]
OWN_WORDS = 6
"""Of a rule of ours besides its ends: ``-m comment --comment MARK -j ACCEPT``."""

_PARENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,27}")
_RULE = re.compile(r"(?:\[\d+:\d+\] )?-A (\S+) (.*)")
_POLICY = re.compile(r":(\S+) (\S+)")


def has_chain(rulesets: Sequence[Ruleset], tool: str, table: str, chain: str) -> bool:
    return chain_policy(rulesets, tool, table, chain) is not None


def chain_policy(rulesets: Sequence[Ruleset], tool: str, table: str, chain: str) -> str | None:
    """The policy of a chain (``-`` for a user's chain), or None where there is none."""
    for ruleset in rulesets:
        if ruleset.tool == tool:
            for name, line in _lines(ruleset.text):
                policy = _POLICY.match(line)
                if name == table and policy and policy[1] == chain:
                    return policy[2]
    return None


def our_rules(ruleset: Ruleset) -> Iterator[tuple[FilterRule, bool]]:
    """Our accepts, each with whether it counts: a chain's first rule jumps to where it stands."""
    if "tables" not in ruleset.tool:
        return
    first: dict[tuple[str, str], str] = {}
    ours: list[tuple[str, str]] = []
    for table, line in _lines(ruleset.text):
        rule = _RULE.match(line)
        if rule is None:
            continue
        chain, spec = rule.groups()
        if chain == CHAIN:
            ours.append((table, spec))
        else:
            first.setdefault((table, chain), spec)
    jumps = [each for each, spec in first.items() if mark_of(spec) == JUMP]
    for table, spec in ours:
        mark, ends = mark_of(spec), _ends(spec)
        if mark and ends is not None and table in HOME:
            parents = [chain for name, chain in jumps if name == table and _PARENT.fullmatch(chain)]
            parent = _parent(ruleset, table, parents)
            counts = bool(parents) and _says(spec, ends)
            yield FilterRule(ruleset.tool, table, parent, mark, *ends), counts


def _says(spec: str, ends: Ends) -> bool:
    """Whether the rule accepts between these ends, and asks nothing else: somebody may have edited it."""
    given = sum(2 for each in ends if each)
    return len(words_of(spec)) == given + OWN_WORDS and words_of(spec)[-1] == "ACCEPT"


def _parent(ruleset: Ruleset, table: str, jumping: Sequence[str]) -> str:
    """Where our chain is called from, or would be."""
    if USER_CHAIN in jumping or not jumping:
        there = table == "filter" and has_chain((ruleset,), ruleset.tool, table, USER_CHAIN)
        return USER_CHAIN if there else HOME[table]
    return jumping[0]


def _ends(spec: str) -> Ends | None:
    """Source and destination; None for what is printed as neither address nor network."""
    words = words_of(spec)
    after = dict(pairwise(words))
    source, destination = after.get("-s"), after.get("-d")
    try:
        return _network(source), _network(destination)
    except ValueError:
        return None


def _network(text: str | None) -> Network | None:
    return ip_network(text) if text else None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the table it stands in."""
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line and not line.startswith("#"):
            yield table, line
