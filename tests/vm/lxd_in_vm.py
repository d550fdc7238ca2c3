"""LXD in the virtual machine, with a small guest of busybox or one with Docker, and the commands of tests on it."""

import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from homelab.load.inventory import parse_inventory
from homelab.planning.execute import execute
from homelab.system.live import LiveSystem
from homelab.workflow import change
from homelab.workflow.look import Diagnosis, diagnose

ROOT = Path(__file__).parents[2]
LXD = Path("/run/lx")
PATIENCE = 60.0
"""An emulated machine is slow."""
PRESEED = """
config: {}
storage_pools: [{name: default, driver: dir}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: default}}}]
"""
INIT = """#!/bin/busybox sh
trap 'exit 0' PWR TERM
busybox ip link set lo up
while :; do
    busybox ip link set eth0 up
    busybox ip addr add ADDRESS dev eth0
    busybox ip route add default via GATEWAY
    busybox sleep 1 &
    wait $!
done 2>/dev/null
"""


def run(*words: str, stdin: str = "", codes: tuple[int, ...] = (0,), patience: float = 300) -> str:
    done = subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience,
        env={**os.environ, "LXD_DIR": str(LXD)},
        cwd=ROOT,
    )
    assert done.returncode in codes, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def sh(script: str) -> str:
    return run("sh", "-euc", script)


class Lab:
    """homelab itself, in this process: to start Python anew takes five seconds on an emulated machine."""

    def __init__(self, text: str) -> None:
        self.inventory = parse_inventory([("lab.yaml", text.encode())], "lab.yaml")
        self.system = LiveSystem(self.inventory, timeout=PATIENCE)

    def _plan(self, *, removal: bool) -> change.Planned:
        return change.plan(change.Goal(self.inventory, removal=removal), self.system.read())

    def apply(self, *, removal: bool = False) -> None:
        planned = self._plan(removal=removal)
        change.refuse_obstacles(planned)
        done = execute(planned.plan.operations(), self.system.run)
        assert done.failure is None, done.failure

    def destroy(self) -> None:
        self.apply(removal=True)

    def differs(self) -> list[str]:
        return [str(each.key) for each in self._plan(removal=False).plan.changes]

    def diagnosis(self) -> Diagnosis:
        return diagnose(self.inventory, self.system.read())


def pings(place: str, address: str, tries: int = 10) -> bool:
    words = ["ip", "netns", "exec", place, "ping", "-c", "1", "-W", "3", address]
    return any(
        subprocess.run(words, capture_output=True, check=False).returncode == 0
        for _ in range(tries)
    )


@contextmanager
def lxd() -> Iterator[None]:
    """The daemon, on a file system in memory; gone with its guests afterwards."""
    LXD.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "size=70%,mode=711", "lxd", str(LXD))
    with Path("/out/lxd.log").open("w") as log:
        daemon = subprocess.Popen(
            ["lxd", "--group", "root"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "LXD_DIR": str(LXD)},
        )
    try:
        run("lxd", "waitready", "--timeout=120")
        run("lxd", "init", "--preseed", stdin=PRESEED)
        os.environ["LXD_DIR"] = str(LXD)
        yield
    finally:
        daemon.kill()
        daemon.wait()


def small_image(address: str, gateway: str) -> Path:
    """A guest that is busybox alone, and gives itself an address again and again."""
    init = INIT.replace("ADDRESS", address).replace("GATEWAY", gateway)
    files = {
        "metadata.yaml": (b"architecture: x86_64\ncreation_date: 1\n", 0o644),
        "rootfs/bin/busybox": (Path("/bin/busybox").read_bytes(), 0o755),
        "rootfs/sbin/init": (init.encode(), 0o755),
    }
    path = Path("/run/small.tar.gz")
    with tarfile.open(path, "w:gz", compresslevel=1) as packed:
        for name in (
            "rootfs",
            *(f"rootfs/{each}" for each in ("bin", "sbin", "proc", "sys", "dev")),
        ):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            packed.addfile(folder)
        for name, (content, mode) in files.items():
            one = tarfile.TarInfo(name)
            one.size, one.mode = len(content), mode
            packed.addfile(one, BytesIO(content))
    return path
