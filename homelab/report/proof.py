"""Model and packet side by side, as text and as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence

from homelab.model.proof import Count, Proof
from homelab.model.trace import Outcome
from homelab.report.documents import Document
from homelab.report.paint import Paint, plain

STYLE = {"agrees": "good", "disagrees": "bad", "unknown": "warn", "not compared": "dim"}
SHOWN = 8
"""How many lines of one sort a diagnosis tells; its JSON tells all."""


def proof_document(proof: Proof) -> Document:
    """``from`` is where the packet was sent, ``asked`` the vantage that this stands for."""
    evidence = proof.evidence
    return {
        "from": proof.trace.origin,
        "to": str(proof.target),
        "model": proof.trace.outcome.value,
        "said": proof.said,
        "asked": proof.asked,
        "verdict": proof.verdict,
        "answers": list(proof.answers),
        "evidence": [_count(each) for each in (evidence.cause, *evidence.way) if each is not None],
        "last_counted": _count(evidence.last) if evidence.last else None,
    }


def _count(count: Count) -> Document:
    return {
        "at": count.counter.at,
        "source": count.counter.source,
        "counter": count.counter.name,
        "before": count.before,
        "after": count.after,
        "sent": count.sent,
    }


def proof_text(proof: Proof, paint: Paint) -> str:
    """What the model and the packet say, one under the other, and what was counted."""
    return "\n".join(_lines(proof, paint))


def _lines(proof: Proof, paint: Paint) -> Iterator[str]:
    trace = proof.trace
    stands_in = trace.origin != proof.asked
    sent = f", sent from {trace.origin}" + (f" for {proof.asked}" if stands_in else "")
    heard = Counter(proof.answers)
    every = len(proof.answers)
    counted = ", ".join(f"{count} of {every} {said}" for said, count in heard.items())
    cause = f", at {trace.cause.at}: {trace.cause.text}" if trace.cause else ""
    yield f"the model says:  {trace.outcome.value}{plain(cause)}"
    yield f"the packet says: {plain(proof.said)}" + (plain(f" ({counted}{sent})") if heard else "")
    yield paint(STYLE[proof.verdict], f"they say: {_verdict(proof)}")
    yield from (f"evidence: {plain(each)}" for each in _evidence(proof))


def _verdict(proof: Proof) -> str:
    if proof.verdict == "unknown":
        return f"the model does not know; the packet says: {plain(proof.said)}"
    return {
        "agrees": "the same; model and packet agree",
        "disagrees": "not the same; model and packet disagree",
    }.get(proof.verdict, "not compared, no packet tells")


def _evidence(proof: Proof) -> Iterator[str]:
    evidence = proof.evidence
    if evidence.cause is not None:
        yield str(evidence.cause)
    if evidence.last is not None:
        yield f"last counted at {evidence.last}"
    if evidence.missing is not None:
        yield f"not counted at {evidence.missing}"


def proofs_text(proofs: Sequence[Proof], left_out: int, paint: Paint) -> str:
    """All probes of a diagnosis in a few lines."""
    return "\n".join(_summary(proofs, left_out, paint))


def _summary(proofs: Sequence[Proof], left_out: int, paint: Paint) -> Iterator[str]:
    told = Counter(each.trace.origin for each in proofs)
    answered = Counter(each.trace.origin for each in proofs if each.said == "answered")
    for origin, count in told.items():
        yield f"probed from {plain(origin)}: {answered[origin]} of {count} real packets answered"
    if left_out:
        yield f"a sample: {left_out} more flows were not probed"
    agree = sum(each.verdict == "agrees" for each in proofs)
    compared = sum(each.verdict in ("agrees", "disagrees") for each in proofs)
    if compared:
        style = "good" if agree == compared else "bad"
        yield paint(style, f"model and packet agree on {agree} of {compared}")
    counted = dict.fromkeys(str(each.evidence.cause) for each in proofs if each.evidence.cause)
    yield from _some(f"evidence: {plain(each)}" for each in counted)
    yield from _some(
        f"unknown to the model: {each.target}; the packet says: {plain(each.said)}"
        for each in proofs
        if each.trace.outcome is Outcome.UNKNOWN
    )


def _some(lines: Iterator[str]) -> Iterator[str]:
    every = list(lines)
    yield from every[:SHOWN]
    if len(every) > SHOWN:
        yield f"and {len(every) - SHOWN} more; --json tells them all"
