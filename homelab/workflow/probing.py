"""Model and packet side by side: what real probes say of the flows that a diagnosis judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from homelab.checks import model_probe_disagreement
from homelab.diagnosis.tracer import Tracer
from homelab.model.place import Place
from homelab.model.trace import Target
from homelab.workflow.agreement import agrees
from homelab.workflow.look import Diagnosis, Probe, probe_origin


@dataclass(frozen=True, slots=True)
class Compared:
    """A diagnosis with what the probes said; ``disagree`` when one of them contradicts the model."""

    diagnosis: Diagnosis
    probes: tuple[dict[str, str], ...] = ()
    disagree: bool = False


def compare(diagnosis: Diagnosis, probe: Probe, enterable: Sequence[Place]) -> Compared:
    """Send one packet to every judged target; each contradiction becomes a finding of its own."""
    case = diagnosis.case
    targets: tuple[Target, ...] = tuple(
        dict.fromkeys(target for each in case.judgements for target in each.targets)
    )
    if not targets:
        return Compared(diagnosis)
    origin = probe_origin(case.snapshot, enterable)
    tracer = Tracer(case.snapshot)
    rows, findings = [], list(diagnosis.findings)
    for target, said in zip(targets, probe(origin, targets), strict=True):
        trace = tracer.trace(origin, target)
        agreed = agrees(trace, said)
        rows.append({"from": origin, "to": str(target), "model": trace.outcome.value, "said": said})
        if not agreed:
            findings.append(model_probe_disagreement.finding(trace, said))
    disagree = len(findings) > len(diagnosis.findings)
    return Compared(replace(diagnosis, findings=tuple(findings)), tuple(rows), disagree)
