"""The names that a shell completes: those of the last look at the lab, and those of the inventory.

Read with nothing but the standard library, and written so that a name which a shell would take for
something else is left out: whoever owns a guest may call a container as he likes.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

KINDS = ("guests", "networks", "containers", "places", "addresses")
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,127}")
MOST = 5000
_LIMIT = 1024 * 1024
_KEY = re.compile(r"(?P<indent> *)(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[A-Za-z0-9_.-]+)):(?: |$)")

Names = Mapping[str, tuple[str, ...]]


def cache() -> Path:
    """``names.json`` in the user's own cache folder."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - costs nothing
    return Path(folder, "homelab", "names.json")


def keep(names: Names) -> None:
    """For the next completion; whoever cannot write there completes without it."""
    file = cache()
    told = {kind: sorted(set(names.get(kind, ())))[:MOST] for kind in KINDS}
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = file.with_name(f".names.{os.getpid()}")
        beside.write_text(json.dumps(told))
        beside.replace(file)


def known() -> dict[str, list[str]]:
    """By kind, what was seen last and what the inventory declares."""
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for names in (_kept(cache()), *map(declared, _texts(_inventory()))):
        for kind in KINDS:
            found[kind] += [each for each in names.get(kind, ()) if SAFE.fullmatch(each)]
    return {kind: list(dict.fromkeys(each)) for kind, each in found.items()}


def _kept(file: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(_text(file))
    except (OSError, ValueError, RecursionError):
        return {}
    table = found if isinstance(found, dict) else {}
    return {
        kind: [one for one in each if isinstance(one, str)]
        for kind, each in table.items()
        if isinstance(each, list)
    }


def _inventory() -> Iterable[Path]:
    for each in (Path("inventory"), Path("/etc/homelab/inventory")):
        if each.is_dir():
            return sorted((*each.glob("*.yaml"), *each.glob("*.yml")))
        if each.exists():
            return (each,)
    return ()


def _texts(files: Iterable[Path]) -> Iterator[str]:
    for each in files:
        with suppress(OSError):
            yield _text(each)


def _text(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_LIMIT)


def declared(text: str) -> dict[str, list[str]]:
    """Guests and networks of an inventory, by the indentation of its block style; what else it is, is not seen."""
    guests: list[str] = []
    networks: list[str] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        found = _KEY.match(line)
        if found is None:
            continue
        indent, name = len(found["indent"]), found["quoted"] or found["plain"] or ""
        path = [each for each in path if each[0] < indent] + [(indent, name)]
        match [each for _, each in path]:
            case ["guests", guest]:
                guests.append(guest)
            case ["guests", guest, "networks", network]:
                networks.append(f"{guest}/{network}")
    return {
        "guests": guests,
        "networks": networks,
        "places": [f"guest:{each}" for each in guests],
    }
