"""One trace as a person reads it: each hop there, each hop back, and what ended it."""

from collections.abc import Iterator

from homelab.model.trace import Hop, Large, Outcome, Trace
from homelab.report.diagnosis_text import evidence
from homelab.report.paint import Paint, plain

STYLE = {
    Outcome.DELIVERED: "good",
    Outcome.DROPPED: "bad",
    Outcome.REJECTED: "bad",
    Outcome.UNKNOWN: "warn",
}


def trace_text(trace: Trace, paint: Paint) -> str:
    return "\n".join(_lines(trace, paint))


def _lines(trace: Trace, paint: Paint) -> Iterator[str]:
    yield f"{plain(trace.origin)} → {trace.target}: " + paint(
        STYLE[trace.outcome], trace.outcome.value
    )
    yield from _hops(trace.forward)
    if trace.back:
        yield "reply:"
        yield from _hops(trace.back)
    if trace.rewritten_source:
        yield f"the receiver sees the source {trace.rewritten_source}"
    if trace.rewritten_destination:
        yield f"the destination is translated to {trace.rewritten_destination}"
    if trace.cause is not None:
        yield paint(
            STYLE[trace.outcome], f"✗ at {plain(trace.cause.at)}: {plain(trace.cause.text)}"
        )
        yield from (f"    {each}" for each in evidence(trace.cause))
    yield from _large(trace.large, paint)
    yield from (f"note: {plain(each)}" for each in trace.notes)


def _large(large: Large | None, paint: Paint) -> Iterator[str]:
    """Nothing where packets of full size pass like short ones."""
    if large is None or large.size == large.fits:
        return
    if large.fits is not None:
        yield f"packets of {large.size} bytes are too long on the way, and their sender is told: {large.fits} pass"
        return
    told = paint(STYLE[large.outcome], large.outcome.value)
    yield f"packets of {large.size} bytes: {told}"
    why = [large.cause] if large.cause else []
    yield from (f"  ✗ {plain(each.text)}" for each in why)
    if large.silence is not None:
        yield f"  their sender is not told, {plain(large.silence.at)}: {plain(large.silence.text)}"
    else:
        yield "  their sender is not told: what drops them sends no message"


def _hops(hops: tuple[Hop, ...]) -> Iterator[str]:
    width = max((len(each.at) for each in hops), default=0)
    stages = max((11, *(len(each.stage) for each in hops)))
    for each in hops:
        yield f"  {plain(each.at):{width}}  {each.stage:{stages}}  {plain(each.text)}"
