"""Whether a process still runs, told apart from a later one with the same id."""

import time
from pathlib import Path

from reallab.commands import LabError


def start_time(pid: int) -> str | None:
    """When it started, in the kernel's ticks; None when it has ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # After the name, which is in parentheses and may hold anything, follow fields 3 and on.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def wait_for_end(pid: int, patience: float) -> None:
    end = time.monotonic() + patience
    while start_time(pid) is not None:
        if time.monotonic() > end:
            raise LabError(
                f"process {pid}: told to stop {patience:.0f} s ago and still there; run `lab down`"
            )
        time.sleep(0.01)
