"""Calls and answers of an agent as JSON lines: values out, and the same values back in, or UsageError."""

import json
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from homelab.errors import SnapshotError, UsageError
from homelab.load.journal import adapter, parse_step, plain
from homelab.load.snapshot import parse_snapshot, plain_snapshot
from homelab.model.agent import (
    PROTOCOL,
    Answer,
    Ask,
    Call,
    Change,
    End,
    Hello,
    Met,
    Question,
    Ran,
    Read,
    Run,
    Seen,
    Trouble,
)
from homelab.model.inventory import Inventory
from homelab.model.place import Place
from homelab.model.proof import Counter, Wanted

FORM = 'a call is {"call": "read"}, {"call": "run", "operations": […]} or {"call": "probe", "questions": […]}'
MOST_OPERATIONS, MOST_TARGETS, LONGEST = 100_000, 100_000, 60.0


def dump_call(call: Call) -> str:
    """One line, without its end."""
    match call:
        case Read():
            found: dict[str, Any] = {"call": "read", "inventory": plain(call.inventory)}
        case Run():
            steps = [{"is": type(each).__name__, **plain(each)} for each in call.operations]
            end = call.end.value if call.end else None
            change = plain(call.change)
            found = {"call": "run", "operations": steps, "change": change, "end": end}
        case Ask():
            found = {
                "call": "probe",
                "questions": plain(call.questions),
                "counters": [each._asdict() for each in call.counters],
                "timeout": call.timeout,
            }
        case _:
            assert_never(call)
    return json.dumps(found)


def parse_call(line: bytes) -> Call:
    """Raises ``UsageError`` for what is no call, and says what one is."""
    found = _object(line, FORM)
    kind = found.pop("call", None)
    parse = _CALLS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise UsageError(f"call: {_shown(kind)} is none; {FORM}")
    call: Call = _checked(parse, found, str(kind))
    if found:
        raise UsageError(f"{kind}: {', '.join(map(_shown, found))}: not known; {FORM}")
    return call


def _read(found: dict[str, Any]) -> Read:
    declared = found.pop("inventory", {})
    return Read(adapter(Inventory).validate_python(declared))


def _run(found: dict[str, Any]) -> Run:
    steps, end = found.pop("operations", []), found.pop("end", None)
    if not isinstance(steps, list) or len(steps) > MOST_OPERATIONS:
        raise ValueError(f"operations: not a list of at most {MOST_OPERATIONS}")
    return Run(
        tuple(parse_step(each) for each in steps),
        adapter(Change).validate_python(found.pop("change", {})),
        None if end is None else adapter(End).validate_python(end),
    )


def _ask(found: dict[str, Any]) -> Ask:
    questions = adapter(tuple[Question, ...]).validate_python(found.pop("questions", []))
    counters = adapter(tuple[Wanted, ...]).validate_python(found.pop("counters", []))
    timeout = adapter(float).validate_python(found.pop("timeout", 1.0))
    if not 0 < timeout <= LONGEST or sum(len(e.targets) for e in questions) > MOST_TARGETS:
        raise ValueError(f"at most {MOST_TARGETS} targets, and {LONGEST:g} s")
    return Ask(questions, counters, timeout)


_CALLS: Mapping[str, Callable[[dict[str, Any]], Call]] = {
    "read": _read,
    "run": _run,
    "probe": _ask,
}


def dump_hello(hello: Hello) -> str:
    return json.dumps(plain(hello))


def parse_hello(line: bytes) -> Hello:
    """Raises ``UsageError`` for a line that no agent of this protocol says first."""
    found = _object(line, "not an agent")
    if found.get("schema") != PROTOCOL:
        raise UsageError(f"it speaks {_shown(found.get('schema'))}, and this version {PROTOCOL}")
    hello: Hello = _checked(adapter(Hello).validate_python, found, "hello")
    return hello


def dump_answer(answer: Answer) -> str:
    """One line, without its end."""
    match answer:
        case Seen():
            seen = plain_snapshot(answer.snapshot)
            found: dict[str, Any] = {"answer": "read", "snapshot": seen}
            found["enterable"] = list(answer.enterable)
        case Ran():
            found = {"answer": "run", **plain(answer)}
        case Met():
            rows = [[*counter, value] for counter, value in answer.counts.items()]
            found = {"answer": "probe", "met": plain(answer.met), "counts": rows}
        case Trouble():
            found = {"answer": "error", "error": answer.error}
        case _:
            assert_never(answer)
    return json.dumps(found)


def parse_answer(line: bytes) -> Answer:
    """Raises ``UsageError`` for what is no answer."""
    found = _object(line, "not an answer of an agent")
    kind = found.pop("answer", None)
    parse = _ANSWERS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise UsageError(f"answer: {_shown(kind)} is none")
    answer: Answer = _checked(parse, found, str(kind))
    return answer


def _seen(found: dict[str, Any]) -> Seen:
    places = adapter(tuple[str, ...]).validate_python(found.get("enterable", []))
    text = json.dumps(found.get("snapshot"))
    return Seen(parse_snapshot(text.encode(), "snapshot"), tuple(map(Place, places)))


def _ran(found: dict[str, Any]) -> Ran:
    ran: Ran = adapter(Ran).validate_python(found)
    return ran


def _met(found: dict[str, Any]) -> Met:
    rows = adapter(tuple[tuple[Place, str, str, int], ...]).validate_python(found["counts"])
    met = adapter(tuple[tuple[str, ...], ...]).validate_python(found["met"])
    return Met(met, {Counter(at, source, name): value for at, source, name, value in rows})


def _trouble(found: dict[str, Any]) -> Trouble:
    return Trouble(str(found["error"]))


_ANSWERS: Mapping[str, Callable[[dict[str, Any]], Answer]] = {
    "read": _seen,
    "run": _ran,
    "probe": _met,
    "error": _trouble,
}


def _checked(parse: Callable[[dict[str, Any]], Any], found: dict[str, Any], what: str) -> Any:
    """What the parser makes of it; whatever pydantic says of it becomes one line."""
    try:
        return parse(found)
    except SnapshotError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{what}: {_first(error)}") from error


def _first(error: Exception) -> str:
    """The first problem: where, and what."""
    listed = getattr(error, "errors", None)
    if listed is None:
        return " ".join(str(error).split())[:300]
    problem = listed(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['msg']}"[:300]


def _object(line: bytes, form: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {_first(error)}; {form}") from error
    if not isinstance(found, dict):
        raise UsageError(f"not an object; {form}")
    return found


def _shown(value: object) -> str:
    return ascii(value)[:60]
