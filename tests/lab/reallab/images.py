"""What is built once and kept in the cache: the guests' images, Debian releases with their Docker, and a tree of Incus."""

import hashlib
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reallab import machine
from reallab.commands import LabError, say
from reallab.state import CACHE, LAB, locked_cache

_PACKAGES = ("busybox-static", "docker.io", "iproute2", "iptables", "nftables", "procps")
_SCRIPT = LAB / "build-image.sh"
_TREE = (
    "ca-certificates",
    "dnsmasq-base",
    "incus-base",
    "incus-client",
    "iproute2",
    "iptables",
    "kmod",
    "nftables",
    "squashfs-tools",
)
_TREE_SCRIPT = LAB / "build-tree.sh"
_LIMIT = 1800.0


@dataclass(frozen=True, slots=True)
class Image:
    """A Debian release, and what it needs besides docker.io for the program ``docker``."""

    suite: str
    extra: tuple[str, ...] = ()

    @property
    def packages(self) -> str:
        return ",".join((*_PACKAGES, *self.extra))

    @property
    def name(self) -> str:
        """Changes with everything that the image is made of, except the mirror's contents."""
        parts = (self.suite, self.packages, platform.machine(), _SCRIPT.read_text())
        return f"{self.suite}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"

    def build(self, mirror: str, folder: Path) -> list[str]:
        return [str(_SCRIPT), self.suite, mirror, str(folder), self.packages]

    @property
    def metadata(self) -> Path:
        return CACHE / self.name / "metadata.tar"

    @property
    def rootfs(self) -> Path:
        return CACHE / self.name / "rootfs.squashfs"


@dataclass(frozen=True, slots=True)
class Tree:
    """A Debian release in a folder, with Incus: Debian 12 has none."""

    suite: str

    @property
    def name(self) -> str:
        parts = (self.suite, _TREE, platform.machine(), _TREE_SCRIPT.read_text())
        return f"incus-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"

    def build(self, mirror: str, folder: Path) -> list[str]:
        return [str(_TREE_SCRIPT), self.suite, mirror, str(folder), ",".join(_TREE)]

    @property
    def root(self) -> Path:
        return CACHE / self.name / "root"


Kept: TypeAlias = Image | Tree


@dataclass(frozen=True, slots=True)
class _Build:
    image: Kept
    process: subprocess.Popen[bytes]

    @property
    def folder(self) -> Path:
        return _building(self.image)

    def finish(self, deadline: float) -> None:
        """Wait for it, and give the image its name; ``LabError`` with the end of its log."""
        log = _log(self.image)
        try:
            status = self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise LabError(f"image {self.image.name}: {error}; see {log}") from error
        if status != 0:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise LabError(f"image {self.image.name}: exit status {status}; see {log}\n{end}")
        self.folder.rename(CACHE / self.image.name)

    def stop(self) -> None:
        """End it if it still runs, and leave no half image."""
        self.process.kill()
        self.process.wait()
        if self.folder.exists():
            shutil.rmtree(self.folder)


def build_missing(images: Sequence[Kept]) -> None:
    """Build what the cache lacks, side by side; remove half and outdated images first."""
    with locked_cache():
        missing = [image for image in images if not (CACHE / image.name).is_dir()]
        if missing:
            _remove_outdated({image.name for image in images})
            _build(missing)


def _build(missing: Sequence[Kept]) -> None:
    names = ", ".join(_kind(image.name) for image in missing)
    say(f"building with debootstrap, once, in about two minutes: {names}")
    mirror = machine.mirror()
    deadline = time.monotonic() + _LIMIT
    builds: list[_Build] = []
    try:
        builds.extend(_start(image, mirror) for image in missing)
        for build in builds:
            build.finish(deadline)
    finally:
        for build in builds:
            build.stop()


def _start(image: Kept, mirror: str) -> _Build:
    folder = _building(image)
    folder.mkdir()
    # Whatever ends this process, debootstrap's processes and mounts end with it.
    bound = ["setpriv", "--pdeathsig", "KILL", "--"]
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    script = ["sh", *image.build(mirror, folder)]
    with _log(image).open("w") as output:
        process = subprocess.Popen(
            [*bound, *alone, *script],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=machine.environment_with_proxy(),
        )
    return _Build(image, process)


def _building(image: Kept) -> Path:
    return CACHE / f"building-{image.name}"


def _log(image: Kept) -> Path:
    return CACHE / f"{_kind(image.name)}.log"


def _remove_outdated(names: Iterable[str]) -> None:
    """Half ones, and other editions of these; what the other runtime needs stays."""
    kinds = {_kind(name) for name in names} | {"building"}
    for path in CACHE.iterdir():
        if path.is_dir() and path.name not in names and _kind(path.name) in kinds:
            shutil.rmtree(path)


def _kind(name: str) -> str:
    return name.partition("-")[0]
