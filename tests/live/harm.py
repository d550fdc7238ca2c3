"""Run in the lab's host: stop a command at its Nth fsync(2), do harm there, and let it go on.

``harm.py COUNT HARM GUEST COMMAND…`` prints what the command said, and ``stopped RC`` or ``ended RC``.
HARM is ``process``, ``dockerd``, ``lxd``, ``guest`` or ``disk``.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PATIENCE = 60.0
POLL = 0.02


def main(count: str, harm: str, guest: str, *command: str) -> int:
    inject = ["-e", "trace=fsync", "-e", f"inject=fsync:signal=SIGSTOP:when={count}"]
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as seen:
        tracer = subprocess.Popen(
            ["strace", "-o", seen.name, *inject, *command],
            stdout=sys.stdout,
            stderr=subprocess.STDOUT,
        )
        child = stopped(tracer, Path(seen.name))
    if child is not None:
        HARMS[harm](guest, child)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)
    code = tracer.wait(600)
    sys.stdout.write(f"{'ended' if child is None else 'stopped'} {code}\n")
    return 0


def stopped(tracer: subprocess.Popen[bytes], seen: Path) -> int | None:
    """The process that the tracer has seen stop; None when it ended before."""
    until = time.monotonic() + PATIENCE
    while tracer.poll() is None and time.monotonic() < until:
        if "stopped by SIGSTOP" in seen.read_text():
            return child_of(tracer.pid)
        time.sleep(POLL)
    return None


def child_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None
    return None


def kill_process(_: str, child: int) -> None:
    os.kill(child, signal.SIGKILL)


def kill_dockerd(guest: str, _: int) -> None:
    subprocess.run(
        ["lxc", "exec", guest, "--", "sh", "-c", "kill -9 $(cat /run/docker.pid)"], check=True
    )


def kill_lxd(_: str, __: int) -> None:
    """The daemon of this lab: the process that listens at its socket."""
    socket = f"{os.environ['LXD_DIR']}/unix.socket"
    listening = subprocess.run(
        ["ss", "-xlpH", "src", socket], capture_output=True, text=True, check=True
    ).stdout
    os.kill(int(listening.partition("pid=")[2].partition(",")[0]), signal.SIGKILL)


def stop_guest(guest: str, _: int) -> None:
    subprocess.run(["lxc", "stop", "--force", guest], check=True)


def fill_disk(_: str, __: int) -> None:
    """The state folder lies on a small file system of its own, which is full from here on."""
    with (
        contextlib.suppress(OSError),
        Path(os.environ["HOMELAB_STATE"], "fill").open("wb", buffering=0) as file,
    ):
        while True:
            file.write(bytes(4096))


HARMS: Mapping[str, Callable[[str, int], None]] = {
    "process": kill_process,
    "dockerd": kill_dockerd,
    "lxd": kill_lxd,
    "guest": stop_guest,
    "disk": fill_disk,
}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
