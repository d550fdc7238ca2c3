"""Laws of plan, apply and destroy, on the recorded lab simulated."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest

from homelab.diagnosis.judge import judge
from homelab.diagnosis.tracer import Tracer
from homelab.errors import ConflictError, UnsafePlanError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.inventory import Allow, Egress, Ingress, Inventory
from homelab.model.place import HOST, Place
from homelab.model.plan import FateKind
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from homelab.report.documents import applied_document
from homelab.report.paint import Paint
from homelab.report.plan_text import applied_text, foresight_text, plan_text
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import carrying, change, foresight
from homelab.workflow.check import check
from homelab.workflow.flows import PATIENT, Door
from homelab.workflow.look import diagnose, exit_code
from homelab.workflow.mending import plan_fixes
from homelab.workflow.probing import compare
from homelab.workflow.sending import probe_origin
from tests.workflow.prober import Saying

ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
BROKEN = load_snapshot(ROOT / "tests/recorded/broken.json")
BEFORE = load_snapshot(ROOT / "tests/recorded/before.json")
YES = carrying.Consent(disruption=True, accident=True)
QUIET = carrying.Witness()


def destroyed() -> Snapshot:
    """The lab without us."""
    system = SimulatedSystem(APPLIED)
    goal = change.Goal(DECLARED, removal=True)
    carrying.apply(change.plan(goal, APPLIED), system, None, YES, QUIET)
    return with_profile(system.read())


def with_profile(snapshot: Snapshot) -> Snapshot:
    """A snapshot has no profiles, so the simulation cannot know what a removed override uncovers."""
    runtime = snapshot.runtime
    assert runtime is not None
    nic = {"name": "eth0", "network": "lxdbr0", "type": "nic"}
    instances = tuple(
        replace(each, expanded_devices={"eth0": nic, **each.expanded_devices})
        for each in runtime.instances
    )
    return replace(snapshot, runtime=replace(runtime, instances=instances))


def altered(**words: object) -> Inventory:
    networks = {
        each.full_name: replace(each, **words)  # type: ignore[arg-type] # each test knows the fields
        for each in DECLARED.networks
    }
    return DECLARED.with_networks(networks)


VARIANTS = {
    "as it is": DECLARED,
    "masquerade": altered(egress=Egress.MASQUERADE),
    "nobody": altered(ingress=Ingress.NONE),
    "a list": altered(
        ingress=Ingress.LIST,
        allow=(Allow((DECLARED.networks[0].subnets[0],)),),
    ),
    "one guest less": replace(DECLARED, guests=DECLARED.guests[:2]),
}


@pytest.mark.parametrize("declared", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("start", [APPLIED, BROKEN, "destroyed"], ids=["applied", "broken", "new"])
def test_apply_converges_and_is_then_idle(declared: Inventory, start: Snapshot | str) -> None:
    snapshot = destroyed() if isinstance(start, str) else start
    system = SimulatedSystem(snapshot)
    planned = foresight.foresee(change.plan(change.Goal(declared), snapshot))
    assert planned.obstacles == ()

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert applied.execution.failure is None
    assert not applied.remaining
    assert not change.plan(change.Goal(declared), system.read()).plan


def test_destroy_leaves_nothing_of_ours_and_a_second_one_has_nothing_to_do() -> None:
    bare = destroyed()

    assert not change.plan(change.Goal(DECLARED, removal=True), bare).plan
    host = bare.namespaces[HOST]
    assert not [each for each in host.routes if each.protocol == "201"]
    assert all(
        "HOMELAB" not in each.text
        for here in bare.namespaces.values()
        for each in here.rulesets
        if each.tool.startswith("ip")
    )


@pytest.mark.parametrize(
    "breaks_on", [op.AddRoute, op.CreateDockerNetwork, op.AddFilterRule, op.SetInstanceConfig]
)
def test_a_failed_apply_leaves_the_lab_as_it_was(breaks_on: type[op.Operation]) -> None:
    bare = destroyed()
    system = SimulatedSystem(bare, breaks_on=breaks_on)
    planned = change.plan(change.Goal(DECLARED), bare)

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert applied.execution.failure
    assert applied.rollback is not None
    assert applied.residue == ()
    assert "rolled back: the lab is as before" in applied_text(applied, Paint())
    assert applied_document(applied, bare, "rolled back")["failure"]
    again = change.plan(change.Goal(DECLARED), with_profile(system.read())).plan
    assert again.changes == planned.plan.changes


def test_a_flow_that_is_lost_takes_the_change_back() -> None:
    answers = chain(["answered"], repeat("timeout", PATIENT), repeat("answered"))
    asked: list[int] = []

    def probe(_: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        asked.append(len(targets))
        return (next(answers),) * len(targets)

    declared = VARIANTS["masquerade"]
    planned = change.plan(change.Goal(declared), APPLIED)
    system = SimulatedSystem(APPLIED)

    applied = carrying.apply(planned, system, Door(HOST, probe), YES, QUIET)

    judged = [target for each in judge(declared, APPLIED) for target in each.targets]
    assert {each.target for each in applied.lost} == {str(each) for each in judged}
    assert asked == [len(judged)] * (PATIENT + 2)
    assert {each.kind for each in applied.fates} == {FateKind.RESTORED}
    assert "probed again: all" in applied_text(applied, Paint())
    assert (applied.residue, applied.still_lost) == ((), ())
    assert "lost: host → 10.90" in applied_text(applied, Paint())


def test_a_flow_that_the_inventory_closes_is_not_missed() -> None:
    client = next(each for each in APPLIED.namespaces if each.startswith("netns:"))
    planned = change.plan(change.Goal(VARIANTS["a list"]), APPLIED)
    asked: list[Target] = []

    def probe(_: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        asked.extend(targets)
        return ("answered",) * len(targets)

    door = Door(client, probe)
    applied = carrying.apply(planned, SimulatedSystem(APPLIED), door, YES, QUIET)

    assert (asked, applied.lost) == ([], ())


def test_what_interrupts_containers_needs_consent() -> None:
    planned = change.plan(change.Goal(VARIANTS["masquerade"]), APPLIED)

    assert "reattached at their addresses" in plan_text(planned.plan, APPLIED, Paint())
    with pytest.raises(UnsafePlanError, match="--yes"):
        carrying.apply(planned, SimulatedSystem(APPLIED), None, carrying.Consent(), QUIET)


def test_a_plan_that_cuts_off_a_working_network_is_noticed() -> None:
    only = change.Goal(
        replace(DECLARED, routers=(), hosts=tuple(replace(h, router=None) for h in DECLARED.hosts))
    )

    planned = foresight.foresee(change.plan(only, APPLIED))

    assert foresight.cut_off(planned) == ("app/apps", "db/data", "web/apps")
    assert "yes → no" in foresight_text(planned.before, planned.after, Paint())
    assert foresight.cut_off(replace(planned, goal=replace(only, removal=True))) == ()


def test_only_one_guest_is_changed_when_asked() -> None:
    bare = destroyed()

    planned = change.plan(change.Goal(DECLARED, frozenset({"web"})), bare)

    resources = {getattr(each, "new", None) for each in planned.plan.changes}
    assert {each.guest for each in resources if each is not None} == {"web"}


def test_foreign_networks_in_the_way_are_named_all_at_once() -> None:
    planned = change.plan(change.Goal(DECLARED), BEFORE)

    with pytest.raises(ConflictError, match="is not homelab's"):
        change.refuse_obstacles(planned)
    assert len(planned.obstacles) >= 3


def test_every_fix_of_a_diagnosis_mends_on_the_model() -> None:
    system = SimulatedSystem(BEFORE)
    planned = plan_fixes(diagnose(DECLARED, BEFORE))

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert (applied.execution.failure, applied.rollback) == (None, None)
    assert exit_code(diagnose(DECLARED, system.read())) == 0


def test_a_fix_that_fails_is_taken_back() -> None:
    system = SimulatedSystem(BEFORE, breaks_on=op.AddFilterRule)
    planned = plan_fixes(diagnose(DECLARED, BEFORE))

    applied = carrying.apply(planned, system, None, YES, QUIET)

    assert applied.execution.failure
    assert applied.residue == ()
    assert system.read() == BEFORE


def test_probes_beside_the_model() -> None:
    diagnosis = diagnose(replace(DECLARED, expect=()), APPLIED)
    enterable = [*APPLIED.namespaces]
    origin = probe_origin(APPLIED, enterable)
    assert origin == "netns:client"
    assert probe_origin(APPLIED, ["router", "host"]) == "router"  # type: ignore[list-item] # a Place is a str
    assert probe_origin(APPLIED, []) == HOST

    well = compare(diagnosis, Saying(("answered",), tuple(enterable)))
    ill = compare(diagnosis, Saying(("timeout",), tuple(enterable)))

    assert not well.disagree
    assert ill.disagree
    assert {each.fault for each in ill.diagnosis.findings} == {"model-probe-disagreement"}


def test_check_of_a_good_inventory_has_no_errors() -> None:
    assert not [each for each in check(DECLARED) if each.severity == "error"]


def test_a_thousand_traces_take_their_time_once() -> None:
    tracer = Tracer(APPLIED)
    target = diagnose(DECLARED, APPLIED).case.judgements[0].targets[0]

    assert {tracer.trace("lan", target).outcome.value for _ in range(200)} == {"delivered"}
