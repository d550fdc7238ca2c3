"""Colour for a terminal, and none elsewhere."""

from dataclasses import dataclass

RESET = "\x1b[0m"
CODES = {
    "good": "\x1b[32m",
    "bad": "\x1b[31m",
    "warn": "\x1b[33m",
    "dim": "\x1b[2m",
    "bold": "\x1b[1m",
}


@dataclass(frozen=True, slots=True)
class Paint:
    """Every text from a guest goes through ``plain`` before it reaches a terminal."""

    colour: bool = False

    def __call__(self, style: str, text: str) -> str:
        return f"{CODES[style]}{text}{RESET}" if self.colour else text


def plain(text: str) -> str:
    """The text with control characters shown, so that a name cannot move the cursor."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text
    )
