"""Guests of the matrix as they were kept: what was observed, and what every real packet met."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from homelab.diagnosis.target import parse_target
from homelab.diagnosis.tracer import Tracer
from homelab.load.snapshot import parse_snapshot
from homelab.model.place import Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Outcome, Target, Trace
from homelab.workflow.agreement import EXPECTED, KNOWN

FOLDER = Path(__file__).parent / "captures/matrix"


@dataclass(frozen=True)
class Kept:
    name: str
    snapshot: Snapshot
    measured: tuple[tuple[Place, Target, str], ...]

    def traced(self) -> Iterator[tuple[Trace, str]]:
        """Each flow as the model has it, and what its packet met."""
        tracer = Tracer(self.snapshot)
        for place, target, said in self.measured:
            yield tracer.trace(place, target), said


def load(path: Path) -> Kept:
    document = json.loads(gzip.decompress(path.read_bytes()))
    snapshot = parse_snapshot(json.dumps(document["snapshot"]).encode(), path.name)
    measured = [
        (Place(place), target, said)
        for place, to, said in document["measured"]
        if isinstance(target := parse_target(to, snapshot), Target)
    ]
    return Kept(path.name.removesuffix(".json.gz"), snapshot, tuple(measured))


def fits(trace: Trace, said: str) -> bool:
    """Strict, since every server of the matrix answers, and nobody limits the errors of his rules.

    The kernel limits what it says of a missing route all the same (ip_error in net/ipv4/route.c).
    """
    cause = trace.cause
    if trace.outcome is Outcome.REJECTED and cause is not None and cause.kind == "route":
        return said != "answered"
    return said not in KNOWN or said in EXPECTED[trace.outcome]


def shown(cause: Cause | None) -> str:
    """Where it ended and why, without the packet's own addresses: alike ones count as one."""
    return f"{cause.at} {cause.stage} {cause.rule or cause.key}" if cause else "-"


def line(trace: Trace, said: str) -> str:
    why = f"{trace.cause.direction}: {trace.cause.text}" if trace.cause else "-"
    return f"{trace.origin} to {trace.target}: {trace.outcome.value}, really {said}: {why}"
