"""The texts of the journal: intents, steps and endings out, and the same values back in."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from homelab.errors import OperationError, UsageError
from homelab.load.snapshot import dump_snapshot as dump_snapshot  # noqa: PLC0414 - part of the journal
from homelab.load.snapshot import parse_snapshot
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.revision import Ending, Intent, Pending, Revision
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pydantic import TypeAdapter

OPERATIONS = {each.__name__: each for each in get_args(Operation)}
INTENT, BEFORE, INVENTORY = "intent.json", "before.json", "inventory.json"
STEPS, APPLIED, ENDING, AFTER = "steps.jsonl", "applied", "ending.json", "after.json"
FLOWS = "flows.json"
PLAN = "homelab.saved-plan/1"
Wanted = TypeVar("Wanted")


def opening(intent: Intent, before: Snapshot, inventory: Inventory) -> dict[str, str]:
    """The files with which a change begins."""
    return {INTENT: _text(intent), BEFORE: dump_snapshot(before), INVENTORY: _text(inventory)}


def dump_step(operation: Operation) -> str:
    """One line; the operation's class stands in ``is``."""
    return json.dumps({"is": type(operation).__name__, **plain(operation)})


def dump_flows(flows: Sequence[Target]) -> str:
    return _text(list(flows))


def dump_ending(ending: Ending) -> str:
    return _text(ending)


def digest(inventory: Inventory) -> str:
    """The same for two inventories that mean the same."""
    return hashlib.sha256(_text(inventory).encode()).hexdigest()


def plan_digest(operations: Sequence[Operation]) -> str:
    """The same for two plans that do the same, in the same order."""
    lines = "\n".join(dump_step(each) for each in operations)
    return hashlib.sha256(lines.encode()).hexdigest()


def dump_plan(operations: Sequence[Operation]) -> str:
    """A plan as a file; ``apply`` takes it for the state it was made on, and no other."""
    steps = [json.loads(dump_step(each)) for each in operations]
    return json.dumps({"schema": PLAN, "digest": plan_digest(operations), "steps": steps}, indent=1)


def parse_plan(text: str, name: str) -> str:
    """The digest of a saved plan; ``UsageError`` for a file that is none."""
    try:
        found = json.loads(text)
        if found["schema"] == PLAN:
            return str(found["digest"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(f"{name}: not a plan; make one with `homelab plan --out FILE`")


def parse_pending(files: Mapping[str, str]) -> Pending | None:
    """The change that has not ended; None when there is none.

    A last line of steps that is torn was never begun. Raises ``OperationError`` for anything else that
    homelab did not write.
    """
    if not files:
        return None
    return Pending(
        _parsed(Intent, files, INTENT),
        _snapshot(files, BEFORE),
        parse_inventory(files),
        tuple(_steps(files.get(STEPS, ""))),
        waits=APPLIED in files,
        flows=_flows(files),
    )


def parse_revision(files: Mapping[str, str]) -> Revision:
    """Raises ``OperationError`` for what homelab did not write."""
    return Revision(_parsed(Intent, files, INTENT), _parsed(Ending, files, ENDING))


def parse_inventory(files: Mapping[str, str]) -> Inventory:
    """The inventory that tells how the hosts and routers of a change are reached."""
    return _parsed(Inventory, files, INVENTORY)


def parse_before(files: Mapping[str, str]) -> Snapshot:
    """The lab as a revision found it."""
    return _snapshot(files, BEFORE)


def parse_after(files: Mapping[str, str]) -> Snapshot:
    """The lab as a revision left it."""
    return _snapshot(files, AFTER)


def _flows(files: Mapping[str, str]) -> tuple[Target, ...]:
    """The flows that worked before; a change that was cut short early has not found them yet."""
    try:
        found: tuple[Target, ...] = adapter(tuple[Target, ...]).validate_json(
            files.get(FLOWS, "[]")
        )
    except ValueError as error:
        raise _damaged(FLOWS, error) from error
    return found


def _steps(text: str) -> Iterator[Operation]:
    for line in text.split("\n")[:-1]:
        try:
            yield parse_step(json.loads(line))
        except (ValueError, TypeError) as error:
            raise _damaged(STEPS, error) from error


def parse_step(step: object) -> Operation:
    """The operation whose class stands in ``is``; ``ValueError`` for what is none."""
    kind = step.get("is") if isinstance(step, dict) else None
    if not isinstance(step, dict) or not isinstance(kind, str) or kind not in OPERATIONS:
        raise ValueError(f"an operation needs `is`, one of {', '.join(OPERATIONS)}")
    found: Operation = adapter(OPERATIONS[kind]).validate_python(
        {key: each for key, each in step.items() if key != "is"}
    )
    return found


def _parsed(kind: type[Wanted], files: Mapping[str, str], name: str) -> Wanted:
    parser: TypeAdapter[Wanted] = adapter(cast("Hashable", kind))
    try:
        return parser.validate_json(files.get(name, ""))
    except ValueError as error:
        raise _damaged(name, error) from error


def _snapshot(files: Mapping[str, str], name: str) -> Snapshot:
    return parse_snapshot(files.get(name, "").encode(), name)


def _damaged(name: str, error: Exception) -> OperationError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return OperationError(f"journal: {name}: {first}; look at /var/lib/homelab by hand")


@cache
def adapter(kind: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - costs 50 ms, and most commands need none

    return TypeAdapter(kind)


def _text(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True)


def plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, frozenset | set):
        return sorted(plain(each) for each in value)
    return str(getattr(value, "value", value))
