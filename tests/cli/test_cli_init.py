"""`homelab init`: it writes one new file, overwrites nothing, and says what comes next."""

import json
from pathlib import Path

import pytest

from homelab.cli import run

BEFORE = str(Path(__file__).parents[2] / "tests/recorded/before.json")
Captured = pytest.CaptureFixture[str]


def test_it_writes_what_check_accepts_and_plan_leaves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["init", "--snapshot", BEFORE]) == 0
    assert "3 guests, 3 networks" in capsys.readouterr().out
    assert (tmp_path / "inventory/homelab.yaml").read_text().startswith("# yaml-language-server")
    assert run(["check"]) == 0
    assert run(["plan", "--check", "--snapshot", BEFORE]) == 0


def test_it_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "inventory/mine.yaml"
    own.parent.mkdir()
    own.write_text("mine")

    assert run(["init", "--snapshot", BEFORE]) == 2
    assert run(["init", "-i", str(own), "--snapshot", BEFORE]) == 2
    assert "overwrites nothing" in capsys.readouterr().err
    assert own.read_text() == "mine"
    assert [each.name for each in own.parent.iterdir()] == ["mine.yaml"]

    assert run(["init", "-i", str(own.parent), "--snapshot", BEFORE]) == 0
    assert sorted(each.name for each in own.parent.iterdir()) == ["homelab.yaml", "mine.yaml"]


def test_it_follows_no_link_and_says_what_it_cannot_write(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "link.yaml").symlink_to(tmp_path / "elsewhere")

    assert run(["init", "-i", str(tmp_path / "link.yaml"), "--snapshot", BEFORE]) == 2
    assert run(["init", "-i", "/proc/nothing/here.yaml", "--snapshot", BEFORE]) == 2
    assert "a folder you can write to" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()


def test_it_prints_too(tmp_path: Path, capsys: Captured) -> None:
    assert run(["init", "-i", "-", "--snapshot", BEFORE]) == 0
    assert "managed: false" in capsys.readouterr().out

    target = tmp_path / "i.yaml"
    assert run(["init", "-i", str(target), "--json", "--snapshot", BEFORE]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(target)
    assert [each["managed"] for each in document["networks"]] == [False] * 3
    assert target.exists()
