"""The lab's history as people read it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from homelab.model.revision import Outcome, Pending, Revision
from homelab.report.paint import Paint, plain

STYLE = {Outcome.APPLIED: "good", Outcome.ROLLED_BACK: "warn", Outcome.INCOMPLETE: "bad"}


def clock(moment: float) -> str:
    """Date and time in UTC, to the second (RFC 3339)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def history_text(revisions: Sequence[Revision], pending: Pending | None, paint: Paint) -> str:
    """A revision a line, newest last, with the changes of each below it."""
    lines: list[str] = []
    for each in revisions:
        intent, ending = each.intent, each.ending
        outcome = paint(STYLE[ending.outcome], ending.outcome.value)
        lines.append(
            f"{intent.revision:>4}  {clock(intent.begun)}  {intent.command:8} {outcome}  "
            f"{plain(intent.who)}  inventory {intent.inventory[:8] or '-'}  {plain(ending.verified)}"
        )
        lines += [f"        {plain(change)}" for change in intent.changes]
        if ending.failure:
            lines.append(f"        because: {plain(ending.failure)}")
    if pending is not None:
        lines.append(_pending(pending))
    return "\n".join(lines) or "no history: nothing was applied yet"


def _pending(pending: Pending) -> str:
    intent = pending.intent
    if pending.waits and intent.confirm_by is not None:
        return (
            f"{intent.revision:>4}  {clock(intent.begun)}  {intent.command:8} "
            f"waits for `homelab confirm` until {clock(intent.confirm_by)}"
        )
    return (
        f"{intent.revision:>4}  {clock(intent.begun)}  {intent.command:8} "
        f"under way or cut short after {len(pending.started)} operations: `homelab rollback`"
    )


def history_document(revisions: Sequence[Revision], pending: Pending | None) -> dict[str, Any]:
    return {
        "schema": "homelab.history/1",
        "revisions": [_revision(each) for each in revisions],
        "pending": None
        if pending is None
        else {"revision": pending.intent.revision, "waits": pending.waits},
    }


def _revision(revision: Revision) -> dict[str, Any]:
    intent, ending = revision.intent, revision.ending
    return {
        "revision": intent.revision,
        "command": intent.command,
        "who": intent.who,
        "begun": clock(intent.begun),
        "ended": clock(ending.ended),
        "inventory": intent.inventory,
        "changes": list(intent.changes),
        "outcome": ending.outcome.value,
        "verified": ending.verified,
        "failure": ending.failure,
    }
