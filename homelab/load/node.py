"""What a YAML file says, as text with positions: nothing is interpreted here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from homelab.model.inventory import Where


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping: where it stands, and its value."""

    key: Where
    node: "Node"


Value: TypeAlias = "str | tuple[Node, ...] | Mapping[str, Entry] | None"


@dataclass(frozen=True, slots=True)
class Node:
    """A value. None means that nothing (or ``null``) is written.

    ``size`` counts the values in it, itself included; ``depth`` the levels.
    """

    value: Value
    where: Where
    size: int = 1
    depth: int = 1

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries of a mapping; empty for every other value."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items of a list; empty for every other value."""
        return self.value if isinstance(self.value, tuple) else ()

    def get(self, *keys: str) -> "Node | None":
        node = self
        for key in keys:
            entry = node.entries.get(key)
            if entry is None:
                return None
            node = entry.node
        return node

    def changed(self, changes: Mapping[str, "Entry | None"]) -> "Node":
        """The same mapping with these entries set, or taken out where None stands."""
        entries = {key: each for key, each in self.entries.items() if key not in changes}
        entries |= {key: each for key, each in changes.items() if each is not None}
        return mapping(self.where, entries)


def mapping(where: Where, entries: Mapping[str, Entry]) -> Node:
    return Node(entries, where, *_measure(each.node for each in entries.values()))


def sequence(where: Where, items: Iterable[Node]) -> Node:
    fixed = tuple(items)
    return Node(fixed, where, *_measure(fixed))


def _measure(nodes: Iterable[Node]) -> tuple[int, int]:
    size = depth = 0
    for each in nodes:
        size += each.size
        depth = max(depth, each.depth)
    return size + 1, depth + 1


def plain(node: Node) -> object:
    """The value as text, lists and dictionaries."""
    if isinstance(node.value, tuple):
        return [plain(each) for each in node.value]
    if isinstance(node.value, Mapping):
        return {key: plain(each.node) for key, each in node.value.items()}
    return node.value


def locate(node: Node, path: Sequence[str | int]) -> Where:
    """Position of the value at the end of the path, or of the nearest value above it."""
    return _steps(node, path)[-1][1]


def locate_key(node: Node, path: Sequence[str | int]) -> Where:
    """As ``locate``, but the position of the key in front of that value."""
    return _steps(node, path)[-1][0]


def _steps(node: Node, path: Sequence[str | int]) -> list[tuple[Where, Where]]:
    steps = [(node.where, node.where)]
    for step in path:
        below = _below(node, step)
        if below is not None:
            node = below.node
            steps.append((below.key, node.where))
    return steps


def _below(node: Node, step: str | int) -> Entry | None:
    if isinstance(step, str):
        return node.entries.get(step)
    if 0 <= step < len(node.items):
        item = node.items[step]
        return Entry(item.where, item)
    return None


def names(node: Node, section: str) -> Iterator[str]:
    """The names declared in a section."""
    found = node.get(section)
    return iter(found.entries if found else ())
