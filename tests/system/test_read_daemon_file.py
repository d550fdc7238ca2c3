"""What lies beside a daemon: only names and five values are taken, and a guest cannot lead us astray."""

import json
import os
from pathlib import Path

import pytest

from homelab.load.snapshot import dump_snapshot, parse_snapshot
from homelab.model.docker import DaemonFile
from homelab.model.place import guest
from homelab.model.snapshot import Snapshot
from homelab.system.daemon_file import parse_daemon_file, parse_refusal, read_daemon_file
from homelab.system.parse_sysctls import are_read_only
from homelab.system.patience import within
from homelab.system.unix import read_below

LOG = """time="2026-01-01T00:00:00Z" level=info msg="Starting up"
unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives don't match any configuration option: colour
"""


def laid(root: Path, path: str, text: str) -> str:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(root)


def test_only_names_of_keys_and_a_few_values_are_kept(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "iptables": False,
            "firewall-backend": "nftables",
            "icc": ["odd"],
            "proxies": {"http-proxy": "http://me:hidden@proxy"},
        }
    )
    root = laid(tmp_path, "etc/docker/daemon.json", text)

    found = read_daemon_file(root, is_silent=True)

    assert found == DaemonFile(
        ("firewall-backend", "icc", "iptables", "proxies"),
        {"iptables": "false", "firewall-backend": "nftables", "icc": ""},
    )
    assert "hidden" not in dump_snapshot(Snapshot(daemon_files={guest("web"): found}))


@pytest.mark.parametrize("text", ["{", "[1]", "", '"' * 5, "[" * 100_000])
def test_a_file_that_is_no_configuration_is_named(text: str) -> None:
    assert parse_daemon_file(text.encode()).trouble


def test_names_are_cut_short_and_made_printable() -> None:
    (name,) = parse_daemon_file(json.dumps({"\x1b[31m" + "x" * 999: 1}).encode()).keys

    assert name.isprintable()
    assert len(name) <= 60


def test_no_file_is_no_trouble(tmp_path: Path) -> None:
    assert read_daemon_file(str(tmp_path), is_silent=False) == DaemonFile()


def test_the_last_refusal_is_read_from_the_log_of_a_silent_daemon_alone(tmp_path: Path) -> None:
    root = laid(tmp_path, "var/log/dockerd.log", LOG + "x" * 100 + "\n" + LOG)

    assert read_daemon_file(root, is_silent=True).refusal.endswith("option: colour")
    assert read_daemon_file(root, is_silent=False).refusal == ""


def test_a_log_without_a_refusal_tells_nothing() -> None:
    assert parse_refusal('level=info msg="API listen on /run/docker.sock"') == ""
    assert "hidden" not in parse_refusal("failed to start daemon: http://me:hidden@proxy/ is down")
    assert parse_refusal('msg="failed to start daemon: no \\"ip\\" here"') == (
        'failed to start daemon: no "ip" here'
    )


def test_a_link_is_followed_below_the_root_only(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("{}")
    root = tmp_path / "root"
    (root / "etc/docker").mkdir(parents=True)
    (root / "etc/docker/daemon.json").symlink_to(outside)

    assert read_daemon_file(str(root), is_silent=False) == DaemonFile()


def test_a_pipe_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "etc/docker").mkdir(parents=True)
    os.mkfifo(tmp_path / "etc/docker/daemon.json")
    (tmp_path / "var/log/dockerd.log").mkdir(parents=True)

    found = read_daemon_file(str(tmp_path), is_silent=True)

    assert "is no regular file" in found.trouble
    assert found.refusal == ""


def test_the_end_of_a_long_file_is_its_last_bytes(tmp_path: Path) -> None:
    laid(tmp_path, "log", "a" * 100 + "end")

    assert read_below(str(tmp_path), "log", 3, tail=True) == b"end"
    assert read_below(str(tmp_path), "log", 3) == b"aaa"
    assert read_below(str(tmp_path), "gone", 3) is None


def test_who_asks_gets_the_answer_or_an_error() -> None:
    assert within(5, lambda: 7) == 7


def _mount(point: str, options: str) -> str:
    return f"100 99 0:5 / {point} {options},nosuid shared:1 - proc proc rw"


@pytest.mark.parametrize(
    ("mounts", "frozen"),
    [
        ([("/proc", "rw")], False),
        ([("/proc", "rw"), ("/proc/sys", "ro")], True),
        ([("/proc", "rw"), ("/proc/sys", "ro"), ("/proc/sys/net", "rw")], False),
        ([("/proc/sys", "ro"), ("/proc/sys", "rw")], False),
        ([("/proc/sysrq-trigger", "ro"), ("/", "ro")], False),
        ([("/proc", "ro")], True),
    ],
)
def test_the_mount_on_top_decides_whether_sysctls_can_be_written(
    mounts: list[tuple[str, str]], frozen: bool
) -> None:
    assert are_read_only("\n".join(_mount(*each) for each in mounts) + "\nodd") is frozen


def test_a_snapshot_with_daemon_files_comes_back_whole() -> None:
    one = Snapshot(
        daemon_files={guest("web"): DaemonFile(("icc",), {"icc": "false"}, refusal="no")}
    )

    assert parse_snapshot(dump_snapshot(one).encode(), "x") == one
