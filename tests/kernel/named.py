"""A lab of named namespaces that is broken, and mended by doing what `homelab diagnose` says there."""

import contextlib
import ctypes
import io
import json
import multiprocessing
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from homelab.cli import run
from tests.kernel.worlds import World

PATIENCE = 60.0
CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"


@dataclass(frozen=True)
class Broken:
    """``ground`` and ``inject`` are scripts by place, in which ``$guest`` is the namespace of the guest.

    ``cause`` is part of the first finding's cause. ``mend``: its commands bring the packet through, with what
    happens ``afterwards`` by itself; else they only show, and what it says contains each of ``told``.
    """

    code: str
    at: str
    probe: str
    inject: Mapping[str, str]
    cause: Mapping[str, object] = field(default_factory=dict)
    ground: Mapping[str, str] = field(default_factory=dict)
    afterwards: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    mend: bool = True

    def is_told_by(self, found: Mapping[str, Any], built: World) -> bool:
        """Whether a finding has the code, the exact place, and the exact rule, key or route."""
        at = "host" if self.at == "host" else built.place(self.at)
        cause = found["cause"] or {}
        said = {key: cause.get(key) for key in self.cause}
        return (found["fault"], found["at"], said) == (self.code, at, dict(self.cause))


def carry_out(built: World, scripts: Mapping[str, str]) -> None:
    known = "".join(f"{name}={real}; " for name, real in built.names.items())
    for place, script in scripts.items():
        built.run(place, known + script)


def arrives(built: World, probe: str) -> bool:
    """A real packet of the client comes back: an echo, or with IPv4 ADDRESS:PORT a connection."""
    address, dot, port = probe.partition(":") if "." in probe else (probe, "", "")
    # A proxy of NDP waits a random while, up to 0.8 seconds (proxy_delay, arp(7)), before it answers.
    ping = ["ping", "-c3", "-i0.4", "-W1", address]
    words = ["python3", "-c", CONNECT, address, port] if dot else ping
    inside = ["ip", "netns", "exec", built.names["client"], *words]
    return subprocess.run(inside, capture_output=True, check=False).returncode == 0


def diagnosed(built: World, folder: Path, *codes: int) -> Any:
    """What homelab prints in the namespace of the host; in a child, since that is quicker than a new Python."""
    fork = multiprocessing.get_context("fork")
    reader, writer = fork.Pipe(duplex=False)
    child = fork.Process(target=_diagnose, args=(built.names["host"], folder, writer))
    child.start()
    assert reader.poll(PATIENCE), "the diagnosis does not end"
    code, out, err = reader.recv()
    child.join()
    assert code in codes, f"exit {code}: {out}{err}"
    return json.loads(out)


def _diagnose(host: str, folder: Path, told: Connection) -> None:
    with Path(f"/run/netns/{host}").open() as there:
        done = ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0)
    assert done == 0, os.strerror(ctypes.get_errno())
    os.chdir(folder)
    os.environ["HOMELAB_STATE"] = str(folder / "state")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["diagnose", "--json"])
    told.send((code, out.getvalue(), err.getvalue()))


def follow(built: World, found: Iterable[Mapping[str, Any]]) -> None:
    """All commands that are offered, as they are printed, typed on the host."""
    for command in (one for each in found for one in each["fix"]["commands"]):
        built.run("host", command)
