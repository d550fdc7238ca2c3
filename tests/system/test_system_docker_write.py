"""What is asked of a Docker daemon, and what becomes of its refusals; the daemon is a small server."""

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar

import docker
import pytest

from homelab.errors import OperationError
from homelab.model.docker import Attachment, DockerNetwork, DockerSubnet
from homelab.model.operation import (
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    RemoveDockerNetwork,
    StartContainer,
)
from homelab.model.place import guest
from homelab.system import docker_write

WEB = guest("web")
APPS = DockerNetwork(
    "",
    "apps",
    subnets=(DockerSubnet(ip_network("10.90.1.0/24"), ip_address("10.90.1.1")),),
    options={"a": "b"},
    labels={"homelab.network": "web/apps"},
)
WHOLE = Attachment(
    "apps",
    ipv4=ip_address("10.90.1.7"),
    fixed_ipv6=ip_address("fd90::7"),
    mac="02:42:0a:5a:01:07",
    aliases=("one",),
    driver_options={"x": "y"},
    gateway_priority=5,
)
ID = "a" * 64


class Answers(BaseHTTPRequestHandler):
    """Answers each ``METHOD path`` with what it is told, and remembers what was sent."""

    told: ClassVar[Mapping[str, tuple[int, object]]] = {}
    asked: ClassVar[list[tuple[str, Any]]] = []

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = f"{self.command} {self.path.partition('?')[0]}"
        self.asked.append((path, json.loads(body) if body else None))
        status, answer = self.told.get(path, (404, {"message": "no such thing"}))
        text = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def daemon(
    folder: Path, told: Mapping[str, tuple[int, object]], version: str = "1.48"
) -> Iterator[tuple[docker.APIClient, list[tuple[str, Any]]]]:
    path = str(folder / "docker.sock")
    asked: list[tuple[str, Any]] = []
    handler = type("Told", (Answers,), {"told": told, "asked": asked})
    with socketserver.ThreadingUnixStreamServer(path, handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with docker.APIClient(f"unix://{path}", version=version, timeout=5) as client:
            yield client, asked
        server.shutdown()


def test_a_network_is_created_as_it_is_meant(tmp_path: Path) -> None:
    told = {"POST /v1.48/networks/create": (201, {"Id": ID})}
    with daemon(tmp_path, told) as (client, asked):
        docker_write.create_network(client, CreateDockerNetwork(WEB, APPS))

    ((_, body),) = asked
    assert body["CheckDuplicate"] is True
    assert body["IPAM"]["Config"][0] == {
        "Subnet": "10.90.1.0/24",
        "IPRange": None,
        "Gateway": "10.90.1.1",
        "AuxiliaryAddresses": None,
    }
    assert body["Options"] == {"a": "b"}
    assert body["Labels"] == {"homelab.network": "web/apps"}


def test_an_overlap_is_named(tmp_path: Path) -> None:
    other = {
        "Name": "old",
        "Id": ID,
        "Driver": "bridge",
        "IPAM": {"Config": [{"Subnet": "10.90.0.0/16"}]},
    }
    told = {
        "POST /v1.48/networks/create": (403, {"message": "Pool overlaps"}),
        "GET /v1.48/networks": (200, [other]),
    }
    with daemon(tmp_path, told) as (client, _), pytest.raises(OperationError) as error:
        docker_write.create_network(client, CreateDockerNetwork(WEB, APPS))

    assert str(error.value) == (
        "guest:web: docker network create apps: Pool overlaps; 10.90.1.0/24 overlaps network old "
        "with 10.90.0.0/16; remove it, or take another subnet"
    )


def test_any_other_refusal_is_told_as_it_is(tmp_path: Path) -> None:
    told = {
        "POST /v1.48/networks/create": (500, {"message": "out of cheese"}),
        "GET /v1.48/networks": (200, []),
    }
    with (
        daemon(tmp_path, told) as (client, _),
        pytest.raises(OperationError, match=r"docker network create apps: out of cheese$"),
    ):
        docker_write.create_network(client, CreateDockerNetwork(WEB, APPS))


def test_only_the_network_that_was_read_is_removed_and_only_when_it_is_empty(
    tmp_path: Path,
) -> None:
    listed = [{"Id": "c" * 64, "Names": ["/old"], "NetworkSettings": {"Networks": {"apps": {}}}}]
    told: dict[str, tuple[int, object]] = {
        "GET /v1.48/networks/apps": (200, {"Id": ID}),
        "GET /v1.48/containers/json": (200, listed),
        f"DELETE /v1.48/networks/{ID}": (204, None),
    }
    with daemon(tmp_path, told) as (client, asked):
        with pytest.raises(OperationError, match=r"has containers attached \(old\)"):
            docker_write.remove_network(client, RemoveDockerNetwork(WEB, APPS))
        other = DockerNetwork("b" * 64, "apps")
        with pytest.raises(OperationError, match="is another one now"):
            docker_write.remove_network(client, RemoveDockerNetwork(WEB, other))
        listed[0]["NetworkSettings"] = {}
        docker_write.remove_network(client, RemoveDockerNetwork(WEB, APPS))

    assert [path for path, _ in asked if path.startswith("DELETE")] == [
        f"DELETE /v1.48/networks/{ID}"
    ]


def test_a_container_comes_back_with_all_it_had(tmp_path: Path) -> None:
    told = {"POST /v1.48/networks/apps/connect": (200, None)}
    with daemon(tmp_path, told) as (client, asked):
        docker_write.connect_container(client, ConnectContainer(WEB, "one", WHOLE))

    assert asked == [
        (
            "POST /v1.48/networks/apps/connect",
            {
                "Container": "one",
                "EndpointConfig": {
                    "IPAMConfig": {"IPv4Address": "10.90.1.7", "IPv6Address": "fd90::7"},
                    "Aliases": ["one"],
                    "DriverOpts": {"x": "y"},
                    "MacAddress": "02:42:0a:5a:01:07",
                    "GwPriority": 5,
                },
            },
        )
    ]


def test_what_an_old_daemon_does_not_know_is_left_out() -> None:
    assert set(docker_write.endpoint(WHOLE, (1, 47))) >= {"MacAddress"}
    assert set(docker_write.endpoint(WHOLE, (1, 41))) == {"IPAMConfig", "Aliases", "DriverOpts"}
    assert docker_write.endpoint(Attachment("apps"), (1, 48)) == {}


@pytest.mark.parametrize("answer", [{"message": "no such network"}, [], None])
def test_a_refused_connection_is_told(tmp_path: Path, answer: object) -> None:
    told = {"POST /v1.48/networks/apps/connect": (404, answer)}
    with (
        daemon(tmp_path, told) as (client, _),
        pytest.raises(
            OperationError, match=r"docker network connect apps one: (no such|status 404)"
        ),
    ):
        docker_write.connect_container(client, ConnectContainer(WEB, "one", WHOLE))


def test_a_container_is_disconnected_and_started(tmp_path: Path) -> None:
    told: dict[str, tuple[int, object]] = {
        "POST /v1.48/networks/apps/disconnect": (200, None),
        "POST /v1.48/containers/one/start": (204, None),
    }
    with daemon(tmp_path, told) as (client, asked):
        docker_write.disconnect_container(client, DisconnectContainer(WEB, "one", WHOLE))
        docker_write.start_container(client, StartContainer(WEB, "one"))
        with pytest.raises(OperationError, match="docker start two: no such thing"):
            docker_write.start_container(client, StartContainer(WEB, "two"))

    assert [path for path, _ in asked][:2] == list(told)


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", "-a", "a" * 200])
def test_a_name_that_is_no_single_word_never_reaches_the_daemon(tmp_path: Path, name: str) -> None:
    with daemon(tmp_path, {}) as (client, asked), pytest.raises(OperationError, match="is no name"):
        docker_write.start_container(client, StartContainer(WEB, name))
    assert asked == []
