"""iptables-restore in memory: a script in, the text that iptables-save would print out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from homelab.errors import OperationError
from homelab.system.saved_rules import SavedRule, SavedTable, empty_table, tables, with_table

_INSERT = re.compile(r"(\S+) (?:(\d+) )?(.*)")


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a script: -A, -I, -D, -F, -X or : (a new chain)."""

    verb: str
    chain: str
    spec: str = ""
    number: int = 1


def restored(printed: str, script: str) -> str:
    """What iptables-save prints after iptables-restore --noflush has read the script.

    ``OperationError`` for a chain or rule that is not there, as the tool would refuse it.
    """
    counters = "" if _is_uncounted(printed) else "[0:0] "
    for name, commands in _scripted(script):
        table = tables(printed).get(name, empty_table(name))
        for each in commands:
            table = obey(table, each, counters)
        printed = with_table(printed, table)
    return printed


def _is_uncounted(printed: str) -> bool:
    rules = [each for table in tables(printed).values() for each in table.rules]
    return bool(rules) and not any(each.counters for each in rules)


def _scripted(script: str) -> Iterable[tuple[str, list[Command]]]:
    commands: list[Command] = []
    name = ""
    for line in script.splitlines():
        if line.startswith("*"):
            name, commands = line[1:], []
        elif line == "COMMIT":
            yield name, commands
        else:
            commands.append(command(line))


def command(line: str) -> Command:
    """``-I FORWARD 1 -j HOMELAB`` and the like."""
    if line.startswith(":"):
        return Command(":", line[1:].partition(" ")[0])
    verb, _, rest = line.partition(" ")
    chain, _, spec = rest.partition(" ")
    found = _INSERT.fullmatch(rest) if verb == "-I" else None
    if found:
        return Command(verb, found[1], found[3], int(found[2] or 1))
    return Command(verb, chain, spec)


def obey(table: SavedTable, wanted: Command, counters: str = "[0:0] ") -> SavedTable:
    """The table after one command."""
    if wanted.verb == ":":
        return table.with_chain(wanted.chain, ())
    if wanted.chain not in table.chains:
        raise OperationError(f"table {table.name} has no chain {wanted.chain}")
    rules = table.of(wanted.chain)
    new = SavedRule(wanted.chain, wanted.spec, counters)
    match wanted.verb:
        case "-A":
            return table.with_chain(wanted.chain, (*rules, new))
        case "-I":
            at = wanted.number - 1
            return table.with_chain(wanted.chain, (*rules[:at], new, *rules[at:]))
        case "-D":
            return table.with_chain(wanted.chain, _without(table, rules, wanted))
        case "-F":
            return table.with_chain(wanted.chain, ())
        case _:
            return _removed(table, wanted.chain)


def _without(
    table: SavedTable, rules: tuple[SavedRule, ...], wanted: Command
) -> tuple[SavedRule, ...]:
    for at, each in enumerate(rules):
        if wanted.spec in (each.spec, str(at + 1)):
            return (*rules[:at], *rules[at + 1 :])
    raise OperationError(f"table {table.name} has no rule -A {wanted.chain} {wanted.spec}")


def _removed(table: SavedTable, chain: str) -> SavedTable:
    if table.of(chain) or any(_jumps_to(each, chain) for each in table.rules):
        raise OperationError(f"table {table.name}: chain {chain} is in use")
    return table.without_chain(chain)


def _jumps_to(rule: SavedRule, chain: str) -> bool:
    return bool(re.search(rf"-[jg] {re.escape(chain)}(?: |$)", rule.spec))


def without_chain(printed: str, chain: str) -> str:
    """The save without a chain and without all jumps to it, in every table that has it."""
    for table in tables(printed).values():
        if chain in table.chains:
            kept = tuple(each for each in table.rules if not _jumps_to(each, chain))
            printed = with_table(printed, replace(table, rules=kept).without_chain(chain))
    return printed
