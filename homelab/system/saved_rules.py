"""The text that iptables-save prints, as tables of chains and rules, and as text again."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

BUILT_IN = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
"""Chains that a table has as soon as it exists."""

_CHAIN = re.compile(r":(\S+) (\S+)(?: \[\d+:\d+\])?")
_RULE = re.compile(r"(?P<counters>\[\d+:\d+\] )?-A (?P<chain>\S+)(?: (?P<spec>.*))?")


@dataclass(frozen=True, slots=True)
class SavedRule:
    """One line ``-A CHAIN SPEC``; ``counters`` is empty when they were not asked for."""

    chain: str
    spec: str
    counters: str = ""

    def __str__(self) -> str:
        return f"{self.counters}-A {self.chain} {self.spec}".rstrip()


@dataclass(frozen=True, slots=True)
class SavedTable:
    """One table; ``chains`` maps each chain to its policy, "-" for a user's own."""

    name: str
    chains: Mapping[str, str]
    rules: tuple[SavedRule, ...] = ()

    def of(self, chain: str) -> tuple[SavedRule, ...]:
        return tuple(each for each in self.rules if each.chain == chain)

    def with_chain(self, chain: str, rules: Iterable[SavedRule]) -> "SavedTable":
        """The table with all rules of one chain replaced; the chain is made if need be."""
        others = tuple(each for each in self.rules if each.chain != chain)
        chains = dict(self.chains)
        chains.setdefault(chain, "-")
        return replace(self, chains=chains, rules=(*others, *rules))

    def without_chain(self, chain: str) -> "SavedTable":
        chains = {each: policy for each, policy in self.chains.items() if each != chain}
        return replace(self, chains=chains, rules=tuple(r for r in self.rules if r.chain != chain))

    def lines(self) -> Iterator[str]:
        """The table's block: its chains as the kernel has them, then those of the user by name."""
        own = {each for each, policy in self.chains.items() if policy == "-"}
        order = [*(each for each in self.chains if each not in own), *sorted(own)]
        rules: dict[str, list[SavedRule]] = {each: [] for each in order}
        for rule in self.rules:
            rules.get(rule.chain, []).append(rule)
        yield f"*{self.name}"
        yield from (f":{each} {self.chains[each]} [0:0]" for each in order)
        yield from (str(rule) for there in rules.values() for rule in there)
        yield "COMMIT"


def empty_table(name: str) -> SavedTable:
    """A table as the kernel makes it: every chain accepts."""
    return SavedTable(name, dict.fromkeys(BUILT_IN.get(name, ()), "ACCEPT"))


def tables(text: str) -> dict[str, SavedTable]:
    """The tables of a save, by name; lines that are none of a save's are passed over."""
    found: dict[str, tuple[dict[str, str], list[SavedRule]]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("*"):
            name = line[1:].strip()
            found[name] = ({}, [])
        elif name:
            _take(line, *found[name])
    return {name: SavedTable(name, chains, tuple(rules)) for name, (chains, rules) in found.items()}


def _take(line: str, chains: dict[str, str], rules: list[SavedRule]) -> None:
    chain, rule = _CHAIN.fullmatch(line), _RULE.fullmatch(line)
    if chain:
        chains[chain[1]] = chain[2]
    elif rule:
        rules.append(SavedRule(rule["chain"], rule["spec"] or "", rule["counters"] or ""))


def with_table(text: str, table: SavedTable) -> str:
    """The save with one table's block replaced, or put at its end."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line == f"*{table.name}"), len(lines))
    end = next((at for at in range(start, len(lines)) if lines[at] == "COMMIT"), start - 1)
    return "\n".join((*lines[:start], *table.lines(), *lines[end + 1 :], ""))
