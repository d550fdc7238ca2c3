"""What `homelab watch` refuses before it watches."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from homelab.cli.group import cli
from homelab.errors import ConflictError, UsageError


def watch(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> BaseException | None:
    monkeypatch.setenv("HOMELAB_STATE", str(folder))
    return CliRunner().invoke(cli, ["watch", *words]).exception


@pytest.mark.parametrize(
    "where", ["", ":", "port", "0", "65536", "1.2.3:9100", "127.0.0.1:", "[::1]:x", "-1"]
)
def test_an_address_that_is_none_is_refused(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = watch(tmp_path, monkeypatch, f"--metrics={where}")

    assert isinstance(found, UsageError if where else ConflictError)


def test_where_nothing_was_applied_there_is_nothing_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "run `homelab apply` first" in str(watch(tmp_path, monkeypatch))
