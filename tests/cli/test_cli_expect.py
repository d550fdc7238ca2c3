"""`homelab expect`, and what `diagnose` and `plan` make of expectations, on recorded labs."""

import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from homelab.cli import run
from homelab.cli.change import _refuse_cut_off
from homelab.errors import UnsafePlanError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Trial
from homelab.model.inventory import Destination, Expectation, NetworkOf
from homelab.model.trace import Outcome, Target, Trace
from homelab.report.expect_text import NONE, expect_text
from homelab.report.paint import Paint
from homelab.workflow import change, foresight

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/recorded"
APPLIED, BROKEN = (str(RECORDED / f"{each}.json") for each in ("applied", "broken"))
LAB = (ROOT / "inventory/lab.yaml").read_text().partition("expect:")[0]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return tmp_path / "lab.yaml"


def expecting(lab: Path, *entries: str, text: str = LAB) -> str:
    lab.write_text("\n  - ".join((text + "expect:", *entries)) + "\n")
    return str(lab)


def test_the_labs_own_expectations_hold(capsys: Captured) -> None:
    assert run(["expect", "-i", str(ROOT / "inventory"), "--snapshot", APPLIED]) == 0

    assert capsys.readouterr().out.endswith("\nall hold (5)\n")


def test_one_that_does_not_hold_is_shown_with_its_line_and_cause(
    lab: Path, capsys: Captured
) -> None:
    path = expecting(lab, "{from: lan, to: db/data, reason: backup}", "{from: lan, to: web/apps}")

    assert run(["expect", "-i", path, "--snapshot", BROKEN]) == 1
    said = capsys.readouterr().out

    assert "✗ lan → db/data   delivered   backup\n" in said
    assert f"    {lab}:49:5\n" in said
    assert "    10.90.7.10 is dropped: drop by ip filter DOCKER-USER" in said
    assert said.endswith("\n1 of 2 hold, 1 do not\n")


def test_one_that_cannot_be_told_is_code_3(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: lan, to: nobody}")

    assert run(["expect", "-i", path, "--snapshot", APPLIED]) == 3
    assert "nobody: no container of that name was observed" in capsys.readouterr().out


def test_nothing_expected_says_what_to_write(lab: Path, capsys: Captured) -> None:
    lab.write_text(LAB)

    assert run(["expect", "-i", str(lab), "--snapshot", APPLIED]) == 0
    assert capsys.readouterr().out == f"{NONE}\n"


def test_the_document_has_every_trace(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: lan, to: 'db/data:5432'}", "{from: lan, to: nobody}")

    assert run(["expect", "-i", path, "--snapshot", BROKEN, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    first, second = found["expectations"]

    assert found["schema"] == "homelab.expect/1"
    assert (first["from"], first["to"], first["outcome"]) == (
        "lan",
        "db/data:5432/tcp",
        "delivered",
    )
    assert (first["holds"], second["holds"]) == (False, None)
    assert first["traces"][0]["cause"]["rule"] == "-A DOCKER-USER -d 10.90.7.0/24 -j DROP"
    assert second["why"].startswith("nobody: ")


def test_without_an_inventory_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["expect", "--snapshot", APPLIED]) == 2
    assert "no inventory" in capsys.readouterr().err


def test_diagnose_finds_what_is_not_met_behind_its_cause(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: guest:app, to: db/data}")

    assert run(["-i", path, "diagnose", "--snapshot", BROKEN, "--json"]) == 1
    faults = [each["fault"] for each in json.loads(capsys.readouterr().out)["findings"]]

    assert faults == ["docker-user-drop", "expectation-not-met"]


def test_diagnose_says_what_its_fixes_would_open(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: lan, to: db/data, outcome: dropped}")

    assert run(["-i", path, "diagnose", "--snapshot", BROKEN]) == 1
    assert (
        "after the fixes that are offered, lan to db/data shall be dropped"
        in capsys.readouterr().out
    )


def test_diagnose_finds_what_is_open_and_must_not_be(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: lan, to: db/data, outcome: dropped}")

    assert run(["-i", path, "diagnose", "--snapshot", APPLIED]) == 1
    said = capsys.readouterr().out

    assert "expectation-not-met at guest:db (db/data)" in said
    assert "lan to db/data shall be dropped, and 10.90.7.1" in said


def test_diagnose_draws_the_way_of_an_expectation(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: container:db/pg, to: 'container:db/pg:81'}")

    assert run(["-i", path, "diagnose", "--snapshot", APPLIED]) == 1
    assert "container:db/pg ✗   (to 10.90.7.10:81/tcp)" in capsys.readouterr().out


def test_diagnose_does_not_know_what_an_expectation_does_not(lab: Path) -> None:
    path = expecting(lab, "{from: lan, to: nobody}")

    assert run(["-i", path, "diagnose", "--snapshot", APPLIED]) == 3


CLOSED = LAB.replace("10.90.7.0/24\n        ingress: open", "10.90.7.0/24\n        ingress: none")


def test_plan_foresees_what_will_hold(lab: Path, capsys: Captured) -> None:
    path = expecting(lab, "{from: lan, to: db/data}", "{from: lan, to: web/apps}", text=CLOSED)

    run(["-i", path, "plan", "--snapshot", APPLIED])
    said = capsys.readouterr().out

    assert "lan → db/data                    delivered holds → does not hold (10.90.7.1" in said
    assert "lan → web/apps                   delivered holds → holds\n" in said

    run(["-i", path, "plan", "--snapshot", APPLIED, "--json"])
    rows = json.loads(capsys.readouterr().out)["expectations"]
    assert [(each["now"], each["afterwards"]) for each in rows] == [(True, False), (True, True)]


def test_a_plan_that_ends_what_holds_needs_a_yes(lab: Path) -> None:
    declared = load_inventory(Path(expecting(lab, "{from: lan, to: db/data}", text=CLOSED)))
    seen = load_snapshot(Path(APPLIED))
    planned = foresight.foresee(change.plan(change.Goal(declared), seen))

    assert foresight.cut_off(planned) == ()
    with pytest.raises(UnsafePlanError, match=r"lab.yaml:49:5: lan to db/data delivered"):
        _refuse_cut_off(planned, agreed=False)
    _refuse_cut_off(planned, agreed=True)

    removal = foresight.foresee(change.plan(change.Goal(declared, removal=True), seen))
    assert foresight.spoiled(removal) == ()


def test_of_many_answers_only_some_are_shown() -> None:
    trace = Trace("lan", Target(ip_address("10.90.1.10")), Outcome.DROPPED)
    wanted = Expectation("lan", Destination(NetworkOf("web", "apps")))
    said = expect_text([Trial(wanted, (trace,) * 9, holds=False)], Paint(False))  # noqa: FBT003 - no colour

    assert said.count(" is dropped: nothing is in its way") == 4
    assert "    and 5 more\n" in said
