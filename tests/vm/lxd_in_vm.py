"""LXD in the virtual machine, with a small guest of busybox or one with Docker, and the commands of tests on it."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LXD = Path("/run/lx")
HOMELAB = [sys.executable, "-m", "homelab"]
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
        env={**os.environ, "LXD_DIR": str(LXD), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    assert done.returncode in codes, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def sh(script: str) -> str:
    return run("sh", "-euc", script)


def homelab(inventory: Path, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    return run(*HOMELAB, "-i", str(inventory), *words, codes=codes)


def document(inventory: Path, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
    return json.loads(homelab(inventory, *words, "--json", codes=codes))


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
        yield
    finally:
        daemon.kill()


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
