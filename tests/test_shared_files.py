"""What comes with homelab besides its code: manual pages, completions, and what a wheel has to hold."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from docs.shared_files import FOLDER, files
from homelab.cli.group import COMMANDS

ROOT = Path(__file__).parents[1]


def test_they_are_as_they_would_be_written() -> None:
    there = {
        str(each.relative_to(FOLDER)): each.read_text()
        for each in FOLDER.rglob("*.*")
        if each.is_file()
    }
    wanted = files()
    there |= {each: (FOLDER / each).read_text() for each in wanted}

    assert there == wanted, "run `make pages`"


def test_every_command_has_a_manual_page_without_a_request_of_its_own_making() -> None:
    pages = {path: text for path, text in files().items() if path.startswith("man/")}
    requests = {
        line.split()[0] for text in pages.values() for line in text.splitlines() if line[0] == "."
    }

    assert len(pages) == len(COMMANDS) + 1
    assert requests <= {".TH", ".SH", ".PP", ".TP", ".B", ".BR", ".I"}


def test_the_lock_has_all_that_homelab_needs() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "packaging/runtime.py"], capture_output=True, text=True, check=True
    )
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split("[^a-z0-9-]", each)[0] for each in declared}

    assert names <= set(re.findall(r"^([a-z0-9-]+)==", done.stdout, re.MULTILINE))
    assert "pytest==" not in done.stdout
    assert done.stdout.count("--hash=sha256:") > len(names)
