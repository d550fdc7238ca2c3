"""Trace: questions as the user writes them, answered on one snapshot, and checked by a real packet."""

from dataclasses import replace

from homelab.diagnosis.target import parse_target
from homelab.diagnosis.tracer import Tracer
from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.model.proof import Proof
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Trace
from homelab.workflow import second_witness
from homelab.workflow.probing import AGAIN, PATIENCE, Prober, draft, prove
from homelab.workflow.sending import sender


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

    def verify(self, trace: Trace, prober: Prober) -> Proof:
        """What real packets from the same vantage meet, with the counters of their way."""
        origin, target = trace.origin, trace.target
        family, places = target.address.version, prober.enterable()
        found = sender(origin, family, self._tracer, self.snapshot, places)
        (proof,) = prove([draft(origin, found, target, self._tracer)], prober)
        return proof

    def watch(self, proof: Proof, prober: Prober) -> Proof:
        """The proof with the second witness: the same packets once more, traced by nft."""
        wanted = second_witness.watch(proof, self.snapshot, AGAIN)
        if wanted is None:
            return proof
        told = second_witness.tell(proof.trace, prober.watch(wanted, PATIENCE))
        differs = told.verdict == "differs"
        return replace(proof, told=told, verdict="disagrees" if differs else proof.verdict)
