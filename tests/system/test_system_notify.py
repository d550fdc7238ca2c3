"""What a service manager hears of us, on a socket as it makes one."""

import os
import socket
from pathlib import Path

import pytest

from homelab.system.notify import heartbeat, notify


@pytest.mark.parametrize("abstract", [False, True])
def test_a_service_manager_is_told(
    *, abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"@homelab-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)

        notify(READY="1", STATUS="two\nlines")

        assert manager.recv(4096) == b"READY=1\nSTATUS=two lines"


def test_without_a_service_manager_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    for name in ("", str(tmp_path / "gone")):
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify(READY="1")
    assert heartbeat() is None


@pytest.mark.parametrize(
    ("usec", "pid", "wanted"),
    [
        ("180000000", "", 90.0),
        ("180000000", "own", 90.0),
        ("180000000", "1", None),
        ("0", "", None),
        ("soon", "", None),
    ],
)
def test_a_heartbeat_is_wanted_twice_as_often_as_systemd_looks(
    usec: str, pid: str, wanted: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)

    assert heartbeat() == wanted
