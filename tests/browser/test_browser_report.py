"""The report in a real browser: nothing asked of anybody, usable by keyboard, narrow and wide, big and hostile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Case, Finding, Judgement, NetworkName
from homelab.model.graph import Edge, Graph, Node
from homelab.model.inventory import Inventory
from homelab.model.place import guest
from homelab.model.snapshot import Snapshot
from homelab.report.html import html
from homelab.report.since import kept
from homelab.report.svg import svg
from homelab.workflow.drawing import draw
from homelab.workflow.look import diagnose
from tests.report.test_report_graph import EVIL

pytestmark = pytest.mark.browser

RECORDED = Path(__file__).parents[2] / "tests/recorded"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield started
        started.close()


@dataclass
class Opened:
    """A page, and what it said and asked for besides its own file."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def is_quiet(self) -> bool:
        return not self.said and all(each.startswith("file://") for each in self.asked)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    context = browser.new_context(offline=True)
    here = Opened(context.new_page())
    here.page.on("console", lambda each: here.said.append(each.text))
    here.page.on("pageerror", lambda each: here.said.append(str(each)))
    here.page.on("request", lambda each: here.asked.append(each.url))
    yield here
    context.close()


def show(here: Opened, text: str, folder: Path, width: int = 1600) -> float:
    """Seconds until it was drawn."""
    file = folder / "report.html"
    file.write_text(text)
    here.page.set_viewport_size({"width": width, "height": 900})
    begun = time.monotonic()
    here.page.goto(file.as_uri(), wait_until="load")
    here.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return time.monotonic() - begun


def broken() -> str:
    found = diagnose(Inventory(), load_snapshot(RECORDED / "broken.json"))
    healthy = diagnose(Inventory(), load_snapshot(RECORDED / "applied.json"))
    before = kept(healthy.case, healthy.findings)
    return html(found.case, found.findings, svg(draw(found)), before)


def big(count: int) -> str:
    """A lab of so many networks, ten in a guest, every tenth of them lost."""
    names = [NetworkName("h", f"g{n // 10}", f"n{n}") for n in range(count)]
    judged = tuple(
        Judgement(
            each,
            guest(each.guest),
            (ip_network(f"10.{n // 250}.{n % 250}.0/24"),),
            "lan",
            (),
            (),
            reachable=n % 10 != 0,
        )
        for n, each in enumerate(names)
    )
    findings = tuple(
        Finding(f"fault-{n % 7}", "error", guest(each.guest), f"{each} is lost", affects=(each,))
        for n, each in enumerate(names)
        if n % 10 == 0
    )
    places = (
        Node("lan", "lan", "lan"),
        Node("host", "host", "h"),
        *(Node(f"g{n}", "guest", f"g{n}") for n in range(count // 10)),
        *(Node(f"n{n}", "network", f"n{n}", reachable=n % 10 != 0) for n in range(count)),
    )
    edges = (
        Edge("lan", "host"),
        *(Edge("host", f"g{n}") for n in range(count // 10)),
        *(Edge(f"g{n // 10}", f"n{n}") for n in range(count)),
    )
    return html(Case(Inventory(), Snapshot(), judged), findings, svg(Graph(places, edges)))


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_quiet(opened: Opened, tmp_path: Path, width: int, scheme: str) -> None:
    opened.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    show(opened, broken(), tmp_path, width)

    assert opened.is_quiet(), (opened.said, opened.asked)
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.page.evaluate(wide) <= 0
    assert opened.page.locator("h1").is_visible()
    assert opened.page.locator("#count").inner_text() == "4 of 4 shown"
    dark = "() => matchMedia('(prefers-color-scheme: dark)').matches"
    assert opened.page.evaluate(dark) is (scheme == "dark")


def test_it_is_used_without_a_mouse(opened: Opened, tmp_path: Path) -> None:
    show(opened, broken(), tmp_path)
    page = opened.page
    shown = page.locator("tbody tr:visible")
    assert shown.count() == 3

    page.keyboard.press("/")
    page.keyboard.type("db/")
    assert [each.split("\t")[0] for each in shown.all_inner_texts()] == ["db/data"]
    page.keyboard.press("Escape")
    assert shown.count() == 3

    page.keyboard.press("Tab")
    page.keyboard.type("web")
    assert page.evaluate("() => document.activeElement.name") == "guest"
    assert [each.partition("/")[0] for each in shown.all_inner_texts()] == ["web"]
    assert page.locator("article:visible").count() == 0
    assert opened.is_quiet()


def test_it_says_what_changed_since_the_last_report(opened: Opened, tmp_path: Path) -> None:
    show(opened, broken(), tmp_path)

    said = opened.page.locator("h2:has-text('Since') + ul").inner_text()
    assert "new: docker-user-drop at guest:db" in said
    assert "db/data: not reached, it was reached" in said


def test_a_thousand_networks_are_there_in_two_seconds(opened: Opened, tmp_path: Path) -> None:
    text = big(1000)

    assert min(show(opened, text, tmp_path) for _ in range(2)) < 2
    assert opened.page.locator("#count").inner_text() == "1100 of 1100 shown"
    begun = time.monotonic()
    opened.page.locator("select[name=guest]").select_option("g7")
    assert opened.page.locator("#count").inner_text() == "11 of 1100 shown"
    assert time.monotonic() - begun < 2
    assert opened.is_quiet()


def test_names_of_guests_stay_text(opened: Opened, tmp_path: Path) -> None:
    judged = Judgement(NetworkName(EVIL, EVIL, EVIL), guest(EVIL), (), EVIL, (), (), reachable=None)
    finding = Finding(EVIL, "error", guest(EVIL), EVIL, affects=(judged.name,))
    case = Case(Inventory(), Snapshot(), (judged,))
    show(opened, html(case, (finding,), before=kept(case, ())), tmp_path)

    assert opened.is_quiet(), opened.said
    assert opened.page.locator("script").count() == 2
    assert "<script>alert(1)</script>" in opened.page.locator("tbody").inner_text()


def test_even_without_escaping_nothing_would_run(opened: Opened, tmp_path: Path) -> None:
    """The policy in the file is the second lock: markup that got in is there, and does nothing."""
    text = broken().replace(
        "<h2>Networks", "<img src=x onerror=alert(1)><script>alert(2)</script><h2>Networks"
    )
    show(opened, text, tmp_path)

    assert opened.page.locator("img").count() == 1
    assert [each for each in opened.said if each in ("1", "2")] == []
    assert any("Content Security Policy" in each for each in opened.said)
    assert [each for each in opened.asked if not each.startswith("file://")] == []
