"""What a change is about to do, on disk before it is done; and every change that has ended, as a folder.

``/var/lib/homelab/pending/`` exists from before the first operation of a change until it has ended, and
then becomes ``revisions/NUMBER/``, at once. In it: ``intent.json`` and ``before.json``, written first;
``flows.json``, the flows that worked then; ``steps.jsonl``, one line for each operation, durable
before the operation is begun; ``applied`` once
the change is done and only waits to be confirmed; ``ending.json`` and ``after.json``, written last.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from homelab.errors import OperationError
from homelab.system.files import sync, write_whole

KEPT = 20
"""How many revisions stay."""

_NUMBER = re.compile(r"[0-9]{6}")


def state_folder() -> Path:
    """``/var/lib/homelab``, or what HOMELAB_STATE names."""
    return Path(os.environ.get("HOMELAB_STATE") or "/var/lib/homelab")


class Journal:
    """A folder of root's own. Every method raises ``OperationError`` when the disk does not let it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder()
        self.pending = self.folder / "pending"
        self.revisions = self.folder / "revisions"

    def next_number(self) -> int:
        return max(self.numbers(), default=0) + 1

    def numbers(self) -> tuple[int, ...]:
        """The revisions that are kept, oldest first."""
        try:
            names = [each.name for each in self.revisions.iterdir()]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _refused(self.revisions, error) from error
        return tuple(sorted(int(each) for each in names if _NUMBER.fullmatch(each)))

    def begin(self, files: Mapping[str, str]) -> None:
        """Make ``pending`` with these files, whole and durable on return; refused if there is one."""
        new = self.folder / f".pending.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            for name, text in files.items():
                write_whole(new / name, text, 0o600)
            new.rename(self.pending)
            sync(self.folder)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            raise _refused(self.pending, error) from error

    def add(self, name: str, line: str) -> None:
        """Append a line, or several, to a file of ``pending``; durable on return, by one fsync(2)."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            handle = os.open(self.pending / name, flags, 0o600)
            try:
                _append(handle, f"{line}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise _refused(self.pending / name, error) from error

    def write(self, name: str, text: str) -> None:
        """Write a file of ``pending`` whole."""
        try:
            write_whole(self.pending / name, text, 0o600)
        except OSError as error:
            raise _refused(self.pending / name, error) from error

    def end(self, number: int) -> None:
        """Turn ``pending`` into a revision, at once; the oldest revisions go."""
        try:
            self.revisions.mkdir(mode=0o700, exist_ok=True)
            self.pending.rename(self.revisions / f"{number:06}")
            sync(self.revisions)
            sync(self.folder)
        except OSError as error:
            raise _refused(self.pending, error) from error
        for old in self.numbers()[:-KEPT]:
            shutil.rmtree(self.revisions / f"{old:06}", ignore_errors=True)

    def forget(self) -> None:
        """Take ``pending`` away; for a change that never began."""
        shutil.rmtree(self.pending, ignore_errors=True)

    def is_pending(self) -> bool:
        return self.pending.is_dir()

    def read(self, number: int | None = None) -> Mapping[str, str]:
        """The texts of a revision's files, or of ``pending``; empty when there is none."""
        folder = self.pending if number is None else self.revisions / f"{number:06}"
        try:
            return dict(_texts(folder))
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise OperationError(f"{folder}: {error}; look at it by hand") from error


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for each in sorted(folder.iterdir()):
        if not each.name.startswith("."):
            yield each.name, each.read_text(encoding="utf-8")


def _append(handle: int, line: bytes) -> None:
    """All of the line, or nothing: a full disk may take the first half of it."""
    size = os.fstat(handle).st_size
    try:
        _write(handle, line)
        os.fsync(handle)
    except OSError:
        with suppress(OSError):
            os.ftruncate(handle, size)
        raise


def _write(handle: int, line: bytes) -> None:
    if os.write(handle, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _refused(file: Path, error: OSError) -> OperationError:
    return OperationError(f"{file}: {error.strerror}; without a journal nothing is changed")
