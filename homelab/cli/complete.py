"""What may follow the words typed so far, for a shell that waits: nothing heavy is imported."""

import sys
from collections.abc import Iterable, Iterator, Sequence

from homelab.cli.names import KINDS, known
from homelab.cli.words import COMMANDS, FAULTS, OPTIONS

FILES = ":files"
"""A line that tells the shell to complete names of files."""

ROOT_OPTIONS = {"-i": True, "--inventory": True, "--version": False, "-h": False, "--help": False}
VALUES: dict[str, Sequence[str]] = {
    "--format": ("svg", "mermaid", "dot", "json"),
    "--probes": (),
    "--confirm-within": (),
    "--metrics": (),
}
"""What may stand behind an option; behind others that take a value it is a file."""

SHELLS = ("bash", "zsh", "fish")
PLACES = ("lan", "router", "host")
Candidate = tuple[str, str]


def complete(words: Sequence[str]) -> int:
    """Print each candidate, a tab, and what it is."""
    *before, current = words or ("",)
    found = dict(candidates(before, current))
    sys.stdout.write("".join(f"{name}\t{what}\n" for name, what in found.items()))
    return 0


def candidates(before: Sequence[str], current: str) -> Iterator[Candidate]:
    """``current`` is the word that is being typed, ``before`` are those in front of it, without the program."""
    for name, what in _all(before, current):
        if name.startswith(current) or name == FILES:
            yield name, what


def _all(before: Sequence[str], current: str) -> Iterator[Candidate]:
    command, arguments = _command(before)
    options = OPTIONS[command] | {"-h": False, "--help": False} if command else ROOT_OPTIONS
    last = before[-1] if before else ""
    if options.get(last):
        yield from _value(last)
    elif current.startswith("-"):
        yield from ((name, "option") for name in options)
    elif command is None:
        yield from COMMANDS.items()
    else:
        yield from _argument(command, arguments)


def _command(before: Sequence[str]) -> tuple[str | None, list[str]]:
    """The command, if there is one yet, and its arguments so far."""
    command, arguments, takes_value = None, list[str](), False
    for word in before:
        options = OPTIONS[command] if command else ROOT_OPTIONS
        if takes_value:
            takes_value = False
        elif word.startswith("-"):
            takes_value = options.get(word, False)
        elif command is not None:
            arguments.append(word)
        elif word in COMMANDS:
            command = word
    return command, arguments


def _value(option: str) -> Iterator[Candidate]:
    if option == "--only":
        yield from _known("guests")
    elif option in VALUES:
        yield from ((each, "") for each in VALUES[option])
    else:
        yield FILES, ""


def _argument(command: str, arguments: Sequence[str]) -> Iterator[Candidate]:
    count = len(arguments)
    match command, count:
        case "explain", 0:
            yield from FAULTS.items()
        case "completion", 0:
            yield from ((each, "shell") for each in SHELLS)
        case "trace", 0:
            yield from ((each, "place") for each in PLACES)
            yield from _known("places")
        case "trace", 1:
            yield from _known("addresses", "containers")
        case "adopt", 0:
            yield from (("network", "kind"), ("route", "kind"), ("address", "kind"))
        case "adopt", 1:
            yield from _known("networks")
        case "render", 0:
            yield from ((each, "file") for each in RENDERED)


RENDERED = ("apply.service", "watch.service", "networkd.conf")


def _known(*kinds: str) -> Iterable[Candidate]:
    names = known()
    return ((name, kind.rstrip("s")) for kind in KINDS if kind in kinds for name in names[kind])
