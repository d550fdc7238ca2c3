"""The commands on the recorded lab: what they print, and the exit codes of the contract."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.cli import run
from homelab.cli.group import COMMANDS

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/recorded"
BEFORE, APPLIED, BROKEN = (
    str(RECORDED / f"{each}.json") for each in ("before", "applied", "broken")
)
INVENTORY = str(ROOT / "inventory")
CODES = {0, 1, 2, 3, 4, 5, 6, 130}
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: Captured) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage: homelab" in capsys.readouterr().out


def test_help_lists_every_command(capsys: Captured) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert [each for each in COMMANDS if f"  {each} " not in said] == []
    assert run(["--version"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["trace", "lan"],
        ["trace", "--snapshot", APPLIED, "nowhere", "10.90.1.10"],
        ["trace", "--snapshot", APPLIED, "lan", "no-such-container"],
        ["trace", "--snapshot", APPLIED, "lan", "10.90.1.10:99999"],
        ["diagnose", "--snapshot", "/nonexistent.json"],
        ["diagnose", "--snapshot", APPLIED, "--fix"],
        ["explain", "no-such-fault"],
        ["-i", "/nonexistent", "check"],
        ["check", "-i", "/nonexistent"],
        ["snapshot", "--snapshot", APPLIED, "-o", "/nonexistent/folder/file"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_understood_is_usage(words: list[str], capsys: Captured) -> None:
    assert run(words) == 2
    said = capsys.readouterr()
    assert said.err
    assert "bug" not in said.err


def test_a_healthy_lab_is_zero(capsys: Captured) -> None:
    assert run(["-i", INVENTORY, "diagnose", "--snapshot", APPLIED]) == 0
    assert capsys.readouterr().out.count("reachable from lan") == 3


def test_a_broken_network_is_one_and_names_the_rule(capsys: Captured) -> None:
    assert run(["-i", INVENTORY, "diagnose", "--snapshot", BROKEN]) == 1
    out = capsys.readouterr().out
    assert "docker-user-drop at guest:db" in out
    assert "-A DOCKER-USER -d 10.90.7.0/24 -j DROP" in out


def test_three_faults_on_one_path_are_all_named(capsys: Captured) -> None:
    assert run(["-i", INVENTORY, "diagnose", "--snapshot", BEFORE, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    found = {(each["fault"], each["at"]) for each in document["findings"]}
    assert {
        ("router-no-route", "router"),
        ("host-no-route", "host"),
        ("guest-forward-policy-drop", "guest:db"),
        ("docker-direct-access-drop", "guest:app"),
    } <= found
    errors = [each for each in document["findings"] if each["severity"] == "error"]
    assert all(each["fix"]["verified_on_model"] for each in errors)


def test_the_same_snapshot_gives_the_same_bytes(capsys: Captured) -> None:
    words = ["-i", INVENTORY, "diagnose", "--snapshot", BEFORE, "--json"]
    run(words)
    first = capsys.readouterr().out
    run(words)
    assert capsys.readouterr().out == first


def test_without_an_inventory_every_docker_network_is_judged(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["diagnose", "--snapshot", BROKEN, "--json"]) == 1
    networks = json.loads(capsys.readouterr().out)["networks"]
    assert [each["network"] for each in networks] == ["apps", "data", "apps"]


@pytest.mark.parametrize(
    ("words", "code", "outcome"),
    [
        (["lan", "10.90.1.10"], 0, "delivered"),
        (["lan", "front"], 0, "delivered"),
        (["router", "web/front:80"], 0, "delivered"),
        (["host", "10.90.1.10:81"], 1, "rejected"),
        (["lan", "10.90.7.10"], 1, "dropped"),
        (["lan", "10.90.7.10:5432/tcp"], 1, "dropped"),
        (["netns:client", "10.90.3.10"], 0, "delivered"),
        (["container:web/front", "10.0.0.100"], 0, "delivered"),
        (["guest:web", "10.90.3.10:80"], 0, "delivered"),
        (["packet:eth0:10.0.0.77", "10.90.1.11:8080"], 0, "delivered"),
        (["packet:eth0:10.0.0.77", "10.90.1.11:53/udp"], 1, "rejected"),
    ],
    ids=str,
)
def test_a_trace_from_every_kind_of_place(
    words: list[str], code: int, outcome: str, capsys: Captured
) -> None:
    assert run(["trace", *words, "--snapshot", BROKEN, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["outcome"] == outcome
    assert run(["trace", *words, "--snapshot", BROKEN]) == code
    assert outcome in capsys.readouterr().out


def test_a_batch_answers_line_by_line_and_goes_on_after_a_bad_question(
    tmp_path: Path, capsys: Captured
) -> None:
    batch = tmp_path / "batch"
    questions = [
        {"from": "lan", "to": "10.90.1.10"},
        {"from": "nowhere", "to": "10.90.1.10"},
        {"from": "lan", "to": "10.90.7.10"},
    ]
    batch.write_text("\n".join(map(json.dumps, questions)) + "\n\n")

    code = run(["trace", "--batch", str(batch), "--snapshot", BROKEN])

    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["outcome"] for each in answers] == ["delivered", "unknown", "dropped"]
    assert "no such place" in answers[1]["error"]
    assert code == 2


@pytest.mark.parametrize("line", ["{", "[]", '{"from": 1, "to": "x"}', "[" * 100000])
def test_a_batch_that_is_no_batch_names_the_line(
    line: str, tmp_path: Path, capsys: Captured
) -> None:
    batch = tmp_path / "batch"
    batch.write_text(line)

    assert run(["trace", "--batch", str(batch), "--snapshot", APPLIED]) == 2
    assert f"{batch}:1:" in capsys.readouterr().err


def test_plan_on_a_snapshot_that_is_as_declared(capsys: Captured) -> None:
    assert run(["-i", INVENTORY, "plan", "--check", "--snapshot", APPLIED]) == 0
    assert "nothing to change" in capsys.readouterr().out


def test_plan_says_what_is_in_the_way(capsys: Captured) -> None:
    assert run(["-i", INVENTORY, "plan", "--snapshot", BEFORE]) == 1
    assert "is not homelab's" in capsys.readouterr().err


def test_plan_with_commands_and_as_a_document(tmp_path: Path, capsys: Captured) -> None:
    other = tmp_path / "lab.yaml"
    text = (ROOT / "inventory/lab.yaml").read_text()
    other.write_text(text.replace("ingress: open", "ingress: [{from: 10.0.0.1/32}]", 1))

    assert run(["-i", str(other), "plan", "--check", "--commands", "--snapshot", APPLIED]) == 1
    assert "nft add table inet homelab" in capsys.readouterr().out
    assert run(["-i", str(other), "plan", "--json", "--snapshot", APPLIED]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in document["changes"]] == ["ingress filter"]
    assert {each["reachable"] for each in document["reachability"]} <= {True, False, None}


def test_a_snapshot_is_written_privately_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "lab.json"

    assert run(["snapshot", "--snapshot", APPLIED, "-o", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(["-i", INVENTORY, "diagnose", "--snapshot", str(file)]) == 0


def test_a_redacted_snapshot_is_diagnosed_by_others_without_the_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["snapshot", "--snapshot", BROKEN, "--redact", "-o", "lab.json"]) == 0
    assert run(["diagnose", "--snapshot", "lab.json"]) == 1
    said = capsys.readouterr().out
    assert "docker-user-drop" in said
    assert "10.90.7" not in said


def test_check_and_schema(tmp_path: Path, capsys: Captured) -> None:
    assert run(["-i", INVENTORY, "check"]) == 0
    assert run(["check", "-i", INVENTORY, "--json"]) == 0
    capsys.readouterr()
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")
    bad = tmp_path / "bad.yaml"
    bad.write_text("guests:\n  web:\n    nik: {}\n")
    assert run(["check", "-i", str(bad)]) == 2
    assert f"{bad}:3:5" in capsys.readouterr().err


def test_explain_lists_shows_and_suggests(capsys: Captured) -> None:
    assert run(["explain"]) == 0
    assert run(["explain", "--json"]) == 0
    assert run(["explain", "host-no-route"]) == 0
    assert run(["explain", "host-no-route", "--json"]) == 0
    capsys.readouterr()
    assert run(["explain", "host-no-rout"]) == 2
    assert "host-no-route" in capsys.readouterr().err


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@settings(max_examples=40, deadline=None)
def test_no_file_of_any_kind_ends_in_a_traceback(content: bytes) -> None:
    file = Path("/dev/shm") / "homelab-fuzz.yaml"
    file.write_bytes(content)
    try:
        assert run(["check", "-i", str(file)]) in CODES
        assert run(["diagnose", "--snapshot", str(file)]) == 2
    finally:
        file.unlink()


MUTATED = st.lists(
    st.tuples(
        st.integers(0, 270_000), st.sampled_from(['"', "{", "}", "0", "null", "-1", "\\u0000", "é"])
    ),
    min_size=1,
    max_size=5,
)


@given(MUTATED)
@settings(max_examples=25, deadline=None)
def test_a_snapshot_that_was_tampered_with_ends_in_an_answer_or_a_message(
    changes: list[tuple[int, str]],
) -> None:
    text = Path(BROKEN).read_text()
    for at, what in changes:
        text = text[:at] + what + text[at + len(what) :]
    file = Path("/dev/shm") / "homelab-fuzz.json"
    file.write_text(text)
    try:
        assert run(["diagnose", "--snapshot", str(file)]) in {0, 1, 2, 3}
    finally:
        file.unlink()


def test_a_report_for_a_browser_is_written_beside_the_answer(
    tmp_path: Path, capsys: Captured
) -> None:
    page = tmp_path / "report.html"

    assert run(["diagnose", "--snapshot", BROKEN, "--html", str(page)]) == 1
    assert "docker-user-drop" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o600
    assert run(["diagnose", "--snapshot", BROKEN, "--html", "/nonexistent/report.html"]) == 2


@pytest.mark.parametrize("kind", ["svg", "mermaid", "dot", "json"])
def test_the_lab_is_drawn_in_every_form(kind: str, tmp_path: Path, capsys: Captured) -> None:
    assert run(["graph", "--snapshot", BROKEN, "--format", kind]) == 0
    said = capsys.readouterr().out
    assert "10.90.7.0/24" in said

    file = tmp_path / "picture"
    assert run(["graph", "--snapshot", BROKEN, "--format", kind, "-o", str(file)]) == 0
    assert file.read_text() == said
