"""The event streams of the Docker daemons and of LXD or Incus; each is followed by a thread of its own."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread
from typing import Any

from homelab.errors import OperationError, UnreadableError
from homelab.model.place import Place
from homelab.system import lxd_read
from homelab.system.docker_read import SOCKETS
from homelab.system.unix import open_socket

Heard = Callable[[], None]
Root = Callable[[], str | None]
"""The root directory of a place as it is now; None while it does not run."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_LXD_PATIENCE = 60.0
# Docker Engine API, "Monitor events"; without a version in its path a daemon answers in its own.
_REQUEST = (
    b"GET /events?filters=%7B%22type%22%3A%5B%22network%22%2C%22daemon%22%5D%7D HTTP/1.0\r\n"
    b"Host: docker\r\n\r\n"
)
_CHUNK = 1 << 16


def follow_docker(place: Place, root: Root, heard: Heard) -> None:
    """Tell whenever a network of this daemon changes, when it starts to answer, and when it ends."""
    Thread(
        target=_for_ever, args=(lambda: _docker(root, heard), heard), name=place, daemon=True
    ).start()


def follow_lxd(kind: str, heard: Heard) -> None:
    """Tell whenever an instance, network or profile changes, and when the daemon comes or goes."""
    Thread(
        target=_for_ever, args=(lambda: _lxd(kind, heard), heard), name="lxd", daemon=True
    ).start()


def _for_ever(follow: Callable[[], bool], heard: Heard) -> None:
    """Connect again whenever a stream has ended, later and later while nobody answers."""
    pause = _FIRST_PAUSE
    while True:
        answered = False
        with suppress(OSError, OperationError, UnreadableError):
            answered = follow()
        if answered:
            heard()
        pause = _FIRST_PAUSE if answered else min(2 * pause, _LONGEST_PAUSE)
        time.sleep(pause)


def _docker(root: Root, heard: Heard) -> bool:
    """Whether the daemon answered at all. What a guest's daemon says is not parsed: it said something."""
    with _connected(root()) as stream:
        if stream is None:
            return False
        stream.sendall(_REQUEST)
        answered = False
        while stream.recv(_CHUNK):
            answered = True
            heard()
        return answered


@contextmanager
def _connected(root: str | None) -> Iterator[socket.socket | None]:
    handle = open_socket(root, SOCKETS) if root is not None else None
    if handle is None:
        yield None
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.connect(f"/proc/self/fd/{handle}")
            yield stream
    finally:
        os.close(handle)


def _lxd(kind: str, heard: Heard) -> bool:
    client = lxd_read.connect(kind, _LXD_PATIENCE)
    from pylxd.client import EventType  # noqa: PLC0415 - as slow to import as in lxd_read

    with closing(client.api.session):
        stream = client.events(event_types={EventType.Lifecycle})
        stream.received_message = lambda _: heard()
        return _run(stream, heard)


def _run(stream: Any, heard: Heard) -> bool:
    """ws4py raises its own and the websocket's errors; what they say is that nobody is there."""
    from ws4py.exc import WebSocketException  # noqa: PLC0415 - comes with pylxd

    try:
        stream.connect()
        heard()
        stream.run()
    except WebSocketException as error:
        raise OperationError(f"the events of LXD: {error}") from error
    return True
