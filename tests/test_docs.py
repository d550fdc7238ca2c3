"""The documentation: what it shows was printed, and its commands are there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from homelab.checks import CHECKS
from homelab.cli.group import COMMANDS, cli

DOCS = Path(__file__).parents[1] / "docs"
CODES = {each.code for each in CHECKS}
OUTPUTS = (DOCS / "broken-labs.md").read_text().split("\n## ")[1:]
PAGES = [
    each
    for each in sorted(DOCS.rglob("*.md"))
    if "decisions" not in each.parts and each.name != "status.md"
]
CALL = re.compile(r"^(?:    |`)(?:sudo )?(?P<words>homelab [^`\n]*)", re.MULTILINE)


@pytest.mark.parametrize("shown", OUTPUTS, ids=lambda each: each.partition("\n")[0])
def test_a_broken_lab_names_its_cause_in_its_first_ten_lines(shown: str) -> None:
    said = [each[4:] for each in shown.splitlines() if each.startswith("    ") or not each][3:]
    first = "\n".join(said[:10])

    assert re.findall(r"^✗ (\S+) at ", first, re.MULTILINE) != []
    assert set(re.findall(r"^✗ (\S+) at ", first, re.MULTILINE)) <= CODES
    assert " ✗   (" in first


def test_ten_labs_were_broken_and_each_of_ten_causes_was_named() -> None:
    named = [re.findall(r"✗ (\S+) at ", each)[0] for each in OUTPUTS]

    assert len(set(named)) == 10


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
        cwd=DOCS.parent,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "docker-user-drop" in (tmp_path / "site/broken-labs.html").read_text()


def calls() -> list[tuple[str, str]]:
    return [
        (str(page.relative_to(DOCS)), each["words"])
        for page in PAGES
        for each in CALL.finditer(page.read_text())
    ]


@pytest.mark.parametrize(("page", "words"), calls())
def test_a_command_that_a_page_shows_is_understood(page: str, words: str) -> None:
    """Its name and every option are there, and click takes the words for arguments that are whole."""
    typed = shlex.split(words.partition(" >")[0].partition("  ")[0], comments=True)[1:]
    options = {name for name in typed if name.startswith("--")}
    named = [each for each in typed if each in COMMANDS]
    if not named:
        assert options <= {"--version", "--help"}, page
        return
    command = cli.get_command(click.Context(cli), named[0])
    assert command is not None
    there = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}

    assert {each.partition("=")[0] for each in options} <= there | {"--help", "--version"}, page
