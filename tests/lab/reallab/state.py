"""Where the lab keeps its files, and the lock that lets only one command change it."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reallab.commands import LabError, say

LAB = Path(__file__).resolve().parent.parent
CACHE = LAB / ".cache"
SHIM = LAB / "shim"

# Labs of different names live side by side and share nothing but the images.
_NAME = os.environ.get("HOMELAB_LAB", "")
_SUFFIX = f"-{_NAME}" if _NAME else ""
TITLE = f"homelab-lab{_SUFFIX}"

# A socket's path has at most 107 bytes, so the folder has a short name inside the lab. Outside it
# only holds the pointer to the files, which are too big for a /run in memory.
_RUN = Path("/run")
INSIDE = _RUN / TITLE
_POINTER = INSIDE / "where"
_LOCK = _RUN / f"{TITLE}.lock"
_FOLDER = LAB / f".run{_SUFFIX}"
_MADE = "made"


def refuse_odd_name() -> None:
    if not re.fullmatch(r"[a-z0-9]{0,12}", _NAME):
        raise LabError(
            f"HOMELAB_LAB={_NAME}: a lab's name has at most 12 characters of a-z and 0-9"
        )


def folder() -> Path:
    """The files of the lab that is up, whichever checkout brought it up, else of this one's."""
    return _recorded(_POINTER) or _FOLDER


def create(mount_points: tuple[str, ...]) -> Path:
    """The folder for a lab to come, and the empty folders that it mounts over."""
    _FOLDER.mkdir(mode=0o711)
    made = [path for path in mount_points if not Path(path).exists()]
    (_FOLDER / _MADE).write_text("".join(f"{path}\n" for path in made))
    for path in (*made, str(INSIDE)):
        Path(path).mkdir(parents=True, exist_ok=True)
    # The second one is what a lab command that runs inside the lab finds.
    for pointer in (_POINTER, _FOLDER / _POINTER.name):
        pointer.write_text(str(_FOLDER))
    return _FOLDER


def remove() -> None:
    """Remove the files of a lab that has no process left; nothing of it is mounted here."""
    state = folder()
    _refuse_if_mounted(state)
    _remove_mount_points(state / _MADE)
    for path in (state, INSIDE):
        if path.exists():
            shutil.rmtree(path)


def _remove_mount_points(made: Path) -> None:
    """Removing one would also end the mount that another lab has over it: that lab inherits it."""
    text = made.read_text() if made.exists() else ""
    for other in _RUN.glob(f"homelab-lab*/{_POINTER.name}"):
        heir = _recorded(other)
        if heir is not None and other != _POINTER:
            with (heir / _MADE).open("a") as inherited:
                inherited.write(text)
            return
    for path in text.splitlines():
        with suppress(OSError):
            Path(path).rmdir()


def _recorded(pointer: Path) -> Path | None:
    path = Path(pointer.read_text()) if pointer.exists() else Path()
    # Half a path, written while the machine went down, must not name anything else.
    return path if path.is_absolute() and path.name == _run_name(pointer) else None


def _run_name(pointer: Path) -> str:
    return f".run{pointer.parent.name.removeprefix('homelab-lab')}"


def _refuse_if_mounted(path: Path) -> None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        mounted = Path(line.split()[1])
        if mounted == path or path in mounted.parents:
            raise LabError(f"{mounted}: still mounted; umount it and try again")


@contextmanager
def locked(*, last: bool = False) -> Iterator[None]:
    """Hold the lock of this lab; ``last`` removes its file at the end."""
    with _held(_LOCK):
        yield
        if last:
            _LOCK.unlink()


@contextmanager
def locked_cache() -> Iterator[None]:
    """Hold the lock of the images, which the labs of this checkout share."""
    CACHE.mkdir(exist_ok=True)
    with _held(CACHE / "lock"):
        yield


@contextmanager
def _held(path: Path) -> Iterator[None]:
    descriptor = _take(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `lab up` or `lab down`")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held the lock before may have removed its file: then it keeps nobody out.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)
