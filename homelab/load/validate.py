"""From the tree of a file to its document: pydantic finds what is wrong, and here it gets position and words."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, get_args, get_origin

from pydantic import ValidationError

from homelab.load.document import InventoryDocument
from homelab.load.node import Entry, Node, locate, locate_key, plain
from homelab.load.problem import SHOWN, Problem, unknown
from homelab.load.section import Section
from homelab.model.inventory import Where

Path: TypeAlias = tuple[str | int, ...]

_KEY = "[key]"
_MAPPING = "a mapping (KEY: VALUE) is expected here"
_LIST = "a list is expected here, such as [A, B]"
_EXPECTED = {
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
}
_MISSING = {
    "subnet": "subnet: 10.90.0.0/16",
    "id": "id: 20",
    "from": "from: lan",
    "to": "to: web/apps:80",
}
_FOUND = {str: "a text", list: "a list", dict: "a mapping", type(None): "nothing"}


def validated(tree: Node) -> tuple[InventoryDocument, Node, tuple[Problem, ...]]:
    """The document and tree of all entries that are valid, and what is wrong with the others.

    What is wrong in ``defaults`` is wrong again in each guest: it is told once, where it stands.
    """
    problems: dict[tuple[Where, str], Problem] = {}
    while True:
        try:
            return InventoryDocument.model_validate(plain(tree)), tree, tuple(problems.values())
        except ValidationError as error:
            found = error.errors(include_url=False)
            own_first = sorted(found, key=lambda each: each["loc"][0] == "guests")
            for each in islice(own_first, SHOWN + 1):
                problem, fact = _problem(each, tree)
                problems.setdefault((problem.where, fact), problem)
            tree = _without(tree, (each["loc"] for each in found))


def _without(tree: Node, paths: Iterator[Path]) -> Node:
    """The tree without the entries (``guests.web``), or whole sections, at which the paths point."""
    whole: set[str] = set()
    entries: dict[str, set[str]] = {}
    for path in paths:
        section = str(path[0])
        node = tree.get(section)
        if len(path) > 1 and node is not None and str(path[1]) in node.entries:
            entries.setdefault(section, set()).add(str(path[1]))
        else:
            whole.add(section)
    changes: dict[str, Entry | None] = dict.fromkeys(whole)
    for section, names in entries.items():
        changes.setdefault(section, _cut(tree, section, names))
    return tree.changed(changes)


def _cut(tree: Node, section: str, names: set[str]) -> Entry:
    entry = tree.entries[section]
    return Entry(entry.key, entry.node.changed(dict.fromkeys(names)))


def _problem(error: Mapping[str, Any], tree: Node) -> tuple[Problem, str]:
    """The problem, and what it says without naming its object."""
    path: Path = error["loc"]
    kind = error["type"]
    if kind == "extra_forbidden":
        text = unknown("key", str(path[-1]), _keys(path[:-1]))
        return Problem(locate_key(tree, path), text), kind
    if kind == "missing":
        text = f"the key `{path[-1]}` is missing; write {_MISSING[str(path[-1])]}"
        where, shown = locate_key(tree, path[:-1]), path[:-1]
    elif path[-1] == _KEY:
        where, shown, text = locate_key(tree, path[:-1]), path[:-2], _said(error)
    else:
        where, shown, text = locate(tree, path), _real(tree, path), _said(error)
    return Problem(where, f"{_shown(shown)}: {text}"), text


def _said(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    found = _FOUND[type(error["input"])]
    return f"{found} stands here; {_EXPECTED[error['type']]}"


def _shown(path: Sequence[str | int]) -> str:
    text = ".".join(str(each) for each in path) or "the file"
    return text if text.isprintable() else ascii(text)


def _real(tree: Node, path: Path) -> Path:
    """The path without the steps that stand in no file (members of a union)."""
    real: list[str | int] = []
    node: Node | None = tree
    for step in path:
        below = None if node is None else _child(node, step)
        if below is not None:
            real.append(step)
            node = below
    return tuple(real)


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(step, str):
        return node.get(step)
    return node.items[step] if step < len(node.items) else None


def _keys(path: Path) -> list[str]:
    """The keys that may stand in the mapping at a path."""
    model, steps = InventoryDocument, iter(path)
    for step in steps:
        field = _fields(model).get(str(step))
        inner = _section(field) if field is not None else None
        if inner is not None:
            model = inner
            if get_origin(field) is dict:
                next(steps, None)
    return sorted(_fields(model))


def _fields(model: type[Section]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _section(annotation: Any) -> Any:
    """The section that a field holds: itself, in a dictionary, or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = (_section(each) for each in get_args(annotation))
    return next((each for each in inner if each is not None), None)
