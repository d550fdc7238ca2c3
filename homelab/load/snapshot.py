"""A snapshot as a file: stable JSON out, and the same snapshot back in, or SnapshotError."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homelab.errors import SnapshotError
from homelab.model.snapshot import SCHEMA, Snapshot

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter

LIMIT = 256 * 1024 * 1024
"""A larger file is none of ours: a place takes about 40 KB."""

_SHOWN = 20
_POSITION = re.compile(r"(?P<what>.*) at line (?P<line>\d+) column (?P<column>\d+)", re.DOTALL)
# What pydantic adds to the path of a value to tell the members of a union apart.
_MEMBER = re.compile(
    r"IPv[46](Address|Interface|Network)|(lax-or-strict|json-or-python|function-\w+)\[.*"
)


def dump_snapshot(snapshot: Snapshot) -> str:
    """The same snapshot gives the same text; fields that have their default are left out."""
    return json.dumps(plain_snapshot(snapshot), indent=1, sort_keys=True)


def plain_snapshot(snapshot: Snapshot) -> dict[str, object]:
    """A snapshot as JSON takes it."""
    return {**_fields(snapshot), "schema": snapshot.schema}


def _fields(value: "DataclassInstance") -> dict[str, object]:
    pairs = ((each, getattr(value, each.name)) for each in fields(value))
    return {each.name: _plain(found) for each, found in pairs if found != _default(each)}


def _plain(value: Any) -> object:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return _fields(value) if is_dataclass(type(value)) else str(value)


def _default(one: "Field[Any]") -> object:
    return one.default if one.default_factory is MISSING else one.default_factory()


def load_snapshot(path: Path) -> Snapshot:
    """The snapshot in a file; ``SnapshotError`` says where the file is not one, and why."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SnapshotError(f"{path}: {why}; make one with `homelab snapshot -o FILE`") from error
    if len(content) > LIMIT:
        raise SnapshotError(f"{path}: larger than {LIMIT // 1024 // 1024} MiB, no snapshot is")
    return parse_snapshot(content, str(path))


def parse_snapshot(content: bytes, name: str) -> Snapshot:
    """Pure; ``name`` is how messages call the file."""
    from pydantic import ValidationError  # noqa: PLC0415 - costs 50 ms, and most commands read live

    try:
        found = _header().validate_json(content).schema
        if found != SCHEMA:
            raise SnapshotError(
                f"{name}: schema: found {found[:60]!r}; this version reads {SCHEMA!r}"
            )
        return _adapter().validate_json(content, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise SnapshotError("\n".join(_shown(name, problems))) from error


@dataclass(frozen=True, slots=True)
class _Header:
    schema: str


@cache
def _header() -> "TypeAdapter[_Header]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - as above

    return TypeAdapter(_Header)


@cache
def _adapter() -> "TypeAdapter[Snapshot]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - as above

    return TypeAdapter(Snapshot)


def _shown(name: str, problems: Iterable[Any]) -> Iterator[str]:
    lines = list(dict.fromkeys(_problem(name, each) for each in problems))
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"{name}: and {len(lines) - _SHOWN} more problems"


def _problem(name: str, problem: Any) -> str:
    if problem["type"] == "json_invalid":
        found = _POSITION.fullmatch(str(problem["ctx"]["error"]))
        if found:
            column = max(1, int(found["column"]))
            return f"{name}:{found['line']}:{column}: not JSON: {found['what']}"
    steps = [str(each) for each in problem["loc"] if not _MEMBER.fullmatch(str(each))]
    where = ".".join(each if each.isprintable() else repr(each) for each in steps)
    return f"{name}: {where or 'the whole'}: {_lower(problem['msg'])}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
