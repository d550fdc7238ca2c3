"""Guests of LXD or Incus: their keys and devices, each in one request, and their restart."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from homelab.errors import OperationError, UnreadableError
from homelab.model.operation import RestartInstance, SetInstanceConfig, SetInstanceDevice
from homelab.model.place import Place
from homelab.system import docker_read
from homelab.system.reasons import reasons
from homelab.system.rows import Row, count, inner, items, row, text

if TYPE_CHECKING:
    import pylxd

# What a PUT of an instance replaces (InstancePut in LXD's shared/api/instance.go).
_WRITABLE = (
    "architecture",
    "config",
    "devices",
    "ephemeral",
    "profiles",
    "stateful",
    "description",
)
_TRIES = 3
_STOP = 30
PATIENCE = 30.0
_PAUSE = 0.2


def set_config(client: "pylxd.Client", operation: SetInstanceConfig) -> None:
    """Set and unset keys; those not named stay as they are."""

    def changed(found: Row) -> dict[str, Any]:
        config = {**inner(found, "config"), **operation.config}
        return {"config": {key: value for key, value in config.items() if value is not None}}

    _change(client, operation.place, operation.instance, changed)


def set_device(client: "pylxd.Client", operation: SetInstanceDevice) -> None:
    """Put one device of the instance's own, or take it away."""

    def changed(found: Row) -> dict[str, Any]:
        own = inner(found, "devices")
        others = {name: device for name, device in own.items() if name != operation.device}
        if operation.config is None:
            return {"devices": others}
        return {"devices": {**others, operation.device: dict(operation.config)}}

    _change(client, operation.place, operation.instance, changed)


def _change(
    client: "pylxd.Client", place: Place, name: str, changed: Callable[[Row], Mapping[str, Any]]
) -> None:
    """One PUT of the whole instance, valid only for the very state that was read (its ETag)."""
    with _refusals(place, f"instance {name}"):
        for _ in range(_TRIES):
            answer = client.api.instances[name].get()
            found = row(answer.json()["metadata"])
            body = {**{key: found[key] for key in _WRITABLE if key in found}, **changed(found)}
            if _put(client, name, body, answer.headers.get("ETag", "")):
                return
    raise OperationError(
        f"{place}: instance {name} was changed by somebody else {_TRIES} times in a row; "
        "run it again when that has ended"
    )


def _put(client: "pylxd.Client", name: str, body: Mapping[str, Any], etag: str) -> bool:
    """Whether it took; False when the instance is no longer as it was read."""
    from pylxd.exceptions import LXDAPIException  # noqa: PLC0415 - it is loaded: there is a client

    try:
        headers = {"If-Match": etag} if etag else {}
        answer = client.api.instances[name].put(json=body, headers=headers)
    except LXDAPIException as error:
        # 412: LXD itself writes volatile.* keys while it starts or stops an instance.
        if error.response.status_code == _PRECONDITION_FAILED:
            return False
        raise
    _wait(client, answer)
    return True


_PRECONDITION_FAILED = 412


def _wait(client: "pylxd.Client", answer: Any) -> None:
    operation = answer.json().get("operation")
    if operation:
        client.operations.wait_for_operation(operation)


def restart(
    client: "pylxd.Client",
    operation: RestartInstance,
    *,
    with_docker: bool,
    patience: float = PATIENCE,
) -> None:
    """Restart the guest, or start it; return when it runs, has its addresses and answers.

    A guest that does not shut down is not killed: that could cost its data.
    """
    place, name = operation.place, operation.instance
    with _refusals(place, f"instance {name}"):
        before = _state(client, name)
        action = "restart" if text(before, "status") == "Running" else "start"
        wanted = {"action": action, "timeout": _STOP, "force": False}
        _wait(client, client.api.instances[name].state.put(json=wanted))
    deadline = time.monotonic() + patience
    families = _addresses(before)
    while lacking := missing(client, operation, families, with_docker=with_docker):
        if time.monotonic() > deadline:
            raise OperationError(
                f"{place}: instance {name}: {patience:g} s after its restart {lacking}; "
                f"see lxc info {name}"
            )
        time.sleep(_PAUSE)


def missing(
    client: "pylxd.Client", operation: RestartInstance, families: set[str], *, with_docker: bool
) -> str:
    """What the guest still lacks to be back; empty when it is."""
    with _refusals(operation.place, f"instance {operation.instance}"):
        now = _state(client, operation.instance)
    if text(now, "status") != "Running":
        return "the guest does not run"
    if not families <= _addresses(now):
        return "the guest has no address"
    if with_docker and not _docker_answers(count(now, "pid")):
        return "its Docker daemon does not answer"
    return ""


def _state(client: "pylxd.Client", name: str) -> Row:
    return row(client.api.instances[name].state.get().json()["metadata"])


def _addresses(state: Row) -> set[str]:
    """Families of which the guest has an address that is reachable from outside, on eth0 and the like.

    Links that Docker made in the guest say nothing: they come and go with its daemon.
    """
    links = inner(state, "network")
    return {
        text(address, "family")
        for name in links
        if text(inner(links, name), "host_name")
        for address in items(inner(links, name), "addresses")
        if text(address, "scope") == "global"
    }


def _docker_answers(pid: int) -> bool:
    try:
        docker_read.connect(f"/proc/{pid}/root").close()
    except UnreadableError:
        return False
    return True


@contextmanager
def _refusals(place: Place, what: str) -> Iterator[None]:
    """All that LXD or the way to it can do wrong becomes ``OperationError``."""
    from pylxd.exceptions import (  # noqa: PLC0415 - it is loaded: there is a client
        ClientConnectionFailed,
        LXDAPIException,
    )

    try:
        with reasons(_STOP, LXDAPIException, ClientConnectionFailed):
            yield
    except UnreadableError as error:
        raise OperationError(f"{place}: {what}: {error}") from error
