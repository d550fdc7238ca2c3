"""Whether what a real packet met fits what the model says of it."""

from homelab.model.trace import Outcome, Trace

KNOWN = {"answered", "refused", "unreachable", "timeout"}
EXPECTED = {
    Outcome.DELIVERED: {"answered"},
    Outcome.DROPPED: {"timeout"},
    Outcome.REJECTED: {"refused", "unreachable"},
    Outcome.UNKNOWN: KNOWN,
}


def agrees(trace: Trace, said: str) -> bool:
    """An unknown outcome fits everything, and so does a probe that could not be sent.

    Silence fits a rejection by ICMP: every box limits the errors that it sends (RFC 1812, 4.3.2.8), and
    redirects use up the same allowance.
    """
    if said == "timeout" and trace.outcome is Outcome.REJECTED:
        return not is_by_reset(trace)
    return said not in KNOWN or said in EXPECTED[trace.outcome]


def is_by_reset(trace: Trace) -> bool:
    """A closed TCP port answers with a reset, which nothing limits."""
    cause = trace.cause
    return cause is not None and cause.kind == "socket" and trace.target.protocol == "tcp"
