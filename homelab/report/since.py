"""What a report keeps of itself, and what changed since the one that stood in the same file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from homelab.model.finding import Case, Finding
from homelab.report.paint import plain

STATES = {True: "reached", False: "not reached", None: "unknown"}
_SCHEMA = "homelab.report/1"
_KEPT = re.compile(r'<script type="application/json" id="kept">(?P<json>.*?)</script>', re.DOTALL)
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Kept:
    """State by network, and each finding as its fault and place."""

    networks: Mapping[str, str] = field(default_factory=dict)
    findings: frozenset[tuple[str, str]] = frozenset()


def kept(case: Case, findings: Sequence[Finding]) -> Kept:
    networks = {
        plain(f"{each.name.guest}/{each.name.network}"): STATES[each.reachable]
        for each in case.judgements
    }
    return Kept(networks, frozenset((each.fault, plain(each.at)) for each in findings))


def element(now: Kept) -> str:
    """No word of it can end the element: JSON may write the sign < as its number."""
    found = [list(each) for each in sorted(now.findings)]
    text = json.dumps({"schema": _SCHEMA, "networks": dict(now.networks), "findings": found})
    safe = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="kept">{safe}</script>'


def recalled(page: str) -> Kept | None:
    """What an earlier report kept; None for a file that is none, or not one that this version wrote."""
    found = _KEPT.search(page)
    try:
        document = json.loads(found["json"]) if found else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        return None
    networks, findings = document.get("networks"), document.get("findings")
    if not isinstance(networks, dict) or not isinstance(findings, list):
        return None
    states = {str(name): str(state) for name, state in list(networks.items())[:_MOST]}
    pairs = (each for each in findings[:_MOST] if isinstance(each, list) and len(each) == 2)
    return Kept(states, frozenset((str(fault), str(at)) for fault, at in pairs))


def changes(before: Kept, now: Kept) -> Iterator[str]:
    """One sentence each, the bad news first."""
    new, gone = now.findings - before.findings, before.findings - now.findings
    yield from (f"new: {fault} at {at}" for fault, at in sorted(new))
    yield from (f"gone: {fault} at {at}" for fault, at in sorted(gone))
    for name in sorted({*before.networks, *now.networks}):
        was, state = before.networks.get(name), now.networks.get(name)
        if was is None:
            yield f"{name}: new, {state}"
        elif state is None:
            yield f"{name}: not there any more, it was {was}"
        elif was != state:
            yield f"{name}: {state}, it was {was}"
