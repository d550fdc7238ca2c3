"""Files that are whole at every instant: the old text or the new one, also after a power cut."""

import os
import secrets
from pathlib import Path


def write_whole(file: Path, text: str, mode: int) -> None:
    """Replace the file's text at once and durably; ``OSError`` leaves it as it was."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(new, flags, mode), "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.rename(file)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync(file.parent)


def remove(file: Path) -> None:
    """Remove the file durably; it may be gone already."""
    file.unlink(missing_ok=True)
    sync(file.parent)


def sync(folder: Path) -> None:
    """Make what was renamed or removed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
