"""Read one YAML file strictly: every scalar stays the text that was written, and keeps its position.

So the traps of YAML 1.1 (``no`` a boolean, ``1:20`` a number of seconds, ``010`` eight) cannot spring: what a
text means is decided by the key it stands at. Aliases are allowed within bounds; tags, merge keys and a second
document are not. One file is one document.
"""

import re
from collections.abc import Iterator
from typing import Any, Never, cast

import yaml

from homelab.load.node import Entry, Node, mapping, sequence
from homelab.load.problem import Problem, quoted
from homelab.model.inventory import Where

LIMIT = 4 * 1024 * 1024
"""Bytes of a file. A guest takes some 200."""

VALUES = 200_000
"""Values of a file, counted after every alias was replaced by what it stands for."""

DEPTH = 32

# Flow collections nested some thousand deep cost libyaml minutes: it must be stopped by the depth of
# its events, before it has scanned them all (measured: 200,000 brackets, 77 s).
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

# YAML 1.2, section 5.1: the printable characters. Everything else is refused in a stream.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NULL = ("", "~", "null", "Null", "NULL")
_HINTS = {
    "mapping values are not allowed": "a value with a colon and a space in it needs quotes",
    "did not find expected key": "look at the indentation, and for a missing quote or colon",
    "could not find expected ':'": "a key needs a colon behind it",
    "did not find expected ',' or": "a bracket or brace is not closed, or a comma is missing",
    "did not find expected node content": "a value is missing, or a bracket is not closed",
    "cannot start any token": "put the value into quotes",
}


class _StoppedError(Exception):
    """Nothing more can be read of this file."""

    def __init__(self, where: Where, text: str) -> None:
        self.problem = Problem(where, text)
        super().__init__(text)


def read_yaml(content: bytes, file: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """The document, None when there is none or it cannot be read, and all that is wrong with it."""
    reader = _Reader(file)
    try:
        node = reader.read(_decoded(content, file))
    except _StoppedError as stopped:
        return None, (*reader.problems, stopped.problem)
    return node, tuple(reader.problems)


def _decoded(content: bytes, file: str) -> str:
    if len(content) > LIMIT:
        raise _StoppedError(
            Where(file), f"larger than {LIMIT // 1024 // 1024} MiB; split it into several files"
        )
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise _StoppedError(
            _end(file, before), f"byte 0x{content[error.start]:02x} is not UTF-8; save it as UTF-8"
        ) from error
    bad = _UNPRINTABLE.search(text)
    if bad:
        where = _end(file, text[: bad.start()])
        raise _StoppedError(where, f"the control character {bad[0]!a}; remove it")
    return text


def _end(file: str, text: str) -> Where:
    """The position right behind a text."""
    return Where(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


class _Reader:
    """Builds nodes from libyaml's events."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._anchors: dict[str, Node] = {}
        self._values = 0
        self._events: Iterator[Any] = iter(())

    def read(self, text: str) -> Node | None:
        self._events = self._parsed(text)
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        node = self._node(next(self._events), DEPTH)
        next(self._events)
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            self._stop(after, "a second document begins; write one document per file")
        return node

    def _parsed(self, text: str) -> Iterator[Any]:
        try:
            # mypy takes the C loader, which may be missing, for Any
            yield from yaml.parse(text, Loader=cast("type[yaml.BaseLoader]", _LOADER))
        except yaml.YAMLError as error:
            raise self._syntax(error, text) from error

    def _syntax(self, error: yaml.YAMLError, text: str) -> _StoppedError:
        mark: Any = getattr(error, "problem_mark", None)
        said = str(getattr(error, "problem", None) or error)
        if mark is None:
            return _StoppedError(Where(self._file), f"not YAML: {said}")
        where = Where(self._file, mark.line + 1, mark.column + 1)
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        if "\t" in line[: mark.column + 1]:
            return _StoppedError(where, "a tab; YAML is indented with spaces only")
        hints = (hint for begin, hint in _HINTS.items() if begin in said)
        return _StoppedError(where, f"not YAML: {said}; {next(hints, 'see the lines above it')}")

    def _where(self, event: Any) -> Where:
        return Where(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, event: Any, text: str) -> Never:
        raise _StoppedError(self._where(event), text)

    def _complain(self, event: Any, text: str) -> None:
        self.problems.append(Problem(self._where(event), text))

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if depth == 0:
            self._stop(event, f"nested deeper than {DEPTH} levels")
        self._count(event, 1)
        self._refuse_tag(event)
        node = self._value(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _value(self, event: Any, depth: int) -> Node:
        where = self._where(event)
        if isinstance(event, yaml.MappingStartEvent):
            return mapping(where, self._entries(depth))
        if isinstance(event, yaml.SequenceStartEvent):
            return sequence(where, self._items(depth))
        is_plain = event.implicit[0]
        return Node(None if is_plain and event.value in _NULL else event.value, where)

    def _alias(self, event: Any, depth: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._stop(
                event, f"no value above has the anchor &{event.anchor}; write the value itself"
            )
        if node.depth > depth:
            self._stop(event, f"nested deeper than {DEPTH} levels")
        self._count(event, node.size)
        return node

    def _count(self, event: Any, values: int) -> None:
        self._values += values
        if self._values > VALUES:
            self._stop(
                event,
                f"more than {VALUES} values up to here, aliases included; an inventory is smaller",
            )

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag
        if tag not in (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))):
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._complain(
                event, f"the tag {quoted(short)}; tags are not used, write the value only"
            )

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth - 1)

    def _entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth - 1).value
            node = self._node(next(self._events), depth - 1)
            if self._is_new_key(event, key, entries) and isinstance(key, str):
                entries[key] = Entry(self._where(event), node)
        return entries

    def _is_new_key(self, event: Any, key: object, entries: dict[str, Entry]) -> bool:
        if not isinstance(key, str):
            self._complain(event, "a key is a word; put it into quotes if it is meant to be one")
        elif key == "<<":
            self._complain(event, "merge keys are not used; write the keys out, or use `defaults`")
        elif key in entries:
            first = entries[key].key
            self._complain(
                event,
                f"key {quoted(key)} stands here twice; remove it here, or in line {first.line}",
            )
        else:
            return True
        return False
