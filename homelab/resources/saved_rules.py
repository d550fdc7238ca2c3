"""A tiny reader of iptables-save: chains with their policies, and the rules of our own."""

import re
from collections.abc import Iterator, Mapping, Sequence
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


def our_rules(ruleset: Ruleset) -> Iterator[tuple[FilterRule, bool, int]]:
    """Our accepts, each with whether it counts, and which rule of its parent jumps to where it stands.

    It counts behind a jump that is the parent's first rule.
    """
    if "tables" not in ruleset.tool:
        return
    specs: dict[tuple[str, str], list[str]] = {}
    for table, line in _lines(ruleset.text):
        rule = _RULE.match(line)
        if rule is not None:
            specs.setdefault((table, rule[1]), []).append(rule[2])
    for table in (name for name, chain in specs if chain == CHAIN and name in HOME):
        jumps = dict(_jumps(specs, table))
        parent = _parent(ruleset, table, jumps)
        for spec in specs[table, CHAIN]:
            mark, ends = mark_of(spec), _ends(spec)
            if mark and ends is not None:
                counts = jumps.get(parent) == 1 and _says(spec, ends)
                rule_of_ours = FilterRule(ruleset.tool, table, parent, mark, *ends)
                yield rule_of_ours, counts, jumps.get(parent, 0)


def _jumps(specs: Mapping[tuple[str, str], Sequence[str]], table: str) -> Iterator[tuple[str, int]]:
    """The chains that call ours, each with the number of the rule that does."""
    for (name, chain), written in specs.items():
        if name == table and chain != CHAIN and _PARENT.fullmatch(chain):
            marks = [mark_of(each) for each in written]
            if JUMP in marks:
                yield chain, marks.index(JUMP) + 1


def _says(spec: str, ends: Ends) -> bool:
    """Whether the rule accepts between these ends, and asks nothing else: somebody may have edited it."""
    given = sum(2 for each in ends if each)
    return len(words_of(spec)) == given + OWN_WORDS and words_of(spec)[-1] == "ACCEPT"


def _parent(ruleset: Ruleset, table: str, jumps: Mapping[str, int]) -> str:
    """Where our chain is called from, first of all or behind other rules; or where it would be."""
    if USER_CHAIN not in jumps and jumps:
        return min(jumps, key=lambda chain: jumps[chain])
    there = table == "filter" and has_chain((ruleset,), ruleset.tool, table, USER_CHAIN)
    return USER_CHAIN if there else HOME[table]


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
