"""What is asked of LXD, and what becomes of its refusals; LXD is a small server on a socket."""

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import docker
import pylxd
import pytest

from homelab.errors import OperationError
from homelab.model.docker import Attachment, DockerNetwork
from homelab.model.operation import (
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    Operation,
    RemoveDockerNetwork,
    RestartInstance,
    SetInstanceConfig,
    SetInstanceDevice,
    StartContainer,
)
from homelab.model.place import HOST, Place, guest
from homelab.system import lxd_write
from homelab.system.carry_out import carry_out
from homelab.system.doors import Door

ETH0 = {
    "host_name": "veth1",
    "addresses": [{"family": "inet", "address": "10.77.0.11", "scope": "global"}],
}


@dataclass(slots=True)
class Lxd:
    """One instance; each PUT of it changes its ETag, and so does ``meddling`` before a PUT."""

    config: dict[str, str] = field(default_factory=lambda: {"a": "1", "volatile.x": "y"})
    devices: dict[str, Any] = field(default_factory=lambda: {"root": {"type": "disk"}})
    status: str = "Running"
    meddling: int = 0
    network: dict[str, Any] = field(default_factory=lambda: {"eth0": ETH0, "docker0": {}})
    refusal: str = ""
    etag: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any, match: str | None) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if path == "/1.0/instances/web" and method == "PUT":
            return self._put(body, match)
        if path == "/1.0/instances/web/state" and method == "PUT":
            self.asked.append(body["action"])
            self.status = "Running"
            return 202, {"type": "async", "operation": "/1.0/operations/1"}
        found = {
            "/1.0": {"auth": "trusted", "environment": {}, "api_extensions": []},
            "/1.0/instances/web": {
                "architecture": "x86_64",
                "config": self.config,
                "devices": self.devices,
                "status": self.status,
            },
            "/1.0/instances/web/state": {
                "status": self.status,
                "pid": os.getpid(),
                "network": self.network,
            },
            "/1.0/operations/1": {"id": "1", "status_code": 200},
            "/1.0/operations/1/wait": self._operation(),
        }.get(path)
        return (
            (200, {"type": "sync", "metadata": found})
            if found
            else (404, {"error": "Instance not found"})
        )

    def _operation(self) -> dict[str, Any]:
        failed = {"id": "1", "status": "Failure", "status_code": 400, "err": self.refusal}
        return failed if self.refusal else {"id": "1", "status": "Success", "status_code": 200}

    def _put(self, body: Any, match: str | None) -> tuple[int, Any]:
        if self.meddling:
            self.meddling -= 1
            self.etag += 1
        if match != str(self.etag):
            return 412, {"error": "Precondition failed"}
        self.etag += 1
        self.config, self.devices = body["config"], body["devices"]
        assert set(body) == {"architecture", "config", "devices"}
        return 202, {"type": "async", "operation": "/1.0/operations/1"}


