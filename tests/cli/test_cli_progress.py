"""What a change says while it runs, on a terminal and elsewhere."""

import io
import sys

import pytest
from rich.console import Console

from homelab.cli.progress import on_terminal, steps
from homelab.model.place import guest

LINE = "docker network create [bold]x[/bold] \x1b[2J"


def test_a_terminal_shows_the_time_and_the_place() -> None:
    shown = io.StringIO()
    times = iter([10.0, 12.5])
    step = on_terminal(Console(file=shown, width=200, no_color=True), lambda: next(times))

    step(guest("web"), LINE)

    assert (
        shown.getvalue()
        == "   2.5 s  guest:web         docker network create [bold]x[/bold] \\x1b[2J\n"
    )


def test_elsewhere_it_is_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    said: list[str] = []

    steps(said.append)(guest("web"), LINE)

    assert said == ["  docker network create [bold]x[/bold] \\x1b[2J"]
