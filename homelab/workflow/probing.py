"""Model and packet side by side: what real probes say of flows, and what was counted of them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Protocol

from homelab.checks import model_probe_disagreement
from homelab.diagnosis.tracer import Tracer
from homelab.model.finding import Case
from homelab.model.place import LAN, Place
from homelab.model.proof import Counts, Evidence, Proof, Sender, Wanted, Watch, Watched
from homelab.model.trace import Outcome, Target, Trace
from homelab.workflow.agreement import agrees
from homelab.workflow.look import Diagnosis
from homelab.workflow.sending import probe_origin, sender
from homelab.workflow.witness import evidence_of, wanted

MOST = 256
"""How many flows of a diagnosis are probed; of more, some of each network."""

AGAIN = 3
"""How many packets are sent where the counters shall tell them from others."""

PATIENCE = 0.5
"""Seconds for an answer; all probes are under way at once."""

Flow = tuple[str, Target]
Questions = Mapping[Sender, Sequence[Target]]
Answers = Mapping[Sender, Sequence[str]]


class Prober(Protocol):
    """The lab as probes see it; only ``watch`` changes anything, for as long as it takes."""

    def ask(self, questions: Questions, timeout: float) -> Answers:
        """Send one real packet to each target, all at once; what each met, in order."""
        ...

    def count(self, wanted: Collection[Wanted]) -> Counts:
        """What the counters show now."""
        ...

    def watch(self, wanted: Watch, timeout: float) -> Watched:
        """Send probes while nft traces them; the one call that adds a rule, and takes it away."""
        ...

    def enterable(self) -> tuple[Place, ...]:
        """The places from which a packet can be sent."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """A diagnosis with its proofs; ``left_out`` is how many flows were not probed."""

    diagnosis: Diagnosis
    proofs: tuple[Proof, ...] = ()
    left_out: int = 0

    @property
    def disagree(self) -> bool:
        return any(each.verdict == "disagrees" for each in self.proofs)


def compare(diagnosis: Diagnosis, prober: Prober) -> Compared:
    """Send one packet for every judged flow; each contradiction becomes a finding of its own.

    What contradicts is asked again before it counts, with counters on the whole way.
    """
    every = list(dict.fromkeys(flows(diagnosis.case)))
    chosen = every[:MOST]
    if not chosen:
        return Compared(diagnosis)
    proofs = prove(list(_drafts(chosen, diagnosis.case, prober)), prober, each=1, way=False)
    doubted = [each for each in proofs if each.verdict == "disagrees"]
    again = dict(zip(map(_flow, doubted), prove(doubted, prober), strict=True))
    proofs = tuple(again.get(_flow(each), each) for each in proofs)
    new = tuple(
        model_probe_disagreement.finding(each) for each in proofs if each.verdict == "disagrees"
    )
    findings = (*diagnosis.findings, *new)
    return Compared(replace(diagnosis, findings=findings), proofs, len(every) - len(chosen))


def compare_again(diagnosis: Diagnosis, prober: Prober, look: Callable[[], Diagnosis]) -> Compared:
    """A contradiction may be a lab that was just changing: it is looked at once more, and no more."""
    compared = compare(diagnosis, prober)
    return compare(look(), prober) if compared.disagree else compared


def flows(case: Case) -> Iterator[Flow]:
    """The first target of each network, then the second of each; and what the inventory expects."""
    targets = ([(LAN, target) for target in each.targets] for each in case.judgements)
    tried = ([(each.origin, each.target) for each in trial.traces] for trial in case.trials)
    rounds = zip_longest(*targets, *tried)
    return (each for each in chain.from_iterable(rounds) if each is not None)


def _flow(proof: Proof) -> Flow:
    return proof.asked, proof.target


def _drafts(chosen: Sequence[Flow], case: Case, prober: Prober) -> Iterator[Proof]:
    snapshot, tracer, enterable = case.snapshot, Tracer(case.snapshot), prober.enterable()
    places = frozenset(enterable)
    client = Sender(probe_origin(snapshot, enterable))
    for vantage, target in chosen:
        family = target.address.version
        asked = vantage != LAN
        found = sender(vantage, family, tracer, snapshot, places) if asked else client
        yield draft(vantage, found, target, tracer)


def draft(vantage: str, found: Sender | str, target: Target, tracer: Tracer) -> Proof:
    """A proof before its packet is sent: what the model says of it from where it will be sent."""
    if isinstance(found, str):
        return Proof(vantage, None, tracer.trace(vantage, target), found, "not compared")
    origin = vantage if found.source else found.place
    return Proof(vantage, found, tracer.trace(origin, target), "", "")


def prove(
    drafts: Sequence[Proof], prober: Prober, *, each: int = AGAIN, way: bool = True
) -> tuple[Proof, ...]:
    """Send ``each`` packets for every draft that has a sender, between two looks at the counters."""
    sendable = [proof for proof in drafts if proof.sender is not None]
    if not sendable:
        return tuple(drafts)
    reads = wanted([proof.trace for proof in sendable], way=way)
    before = prober.count(reads)
    heard = _heard(sendable, prober, each)
    after = prober.count(reads)
    evidence = evidence_of([proof.trace for proof in sendable], each, before, after)
    proven = {
        id(proof): _proven(proof, answers, said)
        for proof, answers, said in zip(sendable, heard, evidence, strict=True)
    }
    return tuple(proven.get(id(proof), proof) for proof in drafts)


def _heard(drafts: Sequence[Proof], prober: Prober, each: int) -> list[tuple[str, ...]]:
    """The answers of each draft, whose packets are all under way at the same time."""
    asked = [(proof.sender, proof.target) for proof in drafts if proof.sender is not None]
    questions: dict[Sender, list[Target]] = {}
    for who, target in asked:
        questions.setdefault(who, []).extend((target,) * each)
    answers = {who: iter(said) for who, said in prober.ask(questions, PATIENCE).items()}
    return [tuple(next(answers[who]) for _ in range(each)) for who, _ in asked]


SAYS_MOST = ("answered", "refused", "unreachable", "timeout")


def _proven(draft: Proof, answers: tuple[str, ...], evidence: Evidence) -> Proof:
    """Of several packets the one that was told most counts: errors are limited, and packets get lost."""
    said = next((word for word in SAYS_MOST if word in answers), answers[0])
    return replace(
        draft,
        said=said,
        verdict=_verdict(draft.trace, said),
        answers=answers,
        evidence=evidence,
    )


def _verdict(trace: Trace, said: str) -> str:
    if said.startswith(("not possible", "error")):
        return "not compared"
    if trace.outcome is Outcome.UNKNOWN:
        return "unknown"
    return "agrees" if agrees(trace, said) else "disagrees"
