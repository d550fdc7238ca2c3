"""History, rollback and confirm where nothing has to be changed."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.cli import run
from homelab.load import journal as texts
from homelab.model.inventory import Inventory
from homelab.model.revision import Ending, Intent, Outcome
from homelab.model.snapshot import Snapshot
from homelab.system.journal import Journal

Captured = pytest.CaptureFixture[str]
INTENT = Intent(1, "apply", "root from 10.0.0.9", 0.0, "abcdef0123", ("+ host route 10.90.1.0/24",))
EMPTY = Snapshot(host="nuc")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("HOMELAB_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return Journal()


def begun(journal: Journal, intent: Intent = INTENT) -> None:
    journal.folder.mkdir(exist_ok=True)
    journal.begin(texts.opening(intent, EMPTY, Inventory()))


def ended(journal: Journal, outcome: Outcome = Outcome.APPLIED, failure: str = "") -> None:
    begun(journal)
    journal.write(texts.AFTER, texts.dump_snapshot(EMPTY))
    journal.write(
        texts.ENDING, texts.dump_ending(Ending(outcome, 2.0, "3 of 3 flows kept", failure))
    )
    journal.end(1)


def test_a_lab_without_a_history(journal: Journal, capsys: Captured) -> None:
    assert run(["history"]) == 0
    assert run(["rollback"]) == 0
    assert run(["rollback", "3"]) == 2
    assert run(["confirm"]) == 1

    said = capsys.readouterr()
    assert said.out == "no history: nothing was applied yet\nnothing is pending\n"
    assert "there is nothing to go back to" in said.err
    assert "nothing waits to be confirmed" in said.err
    assert journal.numbers() == ()


def test_what_was_applied_is_listed(journal: Journal, capsys: Captured) -> None:
    ended(journal, Outcome.ROLLED_BACK, "the disk is full")

    assert run(["history"]) == 0
    text = capsys.readouterr().out
    assert run(["history", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["revisions"]

    for word in (
        "   1  1970-01-01T00:00:00Z  apply",
        "rolled back",
        "root from 10.0.0.9",
        "abcdef01",
    ):
        assert word in text
    assert "+ host route 10.90.1.0/24" in text
    assert "because: the disk is full" in text
    assert (row["revision"], row["outcome"], row["ended"]) == (
        1,
        "rolled back",
        "1970-01-01T00:00:02Z",
    )


def test_what_is_pending_is_said(journal: Journal, capsys: Captured) -> None:
    begun(journal)
    assert run(["history"]) == 0
    assert (
        "under way or cut short after 0 operations: `homelab rollback`" in capsys.readouterr().out
    )

    journal.forget()
    begun(journal, replace(INTENT, confirm_by=60.0))
    journal.write(texts.APPLIED, "")
    assert run(["history"]) == 0
    assert "waits for `homelab confirm` until 1970-01-01T00:01:00Z" in capsys.readouterr().out
    assert run(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pending"] == {"revision": 1, "waits": True}


def test_only_a_revision_that_is_kept(journal: Journal, capsys: Captured) -> None:
    ended(journal)

    assert run(["rollback", "9"]) == 2
    assert "revision 9 is not kept; 0 to 1 are" in capsys.readouterr().err
    assert run(["rollback"]) == 0
    assert "to go back to before the last change: `homelab rollback 0`" in capsys.readouterr().out


def test_a_change_that_only_misses_its_last_rename_has_ended(
    journal: Journal, capsys: Captured
) -> None:
    begun(journal)
    journal.write(texts.AFTER, texts.dump_snapshot(EMPTY))
    journal.write(texts.ENDING, texts.dump_ending(Ending(Outcome.APPLIED, 2.0)))

    assert run(["rollback"]) == 0
    assert "nothing is pending" in capsys.readouterr().out
    assert (journal.is_pending(), journal.numbers()) == (False, (1,))


def test_the_old_connection_cannot_confirm(
    journal: Journal, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = "10.0.0.9 40000 10.0.0.2 22"
    begun(journal, replace(INTENT, confirm_by=time.time() + 60, session=session))
    journal.write(texts.APPLIED, "")
    monkeypatch.setenv("SSH_CONNECTION", session)

    assert run(["confirm"]) == 1
    assert "open a new one and type `homelab confirm` there" in capsys.readouterr().err
    assert journal.is_pending()


def test_another_change_waits_for_the_confirmation(journal: Journal, capsys: Captured) -> None:
    begun(journal, replace(INTENT, confirm_by=time.time() + 60))
    journal.write(texts.APPLIED, "")

    assert run(["destroy", "--yes"]) == 1
    assert "confirm it, or `homelab rollback`, first" in capsys.readouterr().err


def test_a_watchdog_of_a_change_that_has_ended_ends(journal: Journal) -> None:
    assert run(["rollback", "--unconfirmed", "1"]) == 0
    begun(journal)
    assert run(["rollback", "--unconfirmed", "2"]) == 0
    assert journal.is_pending()


def test_a_damaged_journal_is_named(journal: Journal, capsys: Captured) -> None:
    begun(journal)
    journal.write(texts.INTENT, "{}")

    assert run(["history"]) == 1
    assert "intent.json" in capsys.readouterr().err
