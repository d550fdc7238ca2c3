"""Inventory files, or a folder of them, as one ``Inventory``, or every problem in them at once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from homelab.errors import InventoryError
from homelab.load.build import build
from homelab.load.consistency import contradictions
from homelab.load.join import joined, with_defaults
from homelab.load.node import Node
from homelab.load.problem import SHOWN, Problem, error
from homelab.load.validate import validated
from homelab.load.written import Written
from homelab.load.yaml import LIMIT, read_yaml
from homelab.model.inventory import Inventory, Where
from homelab.model.subnets import collisions, declared, excludes

_BEGIN = "write `hosts:` and `guests:`, as `homelab schema` describes them"


def load_inventory(path: Path) -> Inventory:
    """Read a file, or all ``*.yaml`` and ``*.yml`` of a folder; ``InventoryError`` has all problems."""
    return parse_inventory([(_name(each), _content(each)) for each in _files(path)], _name(path))


def _name(path: Path) -> str:
    """The path as a message may show it on a terminal."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        found = sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml"))
    except OSError as failure:
        raise _unreadable(path, failure) from failure
    files = [each for each in found if not each.name.startswith(".") and not each.is_dir()]
    if not files:
        raise error(
            [Problem(Where(_name(path)), f"no *.yaml and no *.yml in this folder; {_BEGIN}")]
        )
    return files


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except (OSError, ValueError) as failure:
        raise _unreadable(path, failure) from failure


def _unreadable(path: Path, failure: OSError | ValueError) -> InventoryError:
    why = failure.strerror if isinstance(failure, OSError) else str(failure)
    return error(
        [Problem(Where(_name(path)), f"{str(why).lower()}; name the inventory with -i PATH")]
    )


def parse_inventory(files: Sequence[tuple[str, bytes]], name: str) -> Inventory:
    """Pure. ``files`` are names and contents; ``name`` is how messages call them all."""
    read = [read_yaml(content, file) for file, content in files]
    problems = [problem for _, found in read for problem in found]
    roots = [node for node, _ in read if node is not None and node.value is not None]
    problems += _no_mappings(roots)
    if not roots:
        raise error(problems or [Problem(Where(name), f"nothing is declared here; {_BEGIN}")])
    tree, twice = joined(roots, roots[0].where)
    full, much = with_defaults(tree)
    if much:
        raise error([*problems, *twice, *much])
    document, valid, wrong = validated(full)
    whole = all(node is not None or not found for node, found in read)
    written = Written(document, full, whole=whole)
    problems += [*twice, *wrong, *islice(contradictions(written), SHOWN + 1)]
    inventory = build(Written(document, valid))
    problems += _overlaps(inventory)
    if problems:
        raise error(problems)
    return inventory


def _no_mappings(roots: Sequence[Node]) -> Iterator[Problem]:
    for root in roots:
        if not isinstance(root.value, dict):
            yield Problem(root.where, f"a file is a mapping of sections; {_BEGIN}")


def _overlaps(inventory: Inventory) -> Iterator[Problem]:
    for one, other in collisions(declared(inventory), excludes):
        first, second = sorted((one, other), key=lambda each: each.where)
        yield Problem(
            second.where, f"{second} overlaps {first} ({first.where}); change one of them"
        )