@contextmanager
def served(folder: Path, lxd: Lxd) -> Iterator[pylxd.Client]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            body = json.loads(text) if text else None
            etag = str(lxd.etag)
            status, answer = lxd.answer(self.command, path, body, self.headers.get("If-Match"))
            said = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_PUT = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    path = str(folder / "unix.socket")
    with socketserver.ThreadingUnixStreamServer(path, Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = pylxd.Client(endpoint=path, timeout=5)
        try:
            yield client
        finally:
            client.api.session.close()
            server.shutdown()


def config(**change: str | None) -> SetInstanceConfig:
    return SetInstanceConfig(HOST, "web", change, {})


def test_keys_are_set_and_unset_and_the_others_stay(tmp_path: Path) -> None:
    lxd = Lxd()
    with served(tmp_path, lxd) as client:
        lxd_write.set_config(client, config(a=None, b="2"))

    assert lxd.config == {"b": "2", "volatile.x": "y"}
    assert lxd.devices == {"root": {"type": "disk"}}


def test_a_device_is_set_whole_and_taken_away(tmp_path: Path) -> None:
    lxd = Lxd()
    nic = {"type": "nic", "ipv4.address": "10.77.0.11"}
    with served(tmp_path, lxd) as client:
        lxd_write.set_device(client, SetInstanceDevice(HOST, "web", "eth0", nic, None))
        assert lxd.devices == {"root": {"type": "disk"}, "eth0": nic}
        lxd_write.set_device(client, SetInstanceDevice(HOST, "web", "eth0", None, nic))

    assert lxd.devices == {"root": {"type": "disk"}}


def test_an_instance_that_changes_meanwhile_is_read_again(tmp_path: Path) -> None:
    lxd = Lxd(meddling=2)
    with served(tmp_path, lxd) as client:
        lxd_write.set_config(client, config(b="2"))

    assert lxd.config["b"] == "2"


def test_an_instance_that_never_rests_is_left_alone(tmp_path: Path) -> None:
    lxd = Lxd(meddling=9)
    with (
        served(tmp_path, lxd) as client,
        pytest.raises(OperationError, match="changed by somebody else 3 times in a row"),
    ):
        lxd_write.set_config(client, config(b="2"))

    assert "b" not in lxd.config


def test_a_refusal_is_told_in_the_words_of_lxd(tmp_path: Path) -> None:
    with served(tmp_path, Lxd(refusal="Invalid devices")) as client:
        with pytest.raises(OperationError, match="host: instance web: Invalid devices"):
            lxd_write.set_config(client, config(b="2"))
        with pytest.raises(OperationError, match=r"host: instance none: .*not found"):
            lxd_write.set_config(client, SetInstanceConfig(HOST, "none", {}, {}))


def test_a_guest_is_back_when_it_runs_and_has_the_addresses_it_had(tmp_path: Path) -> None:
    lxd = Lxd()
    with served(tmp_path, lxd) as client:
        lxd_write.restart(client, RestartInstance(HOST, "web"), with_docker=False)
        assert "restart" in lxd.asked
        lxd.status = "Stopped"
        lxd_write.restart(client, RestartInstance(HOST, "web"), with_docker=False)

    assert "start" in lxd.asked


def test_a_guest_that_does_not_come_back_is_given_up(tmp_path: Path) -> None:
    with (
        served(tmp_path, Lxd()) as client,
        pytest.raises(OperationError, match="its Docker daemon does not answer; see lxc info"),
    ):
        lxd_write.restart(client, RestartInstance(HOST, "web"), with_docker=True, patience=0.3)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"network": {}}, "the guest has no address"), ({"status": "Frozen"}, "does not run")],
)
def test_what_a_guest_lacks_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    lxd = Lxd()
    with served(tmp_path, lxd) as client:
        for key, value in change.items():
            setattr(lxd, key, value)
        wanted = RestartInstance(HOST, "web")
        assert said in lxd_write.missing(client, wanted, {"inet"}, with_docker=False)


class OnlyLxd:
    """A machine with an LXD and no Docker anywhere."""

    def __init__(self, client: pylxd.Client) -> None:
        self.client = client

    def door(self, place: Place) -> Door:
        raise OperationError(f"{place}: no such place")

    def docker(self, place: Place) -> docker.APIClient:
        raise OperationError(f"{place}: docker: daemon down")

    def lxd(self) -> pylxd.Client:
        return self.client


def test_operations_on_an_instance_go_to_lxd(tmp_path: Path) -> None:
    lxd = Lxd()
    with served(tmp_path, lxd) as client:
        carry_out(config(b="2"), OnlyLxd(client))
        carry_out(SetInstanceDevice(HOST, "web", "x", {"type": "none"}, None), OnlyLxd(client))
        carry_out(RestartInstance(HOST, "web"), OnlyLxd(client))

    assert lxd.config["b"] == "2"
    assert lxd.devices["x"] == {"type": "none"}


WEB = guest("web")


@pytest.mark.parametrize(
    "operation",
    [
        CreateDockerNetwork(WEB, DockerNetwork("", "apps")),
        RemoveDockerNetwork(WEB, DockerNetwork("", "apps")),
        ConnectContainer(WEB, "one", Attachment("apps")),
        DisconnectContainer(WEB, "one", Attachment("apps")),
        StartContainer(WEB, "one"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_operations_on_a_daemon_need_one(tmp_path: Path, operation: Operation) -> None:
    with (
        served(tmp_path, Lxd()) as client,
        pytest.raises(OperationError, match="guest:web: docker: daemon down"),
    ):
        carry_out(operation, OnlyLxd(client))
