"""Expectations and their answers, for people and as a document, now and as a plan will leave them."""

from collections import Counter
from collections.abc import Iterator, Sequence

from homelab.model.finding import Trial
from homelab.model.inventory import Expectation
from homelab.model.trace import Outcome, Trace
from homelab.report.documents import Document, cause_document
from homelab.report.paint import Paint, plain

SIGN = {True: ("good", "✓"), False: ("bad", "✗"), None: ("warn", "?")}
WORD = {True: ("good", "holds"), False: ("bad", "does not hold"), None: ("dim", "unknown")}
SHOWN = 4
NONE = "the inventory expects nothing; write `expect: [{from: lan, to: GUEST/NETWORK:PORT}]`"


def expect_text(trials: Sequence[Trial], paint: Paint) -> str:
    """A line for each expectation, under it what speaks against it, and the count at the end."""
    if not trials:
        return NONE
    width = min(48, max(len(_flow(each.expectation)) for each in trials))
    lines = [line for each in trials for line in _trial(each, width, paint)]
    return "\n".join([*lines, "", _count(trials, paint)])


def _flow(expectation: Expectation) -> str:
    return plain(f"{expectation.origin} → {expectation.to}")


def _trial(trial: Trial, width: int, paint: Paint) -> Iterator[str]:
    wanted = trial.expectation
    sign = paint(*SIGN[trial.holds])
    reason = f"   {plain(wanted.reason)}" if wanted.reason else ""
    yield f"{sign} {_flow(wanted):{width}}  {wanted.outcome.value}{reason}"
    if trial.holds is True:
        return
    yield f"    {paint('dim', plain(str(wanted.where)))}"
    if trial.why:
        yield f"    {plain(trial.why)}"
    for each in trial.against[:SHOWN]:
        why = f": {each.cause.text}" if each.cause else ": nothing is in its way"
        yield f"    {each.target} is {each.outcome.value}{plain(why)}"
    if len(trial.against) > SHOWN:
        yield f"    and {len(trial.against) - SHOWN} more"


def _count(trials: Sequence[Trial], paint: Paint) -> str:
    count = Counter(each.holds for each in trials)
    if count[True] == len(trials):
        return paint("good", "all hold") + f" ({len(trials)})"
    said = [f"{count[True]} of {len(trials)} hold"]
    said += [f"{count[False]} do not"] if count[False] else []
    said += [f"{count[None]} unknown"] if count[None] else []
    return ", ".join(said)


def expect_document(trials: Sequence[Trial]) -> Document:
    return {"schema": "homelab.expect/1", "expectations": [_document(each) for each in trials]}


def _document(trial: Trial) -> Document:
    wanted = trial.expectation
    return {
        "where": str(wanted.where),
        "from": wanted.origin,
        "to": str(wanted.to),
        "outcome": wanted.outcome.value,
        "reason": wanted.reason,
        "holds": trial.holds,
        "why": trial.why or None,
        "traces": [_trace(each) for each in trial.traces],
    }


def _trace(trace: Trace) -> Document:
    return {
        "to": str(trace.target),
        "outcome": trace.outcome.value,
        "cause": cause_document(trace.cause),
    }


def foreseen(before: Sequence[Trial], after: Sequence[Trial]) -> list[Document]:
    """Each expectation with whether it holds now and after the plan."""
    return [
        {
            "where": str(now.expectation.where),
            "from": now.expectation.origin,
            "to": str(now.expectation.to),
            "outcome": now.expectation.outcome.value,
            "now": now.holds,
            "afterwards": later.holds,
        }
        for now, later in zip(before, after, strict=True)
    ]


def foreseen_text(before: Sequence[Trial], after: Sequence[Trial], paint: Paint) -> str:
    """What the model says of each expectation, now and after the plan."""
    lines = [
        f"  {_flow(now.expectation):32} {now.expectation.outcome.value:9} "
        f"{paint(*WORD[now.holds])} → {paint(*WORD[later.holds])}{_ending(now, later)}"
        for now, later in zip(before, after, strict=True)
    ]
    return "\n".join(["expected by the inventory, as the model sees it, now → afterwards:", *lines])


def _ending(now: Trial, later: Trial) -> str:
    """What will spoil an expectation that holds now."""
    worst = next((e for e in later.against if e.outcome is not Outcome.UNKNOWN), None)
    if not now.holds or worst is None:
        return ""
    why = f": {worst.cause.text}" if worst.cause else ""
    return plain(f" ({worst.target} {worst.outcome.value}{why})")
