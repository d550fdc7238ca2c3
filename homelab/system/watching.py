"""The second witness: nft's own tracing of our probes, in a table that dies with the process that made it.

The table has the flag ``owner``: the kernel removes it when the netlink socket that made it is closed (nft(8);
NFT_TABLE_F_OWNER in net/netfilter/nf_tables_api.c), and nobody else can change or flush it. Its socket is
that of an ``nft -i`` which reads from a pipe of ours, and so ends when we end, however we end.
"""

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from homelab.errors import OperationError
from homelab.model.place import Place
from homelab.model.proof import Step, Watch, Watched
from homelab.system.asking import send
from homelab.system.doors import Door
from homelab.system.parse_nft_trace import is_refusal, parse_trace, script

TABLE = "homelab_trace"
_FIRST_PORT, _PORTS = 20000, 10000
_PATIENCE = 1.0
_GLANCE = 0.005
# What is still on its way to the monitor when the last answer has come.
_LINGER = 0.05
# linux/netlink.h (NETLINK_NETFILTER), linux/netfilter/nfnetlink.h (NFNLGRP_NFTRACE is the ninth group).
_NETFILTER, _TRACE_GROUP = 12, 1 << 8
_MONITOR = "nft monitor trace & echo $!; cat >/dev/null; kill $!"
# nft -i writes its history into the home of whoever runs it.
_ENVIRONMENT = {"HOME": "/nonexistent", "PATH": "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"}


@dataclass(frozen=True, slots=True)
class _Watcher:
    """What watches in one place; ``said`` is the monitor's output, its first line the monitor's pid."""

    place: Place
    monitor: subprocess.Popen[str]
    said: IO[bytes]

    def text(self) -> str:
        return os.pread(self.said.fileno(), 1 << 22, 0).decode(errors="replace")


def watch(door: Callable[[Place], Door], wanted: Watch, timeout: float) -> Watched:
    """Send the probes while the kernels on their way tell each rule that these meet."""
    own = _FIRST_PORT + secrets.randbelow(_PORTS)
    unwatched: dict[Place, str] = {}
    with ExitStack() as stack:
        watchers = []
        for place in wanted.places:
            try:
                watchers.append(stack.enter_context(_watching(door(place), wanted, own)))
            except (OperationError, OSError) as error:
                unwatched[place] = str(error)
        targets = (wanted.target,) * wanted.count
        answers = send(door(wanted.sender.place), wanted.sender, targets, timeout, own)
        time.sleep(_LINGER)
        steps = tuple(step for each in watchers for step in _steps(each))
    return Watched(answers, steps, unwatched)


def _steps(watcher: _Watcher) -> Iterable[Step]:
    found = parse_trace(watcher.place, watcher.text())
    return (each for each in found if not each.table.startswith(TABLE))


@contextmanager
def _watching(door: Door, wanted: Watch, own: int) -> Iterator[_Watcher]:
    if door.ssh is not None:
        raise OperationError(f"{door.place}: it is not watched over ssh")
    with tempfile.TemporaryFile() as said, _child(door, ["sh", "-c", _MONITOR], said) as monitor:
        watcher = _Watcher(door.place, monitor, said)
        _until(lambda: _is_listening(watcher), f"{door.place}: nft monitor trace does not start")
        with tempfile.TemporaryFile() as told, _child(door, ["nft", "-i"], told) as nft:
            _make_table(door.place, nft, told, script(TABLE, wanted, own))
            yield watcher


@contextmanager
def _child(
    door: Door, command: Sequence[str], output: IO[bytes]
) -> Iterator[subprocess.Popen[str]]:
    """A process in the place that ends when its standard input does."""
    with subprocess.Popen(
        door.argv(command),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        env=_ENVIRONMENT,
    ) as child:
        try:
            yield child
        finally:
            with suppress(OSError):
                child.communicate(timeout=_PATIENCE)


def _make_table(place: Place, nft: subprocess.Popen[str], told: IO[bytes], text: str) -> None:
    if nft.stdin is None:
        return
    nft.stdin.write(text)
    nft.stdin.flush()

    def answer() -> str:
        return os.pread(told.fileno(), 1 << 16, 0).decode(errors="replace")

    _until(
        lambda: answer().rstrip().endswith("}") or is_refusal(answer()), f"{place}: nft is silent"
    )
    if is_refusal(answer()):
        raise OperationError(f"{place}: nft: {answer().splitlines()[0]}")


def _is_listening(watcher: _Watcher) -> bool:
    """Whether the monitor has joined the group to which the kernel sends its traces."""
    first, newline, _ = watcher.text().partition("\n")
    if not newline or not first.strip().isdecimal():
        return False
    try:
        rows = Path(f"/proc/{first.strip()}/net/netlink").read_text().splitlines()[1:]
    except OSError:
        return False
    columns = (row.split() for row in rows)
    return any(
        int(each[1]) == _NETFILTER and int(each[3], 16) & _TRACE_GROUP
        for each in columns
        if each[2] == first.strip()
    )


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise OperationError(otherwise)
        time.sleep(_GLANCE)
