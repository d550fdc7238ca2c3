"""The units are such as systemd takes, and name what there is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from homelab.cli.group import cli
from homelab.system import templates


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


RECORDED = ["--snapshot", "tests/recorded/applied.json"]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (
            "routes-networkd.conf",
            "[Route]\nDestination=10.90.1.0/24\nGateway=10.77.0.11\nProtocol=201\n",
        ),
        (
            "routes-ifupdown.sh",
            "ip -4 route replace 10.90.1.0/24 via 10.77.0.11 dev 'lxdbr0' proto 201",
        ),
        (
            "routes-networkmanager.sh",
            "ip -4 route replace 10.90.7.0/24 via 10.77.0.12 dev 'lxdbr0'",
        ),
        (
            "routes-unit.conf",
            "ExecStartPost=-ip -4 route replace 10.90.3.0/24 via 10.77.0.13 dev lxdbr0",
        ),
    ],
)
def test_routes_are_printed_for_each_network_service(file: str, says: str) -> None:
    printed = CliRunner().invoke(cli, ["-i", "inventory", "render", file, *RECORDED])

    assert printed.exit_code == 0, printed.output
    assert says in printed.output


def test_the_routes_of_the_router_lead_to_the_host() -> None:
    command = ["-i", "inventory", "render", "routes-networkd.conf", "--router", *RECORDED]
    printed = CliRunner().invoke(cli, command)

    assert "Destination=10.90.1.0/24\nGateway=10.0.0." in printed.output


@pytest.mark.skipif(
    not (shutil.which("systemd-analyze") or os.environ.get("CI")),
    reason="systemd is not installed here; in CI that is a failure",
)
@pytest.mark.parametrize("broken", [False, True])
def test_systemd_takes_the_routes_of_a_unit(tmp_path: Path, *, broken: bool) -> None:
    printed = CliRunner().invoke(cli, ["-i", "inventory", "render", "routes-unit.conf", *RECORDED])
    unit = tmp_path / "lxd.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    (tmp_path / "lxd.service.d").mkdir()
    text = printed.output.replace(
        "ExecStartPost=", "ExecStartPast=" if broken else "ExecStartPost="
    )
    (tmp_path / "lxd.service.d" / "50-homelab.conf").write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("50-homelab.conf" in done.stderr) is broken, done.stderr


def test_a_template_of_the_user_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "routes-unit.conf.j2").write_text("# mine, {{ routes | length }} routes\n")
    monkeypatch.setattr(templates, "OWN", tmp_path)
    templates.environment.cache_clear()
    try:
        command = ["-i", "inventory", "render", "routes-unit.conf", *RECORDED]
        printed = CliRunner().invoke(cli, command)
    finally:
        templates.environment.cache_clear()

    assert printed.output.startswith("# mine, 3 routes\n# homelab: route 10.90.1.0/24 via")
