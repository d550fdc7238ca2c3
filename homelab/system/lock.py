"""One change at a time: a lock that the kernel gives back when its holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from homelab.errors import OperationError
from homelab.system.journal import state_folder

PATIENCE = 600.0
_PAUSE = 0.1


class HeldError(OperationError):
    """Another process changes the lab."""

    exit_code = 1


@contextmanager
def locked(
    who: str, *, wait: bool, tell: Callable[[str], None], folder: Path | None = None
) -> Iterator[None]:
    """Hold the lab's lock; ``who`` is what another process is told of us.

    ``tell`` hears once of whom we wait for. Raises ``HeldError`` naming the holder, at once without
    ``wait``, else after ten minutes. flock(2) goes with its process, so a dead holder is no obstacle.
    """
    handle = _open(folder or state_folder())
    try:
        _take(handle, wait=wait, tell=tell)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{who}, pid {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    file = folder / "lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OperationError(f"{file}: {error.strerror}; run as root") from error


def _take(handle: int, *, wait: bool, tell: Callable[[str], None]) -> None:
    deadline = time.monotonic() + (PATIENCE if wait else 0)
    told = False
    while not _is_ours(handle):
        holder = _holder(handle)
        if time.monotonic() >= deadline:
            raise HeldError(f"another homelab changes this lab: {holder}; try again when it ended")
        if not told:
            tell(f"waiting for another homelab: {holder}")
            told = True
        time.sleep(_PAUSE)


def _is_ours(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> str:
    return os.pread(handle, 200, 0).decode(errors="replace") or "it has not said who it is"
