"""LXD or Incus of this host, asked through its Unix socket."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from homelab.errors import UnreadableError
from homelab.model.lxc import PLAIN, Runtime
from homelab.system.parse_lxd import parse_runtime
from homelab.system.reasons import reason, reasons
from homelab.system.rows import listing
from homelab.system.unix import knock

if TYPE_CHECKING:
    import pylxd

TIMEOUT = 5.0

_PLACES = {
    "lxd": ("/var/snap/lxd/common/lxd", "/var/lib/lxd"),
    "incus": ("/run/incus", "/var/lib/incus"),
}
_VARIABLES = {"lxd": "LXD_DIR", "incus": "INCUS_DIR"}


def sockets(environment: Mapping[str, str], kind: str = "auto") -> Iterator[str]:
    """Where LXD and Incus listen, the most particular first; nowhere for a kind without an API."""
    if kind in PLAIN:
        return
    kinds = [kind] if kind in _PLACES else list(_PLACES)
    said = [environment[_VARIABLES[each]] for each in kinds if environment.get(_VARIABLES[each])]
    for folder in (*said, *(folder for each in kinds for folder in _PLACES[each])):
        yield f"{folder}/unix.socket"


def absent(kind: str) -> str:
    """That nobody listens; of the one that the inventory asks for, that it does."""
    name = {"lxd": "LXD", "incus": "Incus"}.get(kind)
    return f"there is no {name} here; see the host's `runtime`" if name else NEITHER


NEITHER = "there is no LXD or Incus here"


def read_runtime(kind: str = "auto", timeout: float = TIMEOUT) -> Runtime | None:
    """What the first daemon that answers says; None when there is no LXD or Incus here.

    ``UnreadableError`` with the reason when there is one and it cannot be asked.
    """
    client = _first(kind, timeout)
    return None if client is None else _ask(client, timeout)


def connect(kind: str = "auto", timeout: float = TIMEOUT) -> "pylxd.Client":
    """A client of the first daemon that answers; ``UnreadableError`` when none does."""
    client = _first(kind, timeout)
    if client is None:
        raise UnreadableError(absent(kind))
    return client


def _first(kind: str, timeout: float) -> "pylxd.Client | None":
    troubles = []
    for path in sockets(os.environ, kind):
        try:
            if _is_socket(path):
                return _client(path, timeout)
        except UnreadableError as error:
            troubles.append(f"{path}: {error}")
    if troubles:
        raise UnreadableError("; ".join(troubles))
    return None


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except PermissionError as error:
        raise UnreadableError(reason(error)) from error
    except OSError:
        return False


def _client(path: str, timeout: float) -> "pylxd.Client":
    import pylxd.client  # noqa: PLC0415 - costs 170 ms, and not every command asks LXD

    endpoint = f"http+unix://{quote(path, safe='')}"
    session = pylxd.client.get_session_for_url(endpoint)
    with reasons(timeout, *library()), ExitStack() as failed:
        failed.callback(session.close)
        knock(path, timeout)
        client = pylxd.Client(endpoint=endpoint, session=session, timeout=timeout)
        failed.pop_all()
        return client


def _ask(client: "pylxd.Client", timeout: float) -> Runtime:
    with closing(client.api.session), reasons(timeout, *library()):
        return parse_runtime(
            client.host_info,
            listing(_get(client.api.instances, 2)),
            listing(_get(client.api.networks, 1)),
        )


def _get(node: Any, recursion: int) -> object:
    return node.get(params={"recursion": recursion}).json().get("metadata")


def library() -> tuple[type[Exception], ...]:
    from pylxd import exceptions  # noqa: PLC0415 - as above

    return exceptions.LXDAPIException, exceptions.ClientConnectionFailed
