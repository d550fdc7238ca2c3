"""The JSON documents of the contract: stable, versioned, the same bytes for the same input."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.plan import (
    Adopt,
    Applied,
    Change,
    Create,
    Delete,
    Execution,
    Fate,
    Mend,
    Plan,
    ProbeLost,
    Replace,
    guest_of_change,
)
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Hop, Large, Trace
from homelab.report.commands import commands

Document: TypeAlias = dict[str, Any]


def as_json(document: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """A document in one line is ASCII: U+2028 and the like end a line for many readers.

    Half a surrogate pair, which UTF-8 cannot hold, is written as JSON's own escape.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=indent is None)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def trace_document(trace: Trace) -> Document:
    return {
        "schema": "homelab.trace/1",
        "from": trace.origin,
        "to": str(trace.target),
        "outcome": trace.outcome.value,
        "source": str(trace.source) if trace.source else None,
        "forward": [_hop(each) for each in trace.forward],
        "return": [_hop(each) for each in trace.back],
        "rewritten": {
            "source": trace.rewritten_source,
            "destination": trace.rewritten_destination,
        },
        "cause": cause_document(trace.cause),
        "notes": list(trace.notes),
        "large": _large(trace.large),
    }


def _large(large: Large | None) -> Document | None:
    if large is None:
        return None
    return {
        "size": large.size,
        "outcome": large.outcome.value,
        "fits": large.fits,
        "cause": cause_document(large.cause),
        "silence": cause_document(large.silence),
    }


def error_document(origin: str | None, to: str | None, error: str) -> Document:
    """The answer to a line of a batch that could not be asked, as far as it was a question."""
    return {
        "schema": "homelab.trace/1",
        "from": origin,
        "to": to,
        "outcome": "unknown",
        "forward": [],
        "return": [],
        "rewritten": {"source": None, "destination": None},
        "cause": None,
        "error": error,
    }


def _hop(hop: Hop) -> Document:
    return {
        "at": hop.at,
        "stage": hop.stage,
        "in": hop.iif,
        "out": hop.oif,
        "via": str(hop.via) if hop.via else None,
        "text": hop.text,
    }


def cause_document(cause: Cause | None) -> Document | None:
    if cause is None:
        return None
    return {
        "at": cause.at,
        "direction": cause.direction,
        "stage": cause.stage,
        "kind": cause.kind,
        "family": cause.family,
        "table": cause.table,
        "chain": cause.chain,
        "handle": cause.handle,
        "rule": cause.rule,
        "key": cause.key,
        "owner": cause.owner,
        "tool": cause.tool,
        "text": cause.text,
    }


def diagnosis_document(
    case: Case, findings: Sequence[Finding], probed: Sequence[Document] = (), left_out: int = 0
) -> Document:
    return {
        "schema": "homelab.diagnosis/1",
        "networks": [_network(each, findings) for each in case.judgements],
        "findings": [_finding(each, case.snapshot) for each in findings],
        "probes": list(probed),
        "not_probed": left_out,
    }


def _network(judgement: Judgement, findings: Sequence[Finding]) -> Document:
    host, guest, network = judgement.name
    return {
        "host": host,
        "guest": guest,
        "network": network,
        "subnets": [str(each) for each in judgement.subnets],
        "reachable": judgement.reachable,
        "from": judgement.origin,
        "findings": [
            index for index, each in enumerate(findings) if judgement.name in each.affects
        ],
    }


def _finding(finding: Finding, snapshot: Snapshot) -> Document:
    return {
        "fault": finding.fault,
        "severity": finding.severity,
        "at": finding.at,
        "explains": finding.explains,
        "cause": cause_document(finding.cause),
        "fix": _fix(finding.fix, snapshot) if finding.fix else None,
        "affects": [each._asdict() for each in finding.affects],
    }


def _fix(fix: Fix, snapshot: Snapshot) -> Document:
    return {
        "text": fix.text,
        "commands": list(fix_commands(fix, snapshot)),
        "opens": list(fix.opens),
        "verified_on_model": fix.verified,
        "automatic": bool(fix.operations),
    }


def fix_commands(fix: Fix, snapshot: Snapshot) -> tuple[str, ...]:
    """What a person types to do the fix by hand."""
    typed = tuple(line for each in fix.operations for line in commands(each, snapshot))
    return tuple(dict.fromkeys((*typed, *fix.commands)))


def plan_document(
    plan: Plan,
    snapshot: Snapshot,
    reachability: Sequence[Document],
    obstacles: Sequence[str] = (),
) -> Document:
    return {
        "schema": "homelab.plan/1",
        "changes": [change_document(each, snapshot) for each in plan.changes],
        "obstacles": list(obstacles),
        "reachability": list(reachability),
    }


def change_document(change: Change, snapshot: Snapshot) -> Document:
    old = change.old if isinstance(change, Replace | Delete) else None
    new = change.new if isinstance(change, Create | Replace | Adopt) else None
    said = change.text if isinstance(change, Mend) else None
    return {
        "action": type(change).__name__.lower(),
        "kind": change.key.kind,
        "name": change.key.name,
        "guest": guest_of_change(change),
        "old": old.describe() if old else None,
        "new": new.describe() if new else said,
        "disruption": change.disruption,
        "commands": [line for each in change.operations for line in commands(each, snapshot)],
    }


def applied_document(applied: Applied, snapshot: Snapshot, outcome: str) -> Document:
    return {
        "schema": "homelab.applied/1",
        "outcome": outcome,
        "changes": [change_document(each, snapshot) for each in applied.plan.changes],
        "failure": applied.execution.failure,
        "lost": _flows(applied.lost),
        "kept": applied.kept,
        "fresh": applied.fresh,
        "silent": _flows(applied.silent),
        "rollback": _execution(applied.rollback),
        "residue": list(applied.residue),
        "objects": _fates(applied.fates),
        "still_lost": _flows(applied.still_lost),
    }


def rollback_document(
    revision: int | None,
    residue: Sequence[str],
    fates: Sequence[Fate],
    lost: Sequence[ProbeLost],
) -> Document:
    """What became of a pending change; ``revision`` None: none was pending."""
    done = "not rolled back completely" if residue else "rolled back"
    return {
        "schema": "homelab.rollback/1",
        "revision": revision,
        "outcome": "nothing is pending" if revision is None else done,
        "residue": list(residue),
        "objects": _fates(fates),
        "still_lost": _flows(lost),
    }


def adoptable_document(found: Mapping[str, Adopt], snapshot: Snapshot) -> Document:
    """What `homelab adopt` could take over, each with the commands that would mark it."""
    return {
        "schema": "homelab.adoptable/1",
        "objects": [
            {"object": handle, **change_document(each, snapshot)} for handle, each in found.items()
        ],
    }


def _flows(lost: Sequence[ProbeLost]) -> list[Document]:
    return [
        {"from": each.origin, "to": each.target, "before": each.before, "after": each.after}
        for each in lost
    ]


def _fates(fates: Sequence[Fate]) -> list[Document]:
    return [{"name": each.name, "result": each.kind.value, "text": each.text} for each in fates]


def _execution(execution: Execution | None) -> Document | None:
    if execution is None:
        return None
    return {"operations": len(execution.done), "failure": execution.failure}
