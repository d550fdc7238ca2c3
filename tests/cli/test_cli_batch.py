"""`homelab trace --batch`: a document for each line, in order and at once, whatever the line holds."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from homelab.cli import run

ROOT = Path(__file__).parents[2]
BROKEN = str(ROOT / "tests/recorded/broken.json")
HOMELAB = [sys.executable, "-m", "homelab"]
BATCH = [*HOMELAB, "trace", "--snapshot", BROKEN, "--batch"]
QUESTIONS = [
    {"from": "lan", "to": "10.90.1.10"},
    {"from": "host", "to": "10.90.7.10:5432"},
    {"from": "guest:web", "to": "front"},
    {"from": "moon", "to": "front"},
]
Captured = pytest.CaptureFixture[str]


def answers(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def asked(
    lines: list[bytes], tmp_path: Path, capsys: Captured
) -> tuple[int, list[dict[str, object]], str]:
    batch = tmp_path / "batch"
    batch.write_bytes(b"\n".join(lines))
    code = run(["trace", "--batch", str(batch), "--snapshot", BROKEN])
    said = capsys.readouterr()
    return code, answers(said.out), said.err.replace(str(batch), "batch")


def test_ten_thousand_lines_are_answered_in_order(tmp_path: Path) -> None:
    batch, count = tmp_path / "batch", 10_000
    wanted = [QUESTIONS[number % len(QUESTIONS)] for number in range(count)]
    batch.write_text("\n".join(map(json.dumps, wanted)))

    done = subprocess.run([*BATCH, str(batch)], capture_output=True, text=True, check=False)

    found = answers(done.stdout)
    assert [each["from"] for each in found] == [each["from"] for each in wanted]
    assert Counter(str(each["outcome"]) for each in found) == {
        "delivered": count // 2,
        "dropped": count // 4,
        "unknown": count // 4,
    }
    assert done.returncode == 2


def test_the_same_question_has_the_answer_that_trace_gives(
    tmp_path: Path, capsys: Captured
) -> None:
    _, (found,), _ = asked([json.dumps(QUESTIONS[1]).encode()], tmp_path, capsys)
    run(["trace", *QUESTIONS[1].values(), "--snapshot", BROKEN, "--json"])

    assert json.loads(capsys.readouterr().out) == found


def test_an_answer_comes_before_the_next_question() -> None:
    with subprocess.Popen(
        [*BATCH, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for each in (*QUESTIONS, *QUESTIONS):
            process.stdin.write(json.dumps(each) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["from"] == each["from"]
        process.stdin.close()

    assert process.returncode == 2


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    batch.write_text(f"{json.dumps(QUESTIONS[1])}\n" * 400)
    with subprocess.Popen(
        [*BATCH, str(batch)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["outcome"] == "dropped"
        process.stdout.close()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("line", "position", "said"),
    [
        (b'{"from": "lan", "to" "10.90.1.10"}', "2:22", "Expecting ':' delimiter; a line is"),
        (b"[]", "2:1", "not an object"),
        (b"7", "2:1", "not an object"),
        (b'{"from": "lan"}', "2:1", '"from" and "to" must be strings'),
        (b'{"from": ["lan"], "to": null}', "2:1", '"from" and "to" must be strings'),
        (b"\xff\xfe", "2:1", "Expecting value"),
        (b"[" * 100_000, "2:1", "recursion"),
        (b'{"from": "lan", "to": "\xff"}', "2:1", "neither an address nor a container"),
        (b'{"from": "\\ud800", "to": "10.90.1.10"}', "2:1", "no such place"),
        (b'{"from": "lan\\u2028", "to": "10.90.1.10"}', "2:1", "no such place"),
        (b'{"from": "lan", "to": "10.90.1.10:99999"}', "2:1", "is no port"),
        (b'{"from": 1e999, "to": NaN}', "2:1", '"from" and "to" must be strings'),
        (b"1" * 5000, "2:1", "a line is"),
    ],
)
def test_a_bad_line_is_answered_with_its_error_and_the_next_goes_on(
    line: bytes, position: str, said: str, tmp_path: Path, capsys: Captured
) -> None:
    good = json.dumps(QUESTIONS[0]).encode()

    code, found, errors = asked([good, line, good], tmp_path, capsys)

    assert code == 2
    assert [each["outcome"] for each in found] == ["delivered", "unknown", "delivered"]
    assert said in str(found[1]["error"])
    assert errors.startswith(f"batch:{position}: ")


def test_a_line_is_not_cut_at_what_unicode_calls_a_line(tmp_path: Path, capsys: Captured) -> None:
    line = '{"from": "lan", "to": "a\u2028b\x85c"}'.encode()

    code, found, _ = asked([line], tmp_path, capsys)

    assert (code, len(found)) == (2, 1)
    assert found[0]["to"] == "a\u2028b\x85c"


@pytest.mark.parametrize(
    ("asked_for", "code"), [([0, 0], 0), ([0, 1], 1), ([1, 3], 2), ([], 0)], ids=str
)
def test_the_worst_line_decides_the_exit_code(
    asked_for: list[int], code: int, tmp_path: Path, capsys: Captured
) -> None:
    lines = [json.dumps(QUESTIONS[each]).encode() for each in asked_for]

    assert asked(lines, tmp_path, capsys)[0] == code


def test_a_no_is_worse_than_nobody_knows(tmp_path: Path) -> None:
    taken = json.loads(Path(BROKEN).read_text())
    del taken["namespaces"]["container:web/front"]
    (tmp_path / "blind").write_text(json.dumps(taken))
    (tmp_path / "batch").write_text("\n".join(map(json.dumps, QUESTIONS[:1])))
    words = ["trace", "--batch", str(tmp_path / "batch"), "--snapshot", str(tmp_path / "blind")]

    assert run(words) == 3
    (tmp_path / "batch").write_text("\n".join(map(json.dumps, QUESTIONS[:2])))
    assert run(words) == 1
