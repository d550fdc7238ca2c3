"""LXD and Incus: what they say, what they may do wrong, and where they are looked for."""

import errno
import json
import socket
from pathlib import Path

import pytest

from homelab.errors import UnreadableError
from homelab.system.lxd_read import connect, read_runtime, sockets
from homelab.system.parse_lxd import parse_runtime
from homelab.system.reasons import reason, reasons
from homelab.system.rows import UnparsableError
from tests.captured import CAPTURES, RUNTIMES, name
from tests.daemons import Answer, drip, hang, listening, say, say_text

SERVER = {"environment": {"server": "lxd", "server_version": "5.0.2"}, "api_extensions": []}


def captured(folder: Path, file: str) -> object:
    return json.loads((folder / file).read_text())


def answers(folder: Path) -> dict[str, Answer]:
    return {
        "/1.0/instances": say(captured(folder, "instances-recursion2.json")),
        "/1.0/networks": say(captured(folder, "networks.json")),
        "/1.0": say({"type": "sync", "status_code": 200, "metadata": SERVER}),
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where LXD or Incus could be."""
    monkeypatch.setattr("homelab.system.lxd_read._PLACES", {"lxd": (), "incus": ()})
    monkeypatch.setenv("LXD_DIR", str(tmp_path))
    monkeypatch.delenv("INCUS_DIR", raising=False)
    return tmp_path


@pytest.mark.parametrize("capture", RUNTIMES, ids=name)
def test_a_captured_daemon_tells_its_guests_and_networks(folder: Path, capture: Path) -> None:
    with listening(folder / "unix.socket", answers(capture)) as asked:
        runtime = read_runtime()

    assert runtime is not None
    assert (runtime.name, runtime.version) == ("lxd", "5.0.2")
    assert all(each.is_running and each.pid > 1 for each in runtime.instances)
    assert all(each.expanded_devices["eth0"]["type"] == "nic" for each in runtime.instances)
    assert next(each for each in runtime.networks if each.managed).config["ipv4.address"]
    assert len(asked) == 3


@pytest.mark.usefixtures("folder")
def test_where_there_is_neither_lxd_nor_incus_there_is_no_gap() -> None:
    assert read_runtime() is None
    with pytest.raises(UnreadableError, match="there is no LXD or Incus here"):
        connect()


def test_a_daemon_that_is_down_is_named_with_its_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "unix.socket"))

    with pytest.raises(UnreadableError, match=r"unix\.socket: daemon down"):
        read_runtime()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"/1.0": hang}, "does not answer within 0.3 s"),
        ({"/1.0/instances": hang}, "does not answer within 0.3 s"),
        ({"/1.0": drip}, "Expecting value"),
        ({"/1.0": say_text("{}", 403)}, r"unix\.socket: {}"),
        ({"/1.0": say({"type": "sync", "metadata": {"environment": 5}})}, "expected an object"),
        ({"/1.0/instances": say({"type": "sync", "metadata": {}})}, "expected a list"),
        ({"/1.0/networks": say_text('{"error": "not authorized"}', 403)}, "not authorized"),
    ],
)
def test_what_the_daemon_does_wrong_is_a_reason(
    folder: Path, wrong: dict[str, Answer], reason: str
) -> None:
    healthy = answers(CAPTURES / "lxd-5.0.2")

    with (
        listening(folder / "unix.socket", wrong | healthy | wrong),
        pytest.raises(UnreadableError, match=reason),
    ):
        read_runtime(timeout=0.3)


def test_the_folder_that_the_user_names_comes_first() -> None:
    found = list(sockets({"LXD_DIR": "/lab/lxd"}))

    assert found[0] == "/lab/lxd/unix.socket"
    assert "/var/lib/incus/unix.socket" in found
    assert list(sockets({"LXD_DIR": "/lab/lxd"}, "incus")) == [
        "/run/incus/unix.socket",
        "/var/lib/incus/unix.socket",
    ]


def test_virtual_machines_are_no_guests() -> None:
    machines = [{"type": "virtual-machine", "name": "vm"}, {"type": "container", "name": "web"}]

    runtime = parse_runtime(SERVER, machines, [])

    assert [each.name for each in runtime.instances] == ["web"]


@pytest.mark.parametrize("wrong", ["../x", "a/b", "", "a\x1b[31m"])
def test_a_name_that_is_no_name_is_refused(wrong: str) -> None:
    with pytest.raises(UnparsableError):
        parse_runtime(SERVER, [{"type": "container", "name": wrong}], [])


def test_a_lack_of_permission_tells_what_to_do() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(UnreadableError, match="permission denied; run as root"), reasons(1.0):
        raise denied


def test_an_error_without_words_is_told_by_its_kind() -> None:
    assert reason(ValueError()) == "ValueError"
