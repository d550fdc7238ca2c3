"""The text of iptables-save and ip6tables-save, with or without counters, as tables of rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from homelab.diagnosis.netfilter.iptables_rule import Maker
from homelab.diagnosis.netfilter.rules import Chain, Hook, Rule, Table, Verdict
from homelab.diagnosis.netfilter.sets import Sets
from homelab.diagnosis.netfilter.words import split

HOOKS = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}

# enum nf_ip_hook_priorities in include/uapi/linux/netfilter_ipv4.h; in table nat the hooks before
# routing have NAT_DST, the others NAT_SRC.
_PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
_NAT_PRIORITIES = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
_LONGEST_COMMENT_LINES = 256


@dataclass(slots=True)
class _Draft:
    """A table while its lines are read."""

    name: str
    policies: dict[str, str | None] = field(default_factory=dict)
    rules: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def parse(tool: str, text: str, sets: Sets) -> tuple[Table, ...]:
    """The tables of one ``…-save``; ``tool`` is the variant whose text it is."""
    family = "ip6" if tool.startswith("ip6") else "ip"
    return tuple(_table(tool, family, draft, sets) for draft in _drafts(text))


def _drafts(text: str) -> Iterator[_Draft]:
    draft: _Draft | None = None
    orphan = _Draft("")
    for number, line in _logical_lines(text):
        if not line or line.startswith("#"):
            continue
        if line.startswith("*"):
            if draft is not None:
                yield draft
            draft = _Draft(line[1:].strip())
        elif line == "COMMIT":
            if draft is not None:
                yield draft
            draft = None
        else:
            taken = draft is not None and _take(draft, number, line)
            if not taken:
                (draft or orphan).problems.append(f"line {number}: {line[:200]}")
    if draft is not None:
        yield draft
    if orphan.problems:
        yield orphan


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; a comment with a line feed in it does not end its rule."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        whole, used = lines[at], 1
        if whole.count('"') % 2 and split(whole) is None:
            whole, used = _closed(lines, at)
        yield at + 1, whole.strip()
        at += used


def _closed(lines: list[str], at: int) -> tuple[str, int]:
    """The line joined with those after it until its quotation ends; alone if it never does."""
    for last in range(at + 1, min(at + _LONGEST_COMMENT_LINES, len(lines))):
        if lines[last].count('"') % 2:
            whole = "\n".join(lines[at : last + 1])
            return (lines[at], 1) if split(whole) is None else (whole, last + 1 - at)
    return lines[at], 1


def _take(draft: _Draft, number: int, line: str) -> bool:
    """Take one line of a table; False for what is none."""
    if line.startswith(":"):
        words = line[1:].split()
        if len(words) < 2 or words[1] not in {"ACCEPT", "DROP", "QUEUE", "-"}:
            return False
        draft.policies[words[0]] = None if words[1] == "-" else words[1]
        return True
    if line.startswith("["):
        line = line.partition("] ")[2].lstrip()
    words = line.split(None, 2)
    if len(words) < 2 or words[0] != "-A":
        return False
    draft.rules.setdefault(words[1].strip('"'), []).append((number, line))
    return True


def _table(tool: str, family: str, draft: _Draft, sets: Sets) -> Table:
    maker = Maker(sets, frozenset(draft.policies))
    names = {**dict.fromkeys(draft.policies), **dict.fromkeys(draft.rules)}
    chains = {name: _chain(tool, family, draft, name, maker) for name in names}
    return Table(tool, family, draft.name, chains, tuple(draft.problems))


def _chain(tool: str, family: str, draft: _Draft, name: str, maker: Maker) -> Chain:
    rules = tuple(
        Rule(tool, family, draft.name, name, index, line, maker.compile(line, number))
        for index, (number, line) in enumerate(draft.rules.get(name, ()))
    )
    word = draft.policies.get(name)
    hook = _hook(draft.name, name) if word is not None or name not in draft.policies else None
    if hook is None:
        return Chain(name, rules)
    verdict = Verdict("drop" if word == "DROP" else "accept")
    text = f"-P {name} {word or 'ACCEPT'}"
    return Chain(
        name,
        rules,
        hook,
        Rule(tool, family, draft.name, name, len(rules), text, lambda: (verdict,), kind="policy"),
    )


def _hook(table: str, chain: str) -> Hook | None:
    name = HOOKS.get(chain)
    if name is None:
        return None
    if table != "nat":
        return Hook(name, "filter", _PRIORITIES.get(table, 0))
    return Hook(name, "nat", _NAT_PRIORITIES[name]) if name in _NAT_PRIORITIES else None
