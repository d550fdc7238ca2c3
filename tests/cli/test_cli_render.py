"""The units are such as systemd takes, and name what there is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from homelab.cli.group import cli


@pytest.mark.skipif(
    not (shutil.which("systemd-analyze") or os.environ.get("CI")),
    reason="systemd is not installed here; in CI that is a failure",
)
@pytest.mark.parametrize("name", ["apply", "watch"])
def test_systemd_takes_the_unit(name: str, tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["-i", str(tmp_path), "render", f"{name}.service"])
    unit = tmp_path / f"homelab-{name}.service"
    unit.write_text(printed.output)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert printed.exit_code == 0
    assert unit.name not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr


def test_networkd_is_told_to_leave_what_is_not_its_own() -> None:
    printed = CliRunner().invoke(cli, ["render", "networkd.conf"])

    assert "\n[Network]\nManageForeignRoutes=no\n" in printed.output


def test_a_path_that_a_unit_would_read_otherwise_is_refused() -> None:
    printed = CliRunner().invoke(cli, ["-i", "/etc/a b", "render", "apply.service"])

    assert "cannot stand in a unit" in str(printed.exception)
