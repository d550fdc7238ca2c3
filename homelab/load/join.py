"""Several files become one inventory, and guests get what `defaults` and `groups` say."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from homelab.load.node import Entry, Node, mapping, sequence
from homelab.load.problem import Problem, quoted
from homelab.load.yaml import VALUES
from homelab.model.inventory import Where

_LEVELS = {"defaults": 2}
_EXCLUDES = {
    "bridge": ("network", "macvlan", "card"),
    "macvlan": ("network", "bridge", "card", "tagged"),
    "card": ("network", "bridge", "macvlan", "tagged"),
    "network": ("bridge", "macvlan", "card", "vlan", "tagged"),
}
"""On which of them a NIC is: the stronger word takes the weaker one's place."""

_PARTS = ("guest", "nic", "network")
_Parts: TypeAlias = tuple[Node | None, Node | None, Node | None]


def joined(roots: Iterable[Node], where: Where) -> tuple[Node, tuple[Problem, ...]]:
    """One tree of all files. A name that two files declare is a problem; the first one counts."""
    problems: list[Problem] = []
    entries: dict[str, Entry] = {}
    for root in roots:
        for key, each in root.entries.items():
            there = entries.get(key)
            entries[key] = _together(key, there, each, problems) if there else each
    return mapping(where, entries), tuple(problems)


def _together(key: str, first: Entry, second: Entry, problems: list[Problem]) -> Entry:
    one, other = first.node, second.node
    if one.value is None or other.value is None:
        return first if other.value is None else second
    if isinstance(one.value, tuple) and isinstance(other.value, tuple):
        return Entry(first.key, sequence(one.where, (*one.value, *other.value)))
    if isinstance(one.value, Mapping) and isinstance(other.value, Mapping):
        return Entry(first.key, _union(key, one, other, _LEVELS.get(key, 1), problems))
    if one.value != other.value:
        problems.append(_twice(key, first, second))
    return first


def _union(path: str, one: Node, other: Node, levels: int, problems: list[Problem]) -> Node:
    entries = dict(one.entries)
    for key, each in other.entries.items():
        there = entries.get(key)
        below = f"{path}.{key}"
        if there is None:
            entries[key] = each
        elif levels > 1:
            node = _union(below, there.node, each.node, levels - 1, problems)
            entries[key] = Entry(there.key, node)
        else:
            problems.append(_twice(below, there, each))
    return mapping(one.where, entries)


def _twice(path: str, first: Entry, second: Entry) -> Problem:
    return Problem(
        second.key, f"{quoted(path)} is declared twice; keep it here or at {first.key}, not both"
    )


def with_defaults(tree: Node) -> tuple[Node, tuple[Problem, ...]]:
    """The tree with every guest completed; what is malformed is left for validation to find."""
    guests = tree.entries.get("guests")
    if guests is None or not guests.node.entries:
        return tree, ()
    members = _members(tree)
    parts: dict[tuple[str, ...], _Parts] = {}
    completed: dict[str, Entry] = {}
    size = 0
    for name, each in guests.node.entries.items():
        groups = members.get(name, ())
        if groups not in parts:
            parts[groups] = _parts(tree, groups)
        node = _completed(each.node, parts[groups])
        size += node.size
        if size > VALUES:
            text = f"more than {VALUES} values with `defaults` and `groups` filled in; make them smaller"
            return tree, (Problem(each.key, text),)
        completed[name] = Entry(each.key, node)
    changed = mapping(guests.node.where, completed)
    return tree.changed({"guests": Entry(guests.key, changed)}), ()


def _members(tree: Node) -> dict[str, tuple[str, ...]]:
    """The groups of each guest, in the order in which they are declared."""
    found: dict[str, list[str]] = {}
    groups = tree.get("groups")
    for group, each in groups.entries.items() if groups else ():
        members = each.node.get("guests")
        said = [one.value for one in members.items] if members else []
        for name in dict.fromkeys(one for one in said if isinstance(one, str)):
            found.setdefault(name, []).append(group)
    return {name: tuple(each) for name, each in found.items()}


def _parts(tree: Node, groups: tuple[str, ...]) -> _Parts:
    """What the guests of these groups inherit, the weakest first."""
    layers = [tree.get("defaults"), *(tree.get("groups", group) for group in groups)]
    guest, nic, network = (
        _stacked(each.get(part) for each in layers if each is not None) for part in _PARTS
    )
    return guest, nic, network


def _stacked(nodes: Iterable[Node | None]) -> Node | None:
    stack: Node | None = None
    for each in nodes:
        if each is not None and each.entries:
            stack = _over(stack, each)
    return stack


def _completed(guest: Node, parts: _Parts) -> Node:
    if guest.value is not None and not isinstance(guest.value, Mapping):
        return guest
    base, nic, network = parts
    if base is None and nic is None and network is None:
        return guest
    full = _over(base, guest)
    changes: dict[str, Entry | None] = {}
    if nic is not None:
        changes["nic"] = _under(nic, full, "nic")
    networks = full.entries.get("networks")
    if network is not None and networks is not None and networks.node.entries:
        changes["networks"] = Entry(networks.key, _each_over(network, networks.node))
    return full.changed(changes)


def _each_over(weak: Node, nodes: Node) -> Node:
    entries = {
        name: Entry(each.key, _over(weak, each.node)) for name, each in nodes.entries.items()
    }
    return mapping(nodes.where, entries)


def _under(weak: Node, node: Node, key: str) -> Entry:
    there = node.entries.get(key)
    if there is None:
        return Entry(node.where, weak)
    return Entry(there.key, _over(weak, there.node))


def _over(weak: Node | None, strong: Node) -> Node:
    """The stronger mapping, with what only the weaker one says; mappings in both are joined."""
    if weak is None or not (strong.value is None or isinstance(strong.value, Mapping)):
        return strong
    said = {key: each for key, each in strong.entries.items() if each.node.value is not None}
    dropped = {gone for key in said for gone in _EXCLUDES.get(key, ())}
    entries = {key: each for key, each in weak.entries.items() if key not in dropped}
    for key, each in strong.entries.items():
        there = entries.get(key)
        inside = there is not None and isinstance(there.node.value, Mapping)
        joins = inside and isinstance(each.node.value, Mapping) and key == "options"
        entries[key] = Entry(each.key, _over(there.node, each.node)) if there and joins else each
    return mapping(strong.where, entries)
