"""A tiny reader of iptables-save: chains with their policies, and the rules of our own."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from homelab.model.kernel import Ruleset
from homelab.model.operation import FilterRule
from homelab.model.place import Network

CHAIN = "HOMELAB"
USER_CHAIN = "DOCKER-USER"
HOME = {"filter": "FORWARD", "raw": "PREROUTING"}
"""The chain of each table that our own is called from where there is no DOCKER-USER."""

# A rule of ours, with what may stand in it: other words in our chain are somebody else's.
_OURS = re.compile(
    r"(?:-s (?P<source>[0-9A-Fa-f.:/]+) )?(?:-d (?P<destination>[0-9A-Fa-f.:/]+) )?"
    r'-m comment --comment "?homelab:(?P<mark>[A-Za-z0-9_./:-]{1,200})"? -j ACCEPT'
)
_JUMP = re.compile(rf'-m comment --comment "?homelab:jump"? -j {CHAIN}')
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
    jumps = [each for each, spec in first.items() if _JUMP.fullmatch(spec)]
    for table, spec in ours:
        found = _OURS.fullmatch(spec)
        if found and table in HOME:
            parents = [chain for name, chain in jumps if name == table and _PARENT.fullmatch(chain)]
            parent = _parent(ruleset, table, parents)
            ends = _end(found["source"]), _end(found["destination"])
            yield FilterRule(ruleset.tool, table, parent, found["mark"], *ends), bool(parents)


def _parent(ruleset: Ruleset, table: str, jumping: Sequence[str]) -> str:
    """Where our chain is called from, or would be."""
    if USER_CHAIN in jumping or not jumping:
        there = table == "filter" and has_chain((ruleset,), ruleset.tool, table, USER_CHAIN)
        return USER_CHAIN if there else HOME[table]
    return jumping[0]


def _end(text: str | None) -> Network | None:
    try:
        return ip_network(text) if text else None
    except ValueError:
        return None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the table it stands in."""
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line and not line.startswith("#"):
            yield table, line
