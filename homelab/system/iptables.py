"""Accepts of homelab's own: a chain HOMELAB, its rules, and the jump to it, in one iptables-restore."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.mark import JUMP as JUMPING
from homelab.model.mark import MARK, PREFIX, mark_of
from homelab.model.operation import AddFilterRule, DeleteFilterRule, FilterRule
from homelab.model.place import Network, Place
from homelab.system.doors import Door
from homelab.system.saved_rules import BUILT_IN, SavedTable, empty_table, tables

Step: TypeAlias = AddFilterRule | DeleteFilterRule

CHAIN = "HOMELAB"
JUMP = f'-m comment --comment "{PREFIX}{JUMPING}" -j {CHAIN}'
FAMILIES = {"iptables-nft": 4, "iptables-legacy": 4, "ip6tables-nft": 6, "ip6tables-legacy": 6}
TABLES = ("filter", "raw")

_PARENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,27}")


def change_filter(door: Door, steps: Sequence[Step]) -> None:
    """Carry out steps of one tool and one table, all or none; ``OperationError`` when refused."""
    for each in steps:
        check(door.place, each.rule)
    rule = steps[0].rule
    printed = door.run([f"{rule.tool}-save", "-t", rule.table])
    wanted = script(printed, steps)
    door.run([f"{rule.tool}-restore", "--noflush", "--wait"], stdin=wanted)


def check(place: Place, rule: FilterRule) -> None:
    """Refuse a rule that could mean something else to iptables-restore than what it says."""
    family = FAMILIES.get(rule.tool)
    if family is None or rule.table not in TABLES:
        raise OperationError(
            f"{place}: no rule of homelab's stands in table {rule.table!r} of {rule.tool!r}; "
            f"there are {', '.join(TABLES)} of {', '.join(FAMILIES)}"
        )
    if not _PARENT.fullmatch(rule.parent) or not MARK.fullmatch(rule.mark):
        raise OperationError(
            f"{place}: {rule.parent!r} with mark {rule.mark!r}: letters, digits and ._-/: only"
        )
    if any(each.version != family for each in (rule.source, rule.destination) if each):
        raise OperationError(f"{place}: {rule.mark}: {rule.tool} holds addresses of IPv{family}")


def spec(rule: FilterRule) -> str:
    """The rule as iptables-save prints it: a network of all addresses is no match."""
    return " ".join(
        (
            *_match("-s", rule.source),
            *_match("-d", rule.destination),
            f'-m comment --comment "{PREFIX}{rule.mark}"',
            "-j ACCEPT",
        )
    )


def _match(option: str, network: Network | None) -> tuple[str, ...]:
    return (option, str(network)) if network and network.prefixlen else ()


def script(printed: str, steps: Sequence[Step]) -> str:
    """Pure. What iptables-restore --noflush has to read after iptables-save has printed this.

    Only what is homelab's own is written back: a place's other rules are never fed to the tool.
    """
    rule = steps[0].rule
    before = tables(printed).get(rule.table, empty_table(rule.table))
    change = _Change(steps[0].place, rule.tool, before)
    for each in steps:
        change = change.then(each)
    return "\n".join((f"*{rule.table}", *change.commands(), "COMMIT", ""))


@dataclass(frozen=True, slots=True)
class _Own:
    """A rule of ours; ``number`` is its place in our chain, None for one that is still to be added."""

    mark: str
    number: int | None = None
    spec: str = ""


@dataclass(frozen=True, slots=True)
class _Change:
    """Steps on their way to commands; ``own`` are the rules in our chain, ``parents`` need a jump, at that number."""

    place: Place
    tool: str
    table: SavedTable
    own: tuple[_Own, ...] | None = None
    parents: Mapping[str, int] = field(default_factory=dict)

    @property
    def now(self) -> tuple[_Own, ...]:
        return _own(self.table) if self.own is None else self.own

    def then(self, step: Step) -> "_Change":
        rule = step.rule
        others = tuple(each for each in self.now if each.mark != rule.mark)
        if isinstance(step, AddFilterRule):
            self._refuse_unless_there(rule.parent)
            parents = {**self.parents, rule.parent: step.jump}
            own = (*others, _Own(rule.mark, spec=spec(rule)))
            return _Change(self.place, self.tool, self.table, own, parents)
        if others == self.now:
            raise OperationError(
                f"{self.place}: {self.tool} has no rule homelab:{rule.mark} in table {rule.table} "
                "to delete; read the lab again"
            )
        return _Change(self.place, self.tool, self.table, others, self.parents)

    def _refuse_unless_there(self, parent: str) -> None:
        if parent in self.table.chains or parent in BUILT_IN[self.table.name]:
            return
        raise OperationError(
            f"{self.place}: {self.tool} has no chain {parent} in table {self.table.name}; "
            + ("is dockerd running?" if parent.startswith("DOCKER") else "who makes it?")
        )

    def commands(self) -> Iterator[str]:
        """Rules that go are named by their number: nothing that was printed is fed back to the tool."""
        if not self.now:
            yield from self._removal()
            return
        if CHAIN not in self.table.chains:
            yield f":{CHAIN} - [0:0]"
        yield from (line for each in self.parents.items() for line in self._jump(*each))
        gone = [each.number for each in _own(self.table) if each not in self.now]
        yield from (f"-D {CHAIN} {number}" for number in reversed(gone))
        yield from (f"-A {CHAIN} {each.spec}" for each in self.now if each.number is None)

    def _removal(self) -> Iterator[str]:
        """Empty: the chain goes, and before it every jump of ours; one that others call stays, empty."""
        if CHAIN not in self.table.chains:
            return
        for chain in self.table.chains:
            yield from self._without_jumps(chain)
        yield f"-F {CHAIN}"
        if not any(_is_foreign_call(each.chain, each.spec) for each in self.table.rules):
            yield f"-X {CHAIN}"

    def _jump(self, parent: str, number: int) -> Iterator[str]:
        marks = [mark_of(each.spec) for each in self.table.of(parent)]
        others = len([each for each in marks if each != JUMPING])
        number = min(number, others + 1)
        if number and marks[number - 1 : number] == [JUMPING]:
            return
        yield from self._without_jumps(parent)
        if number:
            yield f"-I {parent} {number} {JUMP}"

    def _without_jumps(self, chain: str) -> Iterator[str]:
        numbered = enumerate(self.table.of(chain), 1)
        jumps = [number for number, each in numbered if mark_of(each.spec) == JUMPING]
        yield from (f"-D {chain} {number}" for number in reversed(jumps))


def _is_foreign_call(chain: str, written: str) -> bool:
    return chain != CHAIN and mark_of(written) != JUMPING and _CALL.search(written) is not None


_CALL = re.compile(rf"(?:^| )-[jg] {CHAIN}(?: |$)")


def _own(table: SavedTable) -> tuple[_Own, ...]:
    marks = ((number, mark_of(each.spec)) for number, each in enumerate(table.of(CHAIN), 1))
    return tuple(_Own(mark, number) for number, mark in marks if mark)
