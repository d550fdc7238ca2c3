"""Rows of the JSON that ip(8), bridge(8), LXD and Docker print, read with strict types."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

# A link's alias may hold any byte, and ip(8) prints control characters as they are.
_DECODER = json.JSONDecoder(strict=False)


class UnparsableError(ValueError):
    """An answer that does not have the shape its tool documents; says what was found instead."""


def rows(text: str) -> list[Row]:
    """The rows of one JSON array; an empty text is an empty array, as some versions print it."""
    if not text.strip():
        return []
    try:
        return _rows(json.loads(text, strict=False))
    except (ValueError, RecursionError) as error:
        raise UnparsableError(f"not the expected JSON: {error}") from error


def arrays(text: str) -> list[list[Row]]:
    """The rows of each of several JSON arrays that follow one another."""
    found = []
    text = text.strip()
    while text:
        try:
            value, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError) as error:
            raise UnparsableError(f"not the expected JSON: {error}") from error
        found.append(_rows(value))
        text = text[end:].lstrip()
    return found


def listing(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise UnparsableError(f"expected a list, found {_kind(value)}")
    return value


def _rows(value: object) -> list[Row]:
    # `ip -j` prints an empty object for a row that its filter left out (iproute2 up to 5.10).
    return [row(each) for each in listing(value) if each != {}]


def row(value: object) -> Row:
    if not isinstance(value, dict):
        raise UnparsableError(f"expected an object, found {_kind(value)}")
    return value


def inner(parent: Row, key: str) -> Row:
    """The object under a key; empty when it is missing or null."""
    value = parent.get(key)
    return {} if value is None else row(value)


def items(parent: Row, key: str) -> list[Row]:
    """The list of objects under a key; empty when it is missing or null."""
    value = parent.get(key)
    return [] if value is None else _rows(value)


def words(parent: Row, key: str) -> tuple[str, ...]:
    """The list of strings under a key; empty when it is missing or null."""
    value = parent.get(key)
    if value is None:
        return ()
    return tuple(_string(key, each) for each in listing(value))


def text(parent: Row, key: str, default: str = "") -> str:
    value = parent.get(key)
    if value is None:
        return default
    return _string(key, value)


def _string(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise UnparsableError(f"{key}: expected a string, found {_kind(value)}")
    # JSON may escape one half of a surrogate pair, which is no character and cannot be written.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def number(parent: Row, key: str) -> int | None:
    """The number under a key, also when it is written as a string (``"254"``, ``"0x10"``)."""
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(str(value), 0)
    except ValueError as error:
        raise UnparsableError(f"{key}: expected a number, found {_kind(value)}") from error


def count(parent: Row, key: str, default: int = 0) -> int:
    value = number(parent, key)
    return default if value is None else value


def flag(parent: Row, key: str) -> bool:
    """Whether a flag is set: ip(8) prints some as true or false, and others as null when set."""
    return key in parent and parent[key] is not False


def mapping(parent: Row, key: str) -> dict[str, str]:
    """The object of strings under a key; empty when it is missing or null."""
    return {_string(key, name): _string(name, each) for name, each in inner(parent, key).items()}


def _kind(value: object) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
