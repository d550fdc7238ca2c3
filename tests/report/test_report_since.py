"""What changed since the report that stood in the same file, also when that file is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.cli import run
from homelab.report.since import Kept, changes, element, recalled
from tests.report.test_report_graph import EVIL

RECORDED = Path(__file__).parents[2] / "tests/recorded"
THEN = Kept({"web/apps": "reached", "db/old": "unknown"}, frozenset({("a", "host"), ("b", "host")}))
NOW = Kept({"web/apps": "not reached", "db/new": "reached"}, frozenset({("b", "host"), ("c", "x")}))


def test_what_is_kept_comes_back() -> None:
    hostile = Kept({EVIL: "unknown", "</script>": "reached"}, frozenset({(EVIL, "<!--")}))

    assert recalled(f"<p>{element(hostile)}</p>") == hostile
    assert element(hostile).count("</script>") == 1


def test_each_change_is_one_sentence() -> None:
    assert list(changes(THEN, NOW)) == [
        "new: c at x",
        "gone: a at host",
        "db/new: new, reached",
        "db/old: not there any more, it was unknown",
        "web/apps: not reached, it was reached",
    ]
    assert list(changes(NOW, NOW)) == []


KEPT = '<script type="application/json" id="kept">{}</script>'


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEPT.format("{"),
        KEPT.format("[1]"),
        KEPT.format('{"schema": "homelab.report/1"}'),
        KEPT.format('{"schema": "homelab.report/2", "networks": {}, "findings": []}'),
        KEPT.format("[" * 100_000),
    ],
)
def test_a_file_that_is_no_report_is_no_report(text: str) -> None:
    assert recalled(text) is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    kept = recalled(KEPT.format(text))

    assert kept is None or kept.networks is not None


def test_the_command_compares_with_the_file_that_it_writes_over(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(b"\xff not a report")
    seen = []
    for name in ("applied", "applied", "broken"):
        run(["diagnose", "--snapshot", str(RECORDED / f"{name}.json"), "--html", str(page)])
        seen.append(page.read_text())

    assert "Since the last report" not in seen[0]
    assert "Nothing has changed." in seen[1]
    assert "new: docker-user-drop at guest:db" in seen[2]
