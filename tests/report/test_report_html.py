"""The report for a browser: one file that asks for nothing, and in which names from guests are text."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Case, Finding, Judgement, NetworkName
from homelab.model.inventory import Inventory
from homelab.model.place import guest
from homelab.model.snapshot import Snapshot
from homelab.report.html import html
from homelab.report.svg import svg
from homelab.workflow.drawing import draw
from homelab.workflow.look import diagnose
from tests.report.test_report_graph import EVIL

BROKEN = diagnose(
    Inventory(), load_snapshot(Path(__file__).parents[2] / "tests/recorded/broken.json")
)
VOID = {"meta", "input", "br"}


class Elements(HTMLParser):
    """The elements of a document, each closed by its own end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("picture", [None, svg(draw(BROKEN))], ids=["bare", "with picture"])
def test_it_is_one_whole_file_that_asks_for_nothing(picture: str | None) -> None:
    text = html(BROKEN.case, BROKEN.findings, picture)
    page = Elements(text)

    assert page.open == []
    assert not re.findall(r"""(?:src|href)=|url\(|@import""", text)
    assert ("svg" in {tag for tag, _ in page.found}) is (picture is not None)


def test_it_says_what_the_terminal_says() -> None:
    words = "\n".join(Elements(html(BROKEN.case, BROKEN.findings)).texts)

    assert "3 container networks: 2 reached, 1 not reached" in words
    assert "docker-user-drop at guest:db" in words
    assert "-A DOCKER-USER" in words
    assert "lan ─▶ router ─▶ host ─▶ guest:db ✗" in words
    assert "homelab explain docker-user-drop" in words
    assert "Fix:" in words


def test_only_its_own_script_may_run() -> None:
    text = html(BROKEN.case, BROKEN.findings)
    page = Elements(text)
    policy = next(a["content"] for t, a in page.found if a.get("http-equiv")) or ""
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)

    assert policy.startswith("default-src 'none'")
    assert len(scripts) == 1
    assert f"'sha256-{b64encode(sha256(scripts[0].encode()).digest()).decode()}'" in policy


def test_hostile_names_add_no_element_and_no_attribute() -> None:
    judged = Judgement(NetworkName(EVIL, EVIL, EVIL), guest(EVIL), (), EVIL, (), (), reachable=None)
    fine = replace(judged, name=NetworkName("h", "g", "n"), place=guest("g"), origin="lan")
    finding = Finding("f", EVIL, guest(EVIL), EVIL, affects=(judged.name,))
    good = replace(finding, severity="error", at=guest("g"), explains="x", affects=(fine.name,))
    hostile = Elements(html(Case(Inventory(), Snapshot(), (judged,)), (finding,)))
    usual = Elements(html(Case(Inventory(), Snapshot(), (fine,)), (good,)))

    assert [(t, a.keys()) for t, a in hostile.found] == [(t, a.keys()) for t, a in usual.found]
    assert "<script>alert(1)</script>" in "".join(hostile.texts)


def test_a_healthy_lab_has_nothing_wrong() -> None:
    assert "Nothing is wrong" in html(Case(Inventory(), Snapshot(), ()), ())
