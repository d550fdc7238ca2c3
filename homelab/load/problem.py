"""What is wrong with an inventory, where, and what is allowed instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from homelab.errors import InventoryError
from homelab.model.inventory import Where

SHOWN = 1000
"""More problems than this are counted, not shown."""

_WIDTH = 60
_LISTED = 16
_COMPARED = 200


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    where: Where
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def error(problems: Iterable[Problem]) -> InventoryError:
    """All problems in one, sorted by position, each once."""
    ordered = sorted(set(problems))
    lines = [str(each) for each in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        rest = len(ordered) - SHOWN
        lines.append(f"{ordered[SHOWN].where}: and {rest} more problems from here on")
    return InventoryError(tuple(lines))


def quoted(text: str) -> str:
    """Text of a user as it may be shown on a terminal: short, and without control characters."""
    short = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
    return f'"{short}"' if short.isprintable() else ascii(short)


def unknown(what: str, word: str, allowed: Iterable[str]) -> str:
    """The message for a word that is none of those allowed, with the one that was meant, if any."""
    there = list(dict.fromkeys(allowed))
    near = get_close_matches(word, there[:_COMPARED], 1) if len(word) <= _WIDTH else []
    meant = f"did you mean {quoted(near[0])}? " if near else ""
    return f"unknown {what} {quoted(word)}; {meant}allowed: {listed(there)}"


def listed(words: Iterable[str]) -> str:
    """Names in a message; a long list is cut."""
    every = list(words)
    short = [each if each.isprintable() else ascii(each) for each in every[:_LISTED]]
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return (", ".join(short) or "none is declared") + more
