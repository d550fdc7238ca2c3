"""Trace: questions as the user writes them, answered on one snapshot, and checked by a real packet."""

from homelab.diagnosis.target import parse_target
from homelab.diagnosis.tracer import Tracer
from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.model.place import Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Trace
from homelab.workflow.agreement import agrees
from homelab.workflow.look import Probe


class TraceDesk:
    """Answers many questions about one snapshot; what was compiled for one serves the next."""

    def __init__(self, snapshot: Snapshot, inventory: Inventory) -> None:
        self.snapshot = snapshot
        uplink = next((each.uplink for each in inventory.hosts if each.uplink), None)
        self._tracer = Tracer(snapshot, uplink)

    def trace(self, origin: str, to: str) -> Trace:
        """Raises ``UsageError`` for a vantage or a target that cannot be understood."""
        target = parse_target(to, self.snapshot)
        if isinstance(target, str):
            raise UsageError(target)
        problem = self._tracer.problem(origin, target)
        if problem is not None:
            raise UsageError(problem)
        return self._tracer.trace(origin, target)


def verify(trace: Trace, snapshot: Snapshot, probe: Probe) -> dict[str, str]:
    """What a real packet from the same place met: ``said`` and whether it agrees with the model."""
    place = snapshot.resolve(Place(trace.origin))
    said = probe(place, [trace.target])[0] if place in snapshot.namespaces else "not possible"
    return {"said": said, "verdict": _verdict(trace, said)}


def _verdict(trace: Trace, said: str) -> str:
    if said.startswith(("not possible", "error")):
        return "not compared: no packet can be sent from there"
    return "agrees" if agrees(trace, said) else "disagrees"
