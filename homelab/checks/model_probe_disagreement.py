"""A real packet fared otherwise than the model says it must.

Seen as: `homelab diagnose` ends with exit code 4, `homelab trace --verify` says "disagrees"; both answers are
shown.

The finding lies where the packets were last counted on the path that the model took; what was not
counted any more lies behind it. Look again, in case the lab changed between reading and probing, and
let the kernels on the way name each rule that they met:

    homelab trace lan ADDRESS --verify --nft-trace

Why: the lab changed meanwhile; the probe was sent from another place than a client's (see which one is
named); a machine on the way filters and was not observed; or the model is wrong. Docker's and LXD's own
services need a moment after a change.

Fix: none is offered, because one of the two is wrong and it is not known which. Where they still differ at
a second look, the real packet is right, and the snapshot is a bug report:

    homelab snapshot --redact -o lab.json

Opens: nothing.

Undo: nothing to undo.
"""

from homelab.checks.fault import Fault
from homelab.model.finding import Finding
from homelab.model.place import HOST
from homelab.model.proof import Proof

CODE = "model-probe-disagreement"


def finding(proof: Proof) -> Finding:
    """What real packets met, beside what the model says of them, and where they were last counted."""
    trace, cause = proof.trace, proof.trace.cause
    why = f" ({cause.text})" if cause else ""
    last = proof.evidence.last
    at = last.counter.at if last else cause.at if cause else HOST
    told = (
        f"{trace.target}: from {trace.origin} the model says {trace.outcome.value}{why}, "
        f"and a real packet says {proof.said}"
    )
    return Finding(CODE, "error", at, "; ".join((told, *clues(proof))), cause=cause)


def clues(proof: Proof) -> tuple[str, ...]:
    """What the counters tell of it, each in a sentence."""
    evidence = proof.evidence
    last, missing = evidence.last, evidence.missing
    rule = (str(evidence.cause),) if evidence.cause else ()
    seen = (f"last counted at {last}",) if last else ()
    gone = (f"not counted at {missing}",) if missing else ()
    return (*rule, *seen, *gone)


FAULT = Fault(CODE, "the model and a real packet disagree", __doc__)
