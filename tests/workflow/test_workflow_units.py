"""The workflow's own decisions: what agrees, from where to probe, when to go back, which code to end with."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.diagnosis.tracer import Tracer
from homelab.errors import ConflictError, InventoryError, OperationError, UsageError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.finding import Case, Judgement, NetworkName
from homelab.model.inventory import Egress, Ingress, Inventory, Pool
from homelab.model.place import HOST, ROUTER, Place, guest, netns
from homelab.model.plan import Applied, Execution
from homelab.model.proof import Sender
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Outcome, Target, Trace
from homelab.report.documents import applied_document, plan_document
from homelab.report.paint import Paint
from homelab.report.plan_text import applied_text, foresight_text, plan_text
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import carrying, change, foresight, hands
from homelab.workflow.agreement import EXPECTED, KNOWN, agrees
from homelab.workflow.check import check
from homelab.workflow.flows import Door
from homelab.workflow.look import Diagnosis, diagnose, exit_code
from homelab.workflow.mending import plan_fixes
from homelab.workflow.probing import compare, compare_again
from homelab.workflow.sending import probe_origin
from homelab.workflow.trace import TraceDesk
from tests.workflow.prober import Saying

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
BROKEN = load_snapshot(ROOT / "tests/recorded/broken.json")
CLIENT = netns("client")
YES = carrying.Consent(disruption=True, accident=True)
QUIET = carrying.Witness()
WEB = Target(ip_address("10.90.1.10"))


def altered(**words: object) -> Inventory:
    networks = {
        each.full_name: replace(each, **words)  # type: ignore[arg-type] # each test knows the fields
        for each in DECLARED.networks
    }
    return DECLARED.with_networks(networks)


# Model and packet -------------------------------------------------------------------------------


@given(st.sampled_from(list(Outcome)), st.sampled_from(["icmp", "tcp", "udp"]), st.text())
def test_a_packet_that_could_not_be_sent_contradicts_nothing(
    outcome: Outcome, protocol: str, said: str
) -> None:
    trace = Trace("lan", Target(WEB.address, protocol), outcome)

    assert agrees(trace, f"not possible: {said}")
    assert agrees(replace(trace, outcome=Outcome.UNKNOWN), said)
    assert all(agrees(trace, each) for each in EXPECTED[outcome])


@pytest.mark.parametrize(
    ("outcome", "said", "fits"),
    [
        (Outcome.DELIVERED, "answered", True),
        (Outcome.DELIVERED, "timeout", False),
        (Outcome.DELIVERED, "refused", False),
        (Outcome.DROPPED, "timeout", True),
        (Outcome.DROPPED, "answered", False),
        (Outcome.DROPPED, "unreachable", False),
        (Outcome.REJECTED, "refused", True),
        (Outcome.REJECTED, "unreachable", True),
        (Outcome.REJECTED, "answered", False),
        # An ICMP error may be held back by its limit.
        (Outcome.REJECTED, "timeout", True),
    ],
)
def test_what_fits_an_outcome(outcome: Outcome, said: str, *, fits: bool) -> None:
    assert agrees(Trace("lan", WEB, outcome), said) == fits
    assert said in KNOWN


@pytest.mark.parametrize(
    ("kind", "protocol", "fits"),
    [("socket", "tcp", False), ("socket", "udp", True), ("rule", "tcp", True)],
)
def test_nothing_limits_the_reset_of_a_closed_port(kind: str, protocol: str, *, fits: bool) -> None:
    cause = Cause(HOST, "forward", "socket", kind, "closed")
    trace = Trace("lan", Target(WEB.address, protocol, 81), Outcome.REJECTED, cause=cause)

    assert agrees(trace, "timeout") == fits


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("answered", "agrees"),
        ("timeout", "disagrees"),
        ("error: no permission", "not compared"),
    ],
)
def test_verify_asks_a_real_packet(said: str, verdict: str) -> None:
    prober = Saying((said,), (ROUTER,))
    desk = TraceDesk(APPLIED, Inventory())

    proof = desk.verify(desk.trace("netns:router", "10.90.1.10"), prober)

    assert (proof.said, proof.verdict, proof.answers) == (said, verdict, (said,) * 3)
    assert prober.asked == [Sender(ROUTER)]


@pytest.mark.parametrize(
    ("origin", "to", "why"),
    [
        ("nowhere", "10.90.1.10", "no such place"),
        ("lan", "nobody", "neither an address"),
        ("packet:nope:10.0.0.1", "10.90.1.10", "the host has no link nope"),
    ],
)
def test_a_question_that_cannot_be_understood(origin: str, to: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        TraceDesk(APPLIED, DECLARED).trace(origin, to)


def test_each_contradiction_is_a_finding_of_its_own() -> None:
    healthy = diagnose(replace(DECLARED, expect=()), APPLIED)

    same = compare(healthy, Saying(("answered",), (CLIENT,)))
    other = compare(healthy, Saying(("timeout",), (CLIENT,)))

    assert not same.disagree
    assert same.diagnosis.findings == healthy.findings
    assert {each.sender for each in same.proofs} == {Sender(CLIENT)}
    assert other.disagree
    new = other.diagnosis.findings[len(healthy.findings) :]
    assert {each.fault for each in new} == {"model-probe-disagreement"}
    assert len(new) == len(other.proofs)


@pytest.mark.parametrize(
    ("words", "looks", "disagree"),
    [
        (("answered",), 0, False),
        (("timeout", "timeout", "answered"), 1, False),
        (("timeout",), 1, True),
    ],
)
def test_a_contradiction_is_told_after_one_more_look_at_the_lab(
    words: tuple[str, ...], looks: int, *, disagree: bool
) -> None:
    """A container that just starts answers before, or after, it is seen."""
    healthy = diagnose(replace(DECLARED, expect=()), APPLIED)
    looked: list[Diagnosis] = []

    def look() -> Diagnosis:
        looked.append(healthy)
        return healthy

    compared = compare_again(healthy, Saying(words, (CLIENT,)), look)

    assert compared.disagree == disagree
    assert len(looked) == looks


def test_where_nothing_is_judged_no_packet_is_sent() -> None:
    nothing = diagnose(Inventory(), Snapshot())

    assert compare(nothing, Saying(("answered",))).proofs == ()
    assert exit_code(nothing) in (0, 3)


@pytest.mark.parametrize(
    ("enterable", "origin"),
    [
        ((), HOST),
        ((HOST,), HOST),
        ((HOST, ROUTER), ROUTER),
        ((ROUTER, CLIENT, HOST), CLIENT),
        ((netns("router"), netns("host"), ROUTER), ROUTER),
        ((netns("gone"), HOST), HOST),
    ],
)
def test_a_packet_is_sent_from_the_place_nearest_to_the_lan(
    enterable: tuple[Place, ...], origin: Place
) -> None:
    assert probe_origin(APPLIED, enterable) == origin


def test_without_a_host_there_is_no_client() -> None:
    assert probe_origin(Snapshot(), (CLIENT,)) == HOST


# The end of a diagnosis -------------------------------------------------------------------------


def judged(
    *, reachable: bool | None, declared: bool = True, outcome: Outcome | None = None
) -> Judgement:
    traces = (Trace("lan", WEB, outcome),) if outcome else ()
    name = NetworkName("h", "web", "apps")
    return Judgement(name, guest("web"), (), "lan", (WEB,), traces, reachable, declared=declared)


@pytest.mark.parametrize(
    ("judgement", "code"),
    [
        (judged(reachable=True, outcome=Outcome.DELIVERED), 0),
        (judged(reachable=False, outcome=Outcome.DROPPED), 1),
        (judged(reachable=None, outcome=Outcome.UNKNOWN), 3),
        # No containers: nothing to complain of.
        (judged(reachable=None), 0),
        # Closed, as the inventory declares.
        (judged(reachable=False, declared=False, outcome=Outcome.DROPPED), 0),
    ],
)
def test_the_exit_code_of_a_diagnosis(judgement: Judgement, code: int) -> None:
    assert exit_code(Diagnosis(Case(DECLARED, APPLIED, (judgement,)), ())) == code


def test_without_an_inventory_every_network_counts() -> None:
    closed = judged(reachable=False, declared=False, outcome=Outcome.DROPPED)

    assert exit_code(Diagnosis(Case(Inventory(), APPLIED, (closed,)), ())) == 1


def test_what_was_not_read_is_not_healthy() -> None:
    blind = replace(APPLIED, unread={"guest:web/docker": "Cannot connect to the Docker daemon"})

    assert exit_code(diagnose(DECLARED, blind)) in (1, 3)


def test_every_fix_that_is_run_makes_the_lab_healthy() -> None:
    system = SimulatedSystem(BROKEN)

    applied = carrying.apply(plan_fixes(diagnose(DECLARED, BROKEN)), system, None, YES, QUIET)

    assert (applied.execution.failure, applied.rollback) == (None, None)
    assert exit_code(diagnose(DECLARED, system.read())) == 0


def test_a_fix_that_fails_is_taken_back() -> None:
    planned = plan_fixes(diagnose(DECLARED, BROKEN))
    last = planned.plan.operations()[-1]
    system = SimulatedSystem(BROKEN, breaks_on=type(last))

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert applied.execution.failure is not None
    assert applied.residue == ()
    assert diagnose(DECLARED, system.read()).findings == diagnose(DECLARED, BROKEN).findings


def test_a_fix_that_does_not_hold_is_taken_back() -> None:
    planned = plan_fixes(diagnose(DECLARED, BROKEN))
    system = Stubborn(BROKEN, 0)

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert applied.remaining.changes == planned.plan.changes
    assert applied.rollback is not None
    assert plan_text(planned.plan, BROKEN, Paint()).endswith(f"{len(planned.plan.changes)} to mend")
    document = plan_document(planned.plan, BROKEN, ())
    assert {each["action"] for each in document["changes"]} == {"mend"}


# Check ------------------------------------------------------------------------------------------


def test_check_finds_overlaps_and_exhausted_pools() -> None:
    (subnet,) = DECLARED.networks[0].subnets
    twice = altered(subnets=(subnet,))
    assert [each for each in check(twice) if each.severity == "error"]
    assert not [each for each in check(DECLARED) if each.severity == "error"]
    small = replace(
        altered(subnets=(), auto={4: "containers"}), pools=(Pool("containers", subnet, 24),)
    )
    with pytest.raises(InventoryError, match="containers"):
        check(small)


# Apply ------------------------------------------------------------------------------------------


class Stubborn(SimulatedSystem):
    """Says that it did what it was told, and does not; ``limit`` operations go through."""

    def __init__(self, snapshot: Snapshot, limit: int) -> None:
        super().__init__(snapshot)
        self.limit = limit

    def run(self, operation: op.Operation) -> None:
        self.limit -= 1
        if self.limit >= 0:
            super().run(operation)


class Interrupted(SimulatedSystem):
    """A signal comes at the n-th operation."""

    def __init__(self, snapshot: Snapshot, at: int) -> None:
        super().__init__(snapshot)
        self.at = at

    def run(self, operation: op.Operation) -> None:
        self.at -= 1
        if self.at == 0:
            raise KeyboardInterrupt
        super().run(operation)


class Jammed(SimulatedSystem):
    """The n-th operation fails, and so does everything after it."""

    def __init__(self, snapshot: Snapshot, at: int) -> None:
        super().__init__(snapshot)
        self.at = at

    def run(self, operation: op.Operation) -> None:
        self.at -= 1
        if self.at <= 0:
            raise OperationError(f"{operation.place}: jammed")
        super().run(operation)


MASQUERADE = altered(egress=Egress.MASQUERADE)


def applied_by(system: SimulatedSystem) -> Applied:
    return carrying.apply(change.plan(change.Goal(MASQUERADE), APPLIED), system, None, YES, QUIET)


def test_a_lab_that_does_not_take_the_change_is_put_back() -> None:
    applied = applied_by(Stubborn(APPLIED, 0))

    assert applied.execution.failure is None
    assert applied.remaining
    assert applied.rollback is not None
    assert "after the change this still differs" in applied_text(applied, Paint())
    assert applied_document(applied, APPLIED, "rolled back")["rollback"]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupted_apply_is_rolled_back(at: int) -> None:
    system = Interrupted(APPLIED, at)
    applied = applied_by(system)

    assert applied.execution.failure == hands.INTERRUPTED
    assert applied.residue == ()
    assert not change.plan(change.Goal(DECLARED), system.read()).plan


def test_what_remains_after_a_rollback_that_fails_is_listed() -> None:
    applied = applied_by(Jammed(APPLIED, 4))

    assert applied.execution.failure is not None
    assert applied.rollback is not None
    assert applied.residue
    said = applied_text(applied, Paint())
    assert "not rolled back completely; what remains:" in said
    assert "jammed" in said
    assert applied_document(applied, APPLIED, "not rolled back completely")["residue"]


def test_nothing_to_do_is_done() -> None:
    planned = change.plan(change.Goal(DECLARED), APPLIED)

    assert planned.plan.changes == ()
    assert "nothing to change" in applied_text(Applied(planned.plan, Execution(())), Paint())


def test_only_some_guests() -> None:
    full = change.plan(change.Goal(MASQUERADE), APPLIED).plan
    some = change.plan(change.Goal(MASQUERADE, frozenset({"web"})), APPLIED).plan
    none = change.plan(change.Goal(MASQUERADE, frozenset({"nobody"})), APPLIED).plan

    assert 0 < len(some.changes) < len(full.changes)
    assert all(each in full.changes for each in some.changes)
    assert len(none.changes) < len(some.changes)


def test_what_the_plan_cuts_off_is_named_unless_it_is_meant() -> None:
    name = NetworkName("h", "web", "apps")
    before = judged(reachable=True)
    planned = change.plan(change.Goal(DECLARED), APPLIED)
    lost = replace(planned, before=(before,), after=(replace(before, reachable=False),))

    assert name == before.name
    assert foresight.cut_off(lost) == ("web/apps",)
    assert foresight.cut_off(replace(lost, after=(before,))) == ()
    assert foresight.cut_off(replace(lost, inventory=altered(ingress=Ingress.NONE))) == ()
    assert foresight.cut_off(replace(lost, goal=change.Goal(DECLARED, removal=True))) == ()
    text = foresight_text(lost.before, lost.after, Paint())
    assert "yes → no" in text


def test_no_flow_is_watched_when_all_shall_go() -> None:
    asked: list[Place] = []

    def probe(place: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        asked.append(place)
        return ("answered",) * len(targets)

    planned = change.plan(change.Goal(DECLARED, removal=True), APPLIED)
    applied = carrying.apply(planned, SimulatedSystem(APPLIED), Door(HOST, probe), YES, QUIET)

    assert applied.lost == ()
    assert applied.rollback is None
    assert asked == []


def test_the_uplink_of_the_inventory_is_the_way_in() -> None:
    desk = TraceDesk(BROKEN, DECLARED)

    assert desk.trace("lan", "web/front:80").ok
    assert Tracer(BROKEN, "eth0").trace("lan", WEB).ok


class Forgetful(SimulatedSystem):
    """What the first operation made is lost once, as a restart loses what only the kernel held."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        self.first = True

    def run(self, operation: op.Operation) -> None:
        if self.first:
            self.first = False
            return
        super().run(operation)


def test_what_a_restart_lost_is_made_again() -> None:
    declared = altered(ingress=Ingress.NONE)
    system = Forgetful(APPLIED)
    planned = change.plan(change.Goal(declared), APPLIED)
    assert not planned.plan.disruptions()

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert applied.rollback is None
    assert len(applied.execution.done) > len(planned.plan.operations())
    assert not change.plan(change.Goal(declared), system.read()).plan


def test_a_subnet_that_something_else_has_is_in_the_way() -> None:
    planned = change.plan(change.Goal(altered(subnets=(ip_network("10.77.0.0/24"),))), APPLIED)

    assert any("lab.yaml:" in each and "overlaps" in each for each in planned.obstacles)
    with pytest.raises(ConflictError, match="overlaps"):
        change.refuse_obstacles(planned)
