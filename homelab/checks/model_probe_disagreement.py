"""A real packet fared otherwise than the model says it must.

Seen as: `homelab diagnose` ends with exit code 4, `homelab trace --verify` says "disagrees"; both answers are
shown.

Look at the path that the model took, and look again, in case the lab changed between reading and
probing:

    homelab trace lan ADDRESS --verify

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
from homelab.model.trace import Trace

CODE = "model-probe-disagreement"


def finding(trace: Trace, said: str) -> Finding:
    """What a probe to the trace's target met, beside what the model says of it."""
    cause = trace.cause
    why = f" ({cause.text})" if cause else ""
    return Finding(
        CODE,
        "error",
        cause.at if cause else HOST,
        f"{trace.target}: from {trace.origin} the model says {trace.outcome.value}{why}, "
        f"and a real packet says {said}",
        cause=cause,
    )


FAULT = Fault(CODE, "the model and a real packet disagree", __doc__)
