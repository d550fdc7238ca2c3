"""What shells complete: candidates for words typed so far, and the scripts in real shells."""

import json
import os
import pty
import resource
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docs.cli_words import FILE, words
from homelab.cli import run
from homelab.cli.common import names_of
from homelab.cli.complete import candidates
from homelab.cli.names import declared, keep, known
from homelab.load.snapshot import load_snapshot

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
INVENTORY = """\
# guests:
guests:
  web:
    host: nuc
    networks:
      apps: {subnet: auto}
      "data":
        subnet: auto
  db:
hosts:
  nuc: {connection: local}
"""


@pytest.fixture(autouse=True)
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an inventory, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/lab.yaml").write_text(INVENTORY)
    return tmp_path


def found(*typed: str) -> list[str]:
    return [name for name, _ in candidates(typed[:-1], typed[-1])]


def test_the_words_are_those_of_the_commands() -> None:
    assert FILE.read_text() == words(), "run `make pages`"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("di",), ["diagnose"]),
        (("-i", ""), [":files"]),
        (("-i", "x", "expl"), ["explain"]),
        (("explain", "host-rp"), ["host-rp-filter"]),
        (("explain", "host-rp-filter", ""), []),
        (("graph", "--format", "s"), ["svg"]),
        (("graph", "--fo"), ["--format"]),
        (("diagnose", "--snapshot", "x"), [":files"]),
        (("plan", "--only", ""), ["web", "db"]),
        (("trace", "guest:"), ["guest:web", "guest:db"]),
        (("adopt", "network", "web/"), ["web/apps", "web/data"]),
        (("render", "watch"), ["watch.service"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("nothing", "x"), []),
    ],
)
def test_what_may_follow(typed: tuple[str, ...], expected: list[str]) -> None:
    assert found(*typed) == expected


def test_names_of_the_last_look_are_known_and_hostile_ones_are_not(seen: Path) -> None:
    before = load_snapshot(ROOT / "tests/recorded/before.json")
    keep({**names_of(before), "guests": ("web", "$(reboot)", "a b", "-n", "x\x1b[2J", "'")})

    assert found("plan", "--only", "") == ["web", "db"]
    assert "container:web/front" in known()["places"] or len(known()["containers"]) > 0
    assert [each for each in found("trace", "lan", "") if each[0].isdigit()] != []

    (seen / "cache/homelab/names.json").write_text("[" * 10_000)
    assert known()["guests"] == ["web", "db"]


def test_an_inventory_is_read_by_its_indentation() -> None:
    assert declared(INVENTORY)["networks"] == ["web/apps", "web/data"]
    assert declared("guests: {web: {}}\n\x00: :\n")["guests"] == []


def asked(*typed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "homelab", *typed],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "_HOMELAB_COMPLETE": "1"},
    )


def test_an_answer_takes_less_than_a_tenth_of_a_second() -> None:
    many = tuple(f"guest-{each}" for each in range(1000))
    keep({"guests": many, "places": tuple(f"guest:{each}" for each in many)})
    assert asked("trace", "guest:guest-99").stdout.startswith("guest:guest-99")

    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        asked("trace", "guest:guest-99")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    assert min(times) < 0.1


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys; from homelab.cli import main\n"
        "try: main(['trace', ''])\n"
        "except SystemExit: print(sorted(sys.modules.keys() & {'click', 'yaml', 'pydantic', 'docker', 'jinja2'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "_HOMELAB_COMPLETE": "1"},
    )

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("homelab expla", ["explain"]),
        ("homelab trace guest:w", ["web"]),
        ("homelab plan --only ", ["web", "db"]),
        ("homelab -i inv", ["inventory"]),
        ("homelab -i 'inv", []),
    ],
)
def test_bash_is_told(line: str, expected: list[str]) -> None:
    script = (
        'eval "$(homelab completion bash)"; COMP_LINE=$1; COMP_POINT=${#1}; _homelab; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )

    assert _in_a_shell("bash", "--norc", "-c", script, "bash", line).split() == expected


def _in_a_shell(*words: str) -> str:
    path = f"{BIN}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "HOME": os.environ["XDG_CACHE_HOME"]}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bash_completes_at_a_terminal() -> None:
    assert "homelab trace guest:db " in _typed(
        ["bash", "--norc", "--noprofile", "-i"],
        b'eval "$(homelab completion bash)"; PS1=ready$((1 + 1))\n',
        b"ready2",
        b"homelab trace guest:d\t",
        b"guest:db ",
    )


def _typed(command: list[str], first: bytes, ready: bytes, second: bytes, until: bytes) -> str:
    """What a terminal shows when a person types ``second`` into a shell that is ready."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    ) as shell:
        try:
            os.write(ours, first)
            shown = _read(ours, b"", ready)
            os.write(ours, second)
            shown = _read(ours, b"", until)
        finally:
            shell.kill()
            os.close(theirs)
            os.close(ours)
    return shown.decode(errors="replace")


def _read(terminal: int, shown: bytes, until: bytes) -> bytes:
    end = time.monotonic() + 30
    while until not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 4096)
    return shown


@pytest.mark.skipif(
    not (shutil.which("zsh") or os.environ.get("CI")),
    reason="zsh is not installed here; in CI that is a failure",
)
def test_zsh_completes_at_a_terminal() -> None:
    assert "guest:db" in _typed(
        ["zsh", "-f", "-i"],
        b'autoload -U compinit; compinit -u -D; eval "$(homelab completion zsh)"; PS1=ready$((1 + 1))\n',
        b"ready2",
        b"homelab trace guest:d\t",
        b"guest:db",
    )


@pytest.mark.skipif(
    not (shutil.which("fish") or os.environ.get("CI")),
    reason="fish is not installed here; in CI that is a failure",
)
def test_fish_is_told() -> None:
    script = "homelab completion fish | source; complete --do-complete 'homelab trace guest:'"

    told = _in_a_shell("fish", "--no-config", "-c", script)
    assert told.splitlines() == ["guest:db\tplace", "guest:web\tplace"]


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "csh"]) == 2
    assert "csh" in capsys.readouterr().err


def test_what_is_kept_is_a_document(seen: Path) -> None:
    keep({"guests": ("b", "a", "a")})

    assert json.loads((seen / "cache/homelab/names.json").read_text())["guests"] == ["a", "b"]
