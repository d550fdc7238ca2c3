"""Writes homelab/cli/words.py: what a shell completes without importing any command. Run it from the root."""  # noqa: INP001 - a script beside the pages

import json
import subprocess
import sys
from pathlib import Path

import click

from homelab.checks import CHECKS
from homelab.cli.group import COMMANDS, cli

FILE = Path(__file__).parents[1] / "homelab/cli/words.py"
HEAD = '"""The words of the command line, for the shells. Written by docs/cli_words.py; `make pages` does it."""\n'


def words() -> str:
    """The module's text, as ruff would format it."""
    context = click.Context(cli)
    options = {name: _options(cli.get_command(context, name)) for name in COMMANDS}
    tables = {
        "COMMANDS": {name: text for name, (_, text) in COMMANDS.items()},
        "OPTIONS": options,
        "FAULTS": {each.code: each.title for each in CHECKS},
    }
    kinds = {"COMMANDS": "dict[str, str]", "OPTIONS": "dict[str, dict[str, bool]]"}
    body = "".join(
        f"\n{name}: {kinds.get(name, 'dict[str, str]')} = {_literal(each)}\n"
        for name, each in tables.items()
    )
    return _formatted(HEAD + body)


def _options(command: click.Command | None) -> dict[str, bool]:
    """Each option that is not hidden: whether a value follows it."""
    found = [each for each in command.params if isinstance(each, click.Option)] if command else []
    return {
        name: not each.is_flag and not each.count
        for each in found
        if not each.hidden
        for name in (*each.opts, *each.secondary_opts)
    }


def _literal(table: object) -> str:
    text = json.dumps(table, ensure_ascii=False)
    return text.replace(": true", ": True").replace(": false", ": False")


def _formatted(text: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(  # noqa: S603 - our own formatter, on our own text
        [ruff, "format", "--stdin-filename", "words.py", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=FILE.parents[2],
    )
    return done.stdout


if __name__ == "__main__":
    FILE.write_text(words())
