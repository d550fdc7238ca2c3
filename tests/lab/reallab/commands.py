"""Running programs, and saying what went wrong in one message."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence


class LabError(Exception):
    """What the lab needs and does not have, and the way out; printed as one message."""


def refuse_if_not_root() -> None:
    if os.geteuid() != 0:
        raise LabError("not root: namespaces, LXD and Docker need it; run this with sudo")


def say(text: str) -> None:
    """News of the work, and complaints."""
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """An answer that was asked for."""
    sys.stdout.write(f"{text}\n")


def run(
    command: Sequence[str],
    *,
    stdin: str = "",
    timeout: float = 300.0,
    env: Mapping[str, str] | None = None,
) -> str:
    """Standard output of the command; ``LabError`` with what it said when it ends with an error."""
    shown = shlex.join(command)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{shown}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise LabError(f"{shown}: {said or f'exit status {done.returncode}'}")
    return done.stdout
