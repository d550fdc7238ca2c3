"""The Docker daemon of a guest or of the host, asked through its own socket, within a bounded time."""

import io
import os
import re
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from homelab.errors import UnreadableError
from homelab.model.docker import Daemon
from homelab.system.parse_docker import container_id, parse_daemon
from homelab.system.patience import within
from homelab.system.reasons import reason, reasons
from homelab.system.rows import Row, UnparsableError, listing, row, text
from homelab.system.unix import exists_below, knock, open_socket

if TYPE_CHECKING:
    import docker

SOCKETS = ("run/docker.sock", "var/run/docker.sock")
TRACES = ("var/lib/docker", "usr/bin/dockerd", "usr/sbin/dockerd", "usr/local/bin/dockerd")
TIMEOUT = 3.0

# A daemon answers GET /version in any version of the API; docker-py demands that one be named.
_FLOOR = "1.24"
# The newest version whose answers were seen: a newer daemon speaks it too.
_NEWEST = (1, 51)
_FIREWALL_BACKEND = (1, 49)
_LIMIT = 64 * 1024 * 1024
_NO_SOCKET = "daemon down: there is no /run/docker.sock"


def read_daemon(root: str, timeout: float = TIMEOUT) -> Daemon | None:
    """The daemon below a root directory such as /proc/PID/root; None when no Docker lives there.

    ``UnreadableError`` with the reason when there are traces of one and it cannot be asked.
    """
    # A timeout of a socket counts for one read: a daemon that sends a byte now and then would
    # hold us for ever.
    try:
        return within(2 * timeout, lambda: _read(root, timeout))
    except TimeoutError as error:
        raise UnreadableError(str(error)) from error


def connect(root: str, timeout: float = TIMEOUT) -> "docker.APIClient":
    """A client of the daemon below ``root``, in the newest version of the API that both know.

    ``UnreadableError`` when there is no socket, when it is not the guest's own, or when nobody
    answers. The socket's descriptor is closed when the client is no longer used.
    """
    handle = _socket(root)
    if handle is None:
        raise UnreadableError(_NO_SOCKET)
    try:
        client, _ = _connect(handle, timeout)
    except UnreadableError:
        os.close(handle)
        raise
    weakref.finalize(client, os.close, handle)
    return client


def _read(root: str, timeout: float) -> Daemon | None:
    handle = _socket(root)
    if handle is None and not exists_below(root, TRACES):
        return None
    if handle is None:
        raise UnreadableError(_NO_SOCKET)
    try:
        client, about = _connect(handle, timeout)
        client.hooks["response"].append(_bounded)
        with client, reasons(timeout, _library()):
            return _ask(client, about)
    finally:
        os.close(handle)


def _socket(root: str) -> int | None:
    try:
        return open_socket(root, SOCKETS)
    except OSError as error:
        raise UnreadableError(f"docker.sock: {reason(error)}") from error


def _connect(handle: int, timeout: float) -> tuple["docker.APIClient", Row]:
    with reasons(timeout, _library()):
        knock(f"/proc/self/fd/{handle}", timeout)
        with _client(handle, _FLOOR, timeout) as first:
            first.hooks["response"].append(_bounded)
            about = row(first.version(api_version=False))
        spoken = min(_version(text(about, "ApiVersion")), _NEWEST)
        return _client(handle, ".".join(map(str, spoken)), timeout), about


def _client(handle: int, version: str, timeout: float) -> "docker.APIClient":
    import docker  # noqa: PLC0415 - costs 180 ms, and not every command asks a daemon

    client = docker.APIClient(f"unix:///proc/self/fd/{handle}", version=version, timeout=timeout)  # type: ignore[arg-type] # stubs say int; requests takes any number
    client.trust_env = False
    return client


def _library() -> type[Exception]:
    import docker.errors  # noqa: PLC0415 - as above

    return docker.errors.DockerException


def _version(written: str) -> tuple[int, int]:
    matched = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", written)
    if not matched:
        raise UnparsableError(f"not a version of the API: {written[:40]!r}")
    return int(matched[1]), int(matched[2])


def _ask(client: "docker.APIClient", about: Row) -> Daemon:
    tells_firewall = _version(text(about, "ApiVersion")) >= _FIREWALL_BACKEND
    listed = listing(client.containers(all=True))
    return parse_daemon(
        version=about,
        info=client.info() if tells_firewall else {},
        networks=listing(client.networks()),
        containers=list(_inspected(client, [container_id(each) for each in listed])),
    )


def _inspected(client: "docker.APIClient", ids: Iterable[str]) -> Iterator[object]:
    import docker.errors  # noqa: PLC0415 - as above

    for each in ids:
        # A container may go between the list and the question.
        with suppress(docker.errors.NotFound):
            yield client.inspect_container(each)


def _bounded(response: Any, **_: object) -> None:
    """Take no more than so much of an answer, whatever the daemon sends."""
    raw = response.raw
    body = raw.read(_LIMIT + 1, decode_content=True)
    if len(body) > _LIMIT:
        raw.close()
        raise UnparsableError(f"an answer of more than {_LIMIT} bytes")
    raw.release_conn()
    response.raw = io.BytesIO(body)
