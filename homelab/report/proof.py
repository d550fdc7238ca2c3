"""Model and packet side by side, as text and as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence

from homelab.model.proof import Count, Proof, Step, Told
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
        "nft_trace": _told(proof.told) if proof.told else None,
    }


def _told(told: Told) -> Document:
    steps = told.watched.steps
    return {
        "verdict": told.verdict,
        "text": told.text,
        "answers": list(told.watched.answers),
        "steps": [
            {
                "at": each.at,
                "packet": each.packet,
                "family": each.family,
                "table": each.table,
                "chain": each.chain,
                "text": each.text,
                "verdict": each.verdict,
            }
            for each in steps
        ],
        "unwatched": dict(told.watched.unwatched),
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
    place, link = (proof.sender.place, proof.sender.link) if proof.sender else ("", None)
    sent = f", written onto {link} of {place}" if link else f", sent from {place}"
    sent += f" for {proof.asked}" if place != proof.asked and not link else ""
    heard = Counter(proof.answers)
    every = len(proof.answers)
    counted = ", ".join(f"{count} of {every} {said}" for said, count in heard.items())
    cause = f", at {trace.cause.at}: {trace.cause.text}" if trace.cause else ""
    yield f"the model says:  {trace.outcome.value}{plain(cause)}"
    yield f"the packet says: {plain(proof.said)}" + (plain(f" ({counted}{sent})") if heard else "")
    yield paint(STYLE[proof.verdict], f"they say: {_verdict(proof)}")
    yield from (f"evidence: {plain(each)}" for each in _evidence(proof))
    if proof.told is not None:
        yield from _second(proof.told, paint)


def _second(told: Told, paint: Paint) -> Iterator[str]:
    """Each step once: every probe meets the same."""
    yield "nft trace, the kernels' own words:"
    rows = dict.fromkeys((each.at, each.chain_name, _step(each)) for each in told.watched.steps)
    width = max((len(at) for at, _, _ in rows), default=0)
    chains = max((len(chain) for _, chain, _ in rows), default=0)
    for at, chain, text in rows:
        yield f"  {plain(at):{width}}  {plain(chain):{chains}}  {plain(text)}"
    for place, why in told.watched.unwatched.items():
        yield f"  {plain(place)}: not watched: {plain(why)}"
    style = {"agrees": "good", "differs": "bad"}.get(told.verdict, "warn")
    yield paint(style, f"second witness: {plain(told.text)}")


def _step(step: Step) -> str:
    is_rule = step.text not in (f"policy {step.verdict}", f"verdict {step.verdict}")
    return f"{step.text} ({step.verdict})" if is_rule else step.text


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
