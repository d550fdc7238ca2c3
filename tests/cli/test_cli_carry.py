"""A change under the journal, on a simulated lab: fixes, signals, and what is told of them."""

import io
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import cast

import pytest

from homelab.cli.carry import Terms, carry_out, forget_unless_begun
from homelab.cli.change import code_of, show_applied
from homelab.cli.common import is_asked_by_a_person
from homelab.cli.diagnose import _carried_out
from homelab.cli.interrupts import interruptible
from homelab.errors import OperationError
from homelab.load import journal as texts
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.agent import Change, End
from homelab.model.inventory import Inventory
from homelab.model.place import Place
from homelab.model.revision import Intent
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from homelab.system import watchdog
from homelab.system.journal import Journal
from homelab.system.live import LiveSystem
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import carrying, change, hands
from homelab.workflow.look import diagnose, exit_code
from homelab.workflow.mending import plan_fixes

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
DECLARED = load_inventory(ROOT / "inventory")
BROKEN = load_snapshot(ROOT / "tests/recorded/broken.json")
APPLIED = load_snapshot(ROOT / "tests/recorded/applied.json")
YES = carrying.Consent(disruption=True, accident=True)


class Lab(SimulatedSystem):
    """What a change needs of a live lab; packets meet ``word``."""

    inventory = Inventory()
    word = "answered"
    one_at_a_time = Lock()
    told: list[str]

    def run_batch(self, operations: Sequence[op.Operation]) -> None:
        for each in operations:
            with self.one_at_a_time:
                self.run(each)

    def enterable(self) -> tuple[Place, ...]:
        return ()

    def probe(self, _: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        return (self.word,) * len(targets)

    def begin(self, change: Change) -> None:
        self.told = [change.command]

    def finish(self, end: End) -> None:
        self.told.append(end.value)

    def close(self) -> None:
        self.told.append("close")


class Signalled(Lab):
    """A signal arrives while the first route is made."""

    def run(self, operation: op.Operation) -> None:
        super().run(operation)
        if isinstance(operation, op.DeleteRoute):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return Journal()


def live(lab: Lab) -> LiveSystem:
    return cast("LiveSystem", lab)


def test_a_fix_is_a_revision_like_any_other(journal: Journal, capsys: Captured) -> None:
    lab = Lab(BROKEN)
    planned = plan_fixes(diagnose(DECLARED, BROKEN))

    assert _carried_out(journal, planned, live(lab), no_probe=False) == 0

    assert exit_code(diagnose(DECLARED, lab.read())) == 0
    said = capsys.readouterr().err
    assert "! fix " in said
    assert "done: " in said
    revision = texts.parse_revision(journal.read(1))
    assert revision.intent.command == "diagnose --fix"
    assert len(revision.intent.changes) == len(planned.plan.changes)
    assert not journal.is_pending()
    assert lab.told == ["diagnose --fix", "keep"]


def test_a_fix_that_fails_is_taken_back_and_told(journal: Journal, capsys: Captured) -> None:
    planned = plan_fixes(diagnose(DECLARED, BROKEN))
    last = planned.plan.operations()[-1]

    lab = Lab(BROKEN, type(last))
    code = _carried_out(journal, planned, live(lab), no_probe=True)

    assert code == 5
    assert lab.told == ["diagnose --fix", "take back"]
    assert "rolled back: the lab is as before" in capsys.readouterr().err
    assert texts.parse_revision(journal.read(1)).ending.failure


def test_flows_that_work_are_in_the_journal_before_anything_is_changed(journal: Journal) -> None:
    written: list[int] = []

    class Watching(Lab):
        def run(self, operation: op.Operation) -> None:
            pending = texts.parse_pending(journal.read())
            assert pending is not None
            written.append(len(pending.flows))
            super().run(operation)

    planned = change.plan(change.Goal(DECLARED), bare())
    applied = carry_out(journal, planned, live(Watching(bare())), Terms("apply", None, YES))

    assert applied.rollback is None
    assert set(written) == {applied.kept}


def bare() -> Snapshot:
    system = SimulatedSystem(APPLIED)
    for each in change.plan(change.Goal(DECLARED, removal=True), APPLIED).plan.operations():
        system.run(each)
    return system.read()


def test_a_signal_takes_the_change_back_and_says_so(journal: Journal, capsys: Captured) -> None:
    planned = change.plan(change.Goal(DECLARED, removal=True), APPLIED)
    lab = Signalled(APPLIED)

    applied = carry_out(journal, planned, live(lab), Terms("destroy", None, YES))

    assert applied.execution.failure == hands.INTERRUPTED
    assert code_of(applied) == 130
    assert (applied.residue, len(applied.fates) > 0) == ((), True)
    assert "interrupted: taking back" in capsys.readouterr().err
    show_applied(applied, planned, as_document=False)
    told = capsys.readouterr().out
    assert "rolled back: the lab is as before" in told
    assert "restored: " in told
    show_applied(applied, planned, as_document=True)
    objects = json.loads(capsys.readouterr().out)["objects"]
    assert {each["result"] for each in objects} == {"restored"}


def test_a_second_signal_does_not_end_the_way_back(capsys: Captured) -> None:
    ends, before = 0, signal.getsignal(signal.SIGINT)
    with interruptible("going back"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            ends += 1

    assert ends == 1
    assert capsys.readouterr().err == "going back\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_no_flow_is_probed_when_none_shall_be(journal: Journal) -> None:
    planned = change.plan(change.Goal(DECLARED), bare())

    applied = carry_out(journal, planned, live(Lab(bare())), Terms("apply", None, YES, probes=0))

    assert (applied.kept, applied.fresh) == (0, 0)


def test_what_is_new_and_silent_is_told_and_stays(journal: Journal, capsys: Captured) -> None:
    system = SimulatedSystem(APPLIED)
    for each in change.plan(change.Goal(DECLARED, removal=True), APPLIED).plan.operations():
        if isinstance(each, op.DeleteRoute):
            system.run(each)
    lab = Lab(system.read())
    lab.word = "timeout"
    planned = change.plan(change.Goal(DECLARED), system.read())

    applied = carry_out(journal, planned, live(lab), Terms("apply", None, YES))

    assert applied.rollback is None
    assert applied.kept == 0
    assert applied.fresh == len(applied.silent) > 0
    show_applied(applied, planned, as_document=False)
    said = capsys.readouterr().out
    assert f"0 of {applied.fresh} new ones answer" in said
    assert "silent: " in said


def test_a_change_that_fails_before_its_first_operation_is_none(journal: Journal) -> None:
    planned = change.plan(change.Goal(DECLARED), bare())
    intent = Intent(1, "apply", "root", 0.0, "", ())
    opening = texts.opening(intent, planned.snapshot, Inventory())
    journal.folder.mkdir()

    journal.begin(opening)
    forget_unless_begun(journal)
    assert not journal.is_pending()

    journal.begin(opening)
    journal.add(texts.STEPS, texts.dump_step(planned.plan.operations()[0]))
    forget_unless_begun(journal)
    assert journal.is_pending()


def test_a_watchdog_that_cannot_write_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match=r"the watchdog does not start: .*Is a directory"):
        watchdog._as_orphan(["true"], tmp_path)


def test_no_standard_input_is_no_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert not is_asked_by_a_person()
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdin", closed)
    assert not is_asked_by_a_person()
