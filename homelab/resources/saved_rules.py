"""A tiny reader of iptables-save: chains with their policies, and the rules of our own."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from homelab.model.kernel import Ruleset
from homelab.model.operation import FilterRule
from homelab.model.place import Network

CHAIN = "HOMELAB"
_MARK = re.compile(r'--comment "?homelab:([^"\s]+)"?')
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


def effective_marks(ruleset: Ruleset) -> Iterator[FilterRule]:
    """Our accepts, as far as the first rule of some chain jumps to the chain they stand in."""
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
    parents = {
        table: chain for (table, chain), spec in first.items() if spec.endswith(f"-j {CHAIN}")
    }
    for table, spec in ours:
        mark = _MARK.search(spec)
        if mark and table in parents:
            source, target = _end(spec, "-s"), _end(spec, "-d")
            yield FilterRule(ruleset.tool, table, parents[table], mark[1], source, target)


def _end(spec: str, flag: str) -> Network | None:
    words = spec.split()
    try:
        return ip_network(words[words.index(flag) + 1]) if flag in words else None
    except (ValueError, IndexError):
        return None


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the table it stands in."""
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line and not line.startswith("#"):
            yield table, line
