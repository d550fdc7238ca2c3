"""What a change is about to do, on disk before its first operation, and gone when it has ended."""

import json
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.inverse import inverse
from homelab.model.operation import Operation
from homelab.model.snapshot import Snapshot
from homelab.system.files import remove, write_whole

FOLDER = Path("/var/lib/homelab")
SCHEMA = "homelab.journal/1"

Plain: TypeAlias = "str | int | float | list[Plain] | dict[str, Plain] | None"


class Journal:
    """One file in a folder of root's own; it exists while a change is under way, or was cut short."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.file = folder / "change.json"

    def begin(self, snapshot: Snapshot, operations: Sequence[Operation]) -> None:
        """Write down the lab as it is, and each operation with its way back; durable on return."""
        text = record(snapshot, operations, time.time())
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self.file, text, 0o600)
        except OSError as error:
            raise OperationError(f"{self.file}: {error.strerror}; run as root") from error

    def end(self) -> None:
        """The change has ended, and nothing of it is pending."""
        try:
            remove(self.file)
        except OSError as error:
            raise OperationError(f"{self.file}: {error.strerror}; remove it by hand") from error

    def pending(self) -> str | None:
        """The record of a change that did not end; None when there is none."""
        try:
            return self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise OperationError(f"{self.file}: {error}; look at it by hand") from error


def record(snapshot: Snapshot, operations: Sequence[Operation], moment: float) -> str:
    """The text of a journal."""
    steps = [{"operation": each, "inverse": inverse(each), "done": False} for each in operations]
    return json.dumps(
        plain({"schema": SCHEMA, "moment": moment, "operations": steps, "snapshot": snapshot})
    )


def plain(value: object) -> Plain:
    """A value as JSON holds it; a dataclass is an object with its class in ``is``."""
    if value is None or isinstance(value, str | int | float):
        return value
    if is_dataclass(value):
        named = {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        return {"is": type(value).__name__, **named}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence | AbstractSet):
        return [plain(each) for each in value]
    return str(value)
