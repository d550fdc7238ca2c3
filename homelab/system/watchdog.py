"""The process that takes a change back when nobody confirms it; it outlives who started it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from homelab.errors import OperationError
from homelab.system.journal import state_folder


def watch(revision: int) -> None:
    """Start ``homelab rollback --unconfirmed REVISION`` apart from this process, session and terminal.

    On return it runs. Under systemd it is a transient unit, since logind may end everything that a
    session started (logind.conf(5), KillUserProcesses); else a child of init in a session of its own.
    """
    command = [sys.executable, "-m", "homelab", "rollback", "--unconfirmed", str(revision)]
    if Path("/run/systemd/system").is_dir() and shutil.which("systemd-run"):
        _as_unit(command, revision)
    else:
        _as_orphan(command, state_folder() / "watchdog.log")


def _as_unit(command: list[str], revision: int) -> None:
    unit = f"--unit=homelab-confirm-{revision}"
    started = subprocess.run(
        ["systemd-run", "--quiet", "--collect", unit, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if started.returncode:
        raise OperationError(f"the watchdog does not start: {started.stderr.strip()[:200]}")


def _as_orphan(command: list[str], log: Path) -> None:
    """Fork twice: the one in the middle ends at once, and nobody waits for the watchdog."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = _opened(log, flags)
    try:
        middle = subprocess.run(
            ["setsid", "--fork", *command],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            cwd="/",
            check=False,
        )
    except OSError as error:
        raise OperationError(f"the watchdog does not start: {error.strerror}") from error
    finally:
        os.close(handle)
    if middle.returncode:
        raise OperationError(f"the watchdog does not start: see {log}")


def _opened(log: Path, flags: int) -> int:
    try:
        return os.open(log, flags, 0o600)
    except OSError as error:
        raise OperationError(f"the watchdog does not start: {log}: {error.strerror}") from error
