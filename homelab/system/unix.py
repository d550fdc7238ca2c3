"""Opening a Unix socket of a guest, such that the guest cannot lead the host to another one.

A guest owns its file system: it may put a symbolic link where its Docker socket is expected, and a
host that followed it through /proc/PID/root would end at a socket of its own, with root's rights.
openat2(2) resolves every link, also an absolute one, below the guest's root.
"""

import ctypes
import errno
import os
import socket
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# linux/openat2.h; the system call has this number on every architecture but alpha.
_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_RETRIES = 16

_libc = ctypes.CDLL(None, use_errno=True)


def _openat2(directory: int, path: str) -> int:
    how = struct.pack(
        "=QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS
    )
    for _ in range(_RETRIES):
        found = _libc.syscall(_SYS_OPENAT2, directory, os.fsencode(path), how, len(how))
        if found >= 0:
            return int(found)
        # The kernel gives up with EAGAIN when something is renamed while it resolves a "..".
        if ctypes.get_errno() != errno.EAGAIN:
            break
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


@contextmanager
def _root(path: str) -> Iterator[int]:
    directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield directory
    finally:
        os.close(directory)


def open_socket(root: str, paths: Sequence[str]) -> int | None:
    """O_PATH descriptor of the first of ``paths`` that exists, seen with ``root`` as the root directory.

    None when none exists; ``OSError`` when it is no socket or cannot be reached. Connect to it by
    ``/proc/self/fd/N``: that is the very inode that was looked at here.
    """
    with _root(root) as directory:
        for path in paths:
            try:
                found = _openat2(directory, path)
            except FileNotFoundError:
                continue
            if stat.S_ISSOCK(os.fstat(found).st_mode):
                return found
            os.close(found)
            raise OSError(errno.ENOTSOCK, "is no socket", path)
    return None


def read_below(root: str, path: str, limit: int, *, tail: bool = False) -> bytes | None:
    """The first bytes (or the last) of a regular file, seen with ``root`` as the root directory; None without it.

    ``OSError`` when it is something else or cannot be read: what a guest puts there may be a device or a pipe.
    """
    with _root(root) as directory:
        try:
            found = _openat2(directory, path)
        except FileNotFoundError:
            return None
    try:
        about = os.fstat(found)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", path)
        with open(f"/proc/self/fd/{found}", "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.seek(max(0, about.st_size - limit) if tail else 0)
            return file.read(limit)
    finally:
        os.close(found)


def exists_below(root: str, paths: Sequence[str]) -> bool:
    """Whether one of the paths exists, seen with ``root`` as the root directory."""
    with _root(root) as directory:
        for path in paths:
            with suppress(OSError):
                os.close(_openat2(directory, path))
                return True
    return False


def knock(path: str, timeout: float) -> None:
    """Raise ``OSError`` when nobody listens.

    The clients of docker-py and pylxd leave their sockets open when they meet that themselves.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(path)


def listens_here(path: str) -> bool:
    """Whether who listens on a socket of this machine lives in our own network namespace.

    True also when that cannot be seen for lack of permission: who asks will be told so.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(path)
        except OSError as error:
            return isinstance(error, PermissionError)
        # unix(7): the credentials are those of the process that called listen(2).
        pid, _, _ = struct.unpack(
            "=iII", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
    return in_our_netns(pid) is not False


def in_our_netns(pid: int) -> bool | None:
    """Whether a process is in our network namespace; None when that cannot be seen."""
    try:
        return Path(f"/proc/{pid}/ns/net").samefile("/proc/self/ns/net")
    except OSError:
        return None
