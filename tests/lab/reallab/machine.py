"""What the machine must have: root, Debian, its packages, and a mirror to build guests from."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from reallab.commands import LabError, refuse_if_not_root, run, say

PACKAGES = (
    "busybox-static",
    "conntrack",
    "debootstrap",
    "dnsmasq-base",
    "iproute2",
    "iptables",
    "iputils-ping",
    "nftables",
    "squashfs-tools",
    "tcpdump",
    "util-linux",
)
TOOLS = (
    "debootstrap",
    "dnsmasq",
    "ip",
    "mksquashfs",
    "nsenter",
    "setpriv",
    "tar",
    "unshare",
)
_APT = Path("/etc/apt")


def prepare(packages: tuple[str, ...], tools: tuple[str, ...]) -> None:
    """Refuse a machine that cannot hold the lab, and install what a Debian machine lacks."""
    refuse_if_not_root()
    _refuse_if_not_debian()
    missing = _missing_packages((*PACKAGES, *packages))
    if missing:
        _install(missing)
    for tool in (*TOOLS, *tools):
        if shutil.which(tool) is None:
            raise LabError(f"{tool}: not in PATH though its package is installed; look at PATH")


def codename() -> str:
    return _os_release().get("VERSION_CODENAME", "")


def mirror() -> str:
    """The mirror that this machine's apt uses for its own release."""
    release = codename()
    for uri, suites, components in _sources():
        if release in suites and "main" in components:
            resolved = _resolve(uri)
            if resolved.startswith(("http://", "https://")):
                return resolved
    raise LabError(
        f"{_APT}: no http mirror of {release or 'this release'} with the component main; "
        "add one, the guests are built from it"
    )


def environment_with_proxy() -> dict[str, str]:
    """This environment, and the proxy that apt is told to use for programs that are not apt."""
    found = run(["apt-config", "shell", "http_proxy", "Acquire::http::Proxy"])
    name, _, value = found.strip().partition("=")
    words = shlex.split(value)
    known = {name: words[0]} if words and words[0] != "DIRECT" else {}
    return {**os.environ, **known}


def _refuse_if_not_debian() -> None:
    release = _os_release()
    kind = release.get("ID", "")
    like = release.get("ID_LIKE", "").split()
    # On Ubuntu, and what is made of it, the package lxd is a snap.
    debian = kind == "debian" or ("debian" in like and "ubuntu" not in [kind, *like])
    if not debian or shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        name = release.get("PRETTY_NAME", "an unknown system")
        raise LabError(
            f"machine: {name}; the lab is built from Debian's packages, use a Debian 12 machine or VM"
        )


def _os_release() -> dict[str, str]:
    path = Path("/etc/os-release")
    text = path.read_text() if path.exists() else ""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def _missing_packages(wanted: tuple[str, ...]) -> list[str]:
    listed = run(["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\n"])
    installed = {
        line.split()[0].partition(":")[0]
        for line in listed.splitlines()
        if line.endswith(" installed")
    }
    return [package for package in wanted if package not in installed]


def _install(missing: list[str]) -> None:
    say(f"installing Debian packages: {' '.join(missing)}")
    command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(["apt-get", "update", "-qq"], env=env)
        run(command, env=env, timeout=600)
    except LabError as error:
        raise LabError(
            f"packages {' '.join(missing)}: {error}; look at /etc/apt and at the way to its mirror"
        ) from error


def _sources() -> Iterator[tuple[str, list[str], list[str]]]:
    """URI, suites and components of every source of binary packages."""
    parts = _APT / "sources.list.d"
    for path in (_APT / "sources.list", *sorted(parts.glob("*.list"))):
        if path.exists():
            yield from _one_line_sources(path.read_text())
    for path in sorted(parts.glob("*.sources")):
        yield from _deb822_sources(path.read_text())


def _one_line_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        before, _, options = line.partition("#")[0].partition("[")
        words = f"{before} {options.partition(']')[2]}".split() if options else before.split()
        if len(words) > 2 and words[0] == "deb":
            yield words[1], [words[2]], words[3:]


def _deb822_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
        fields = {
            name.strip().lower(): value.split()
            for name, separator, value in (line.partition(":") for line in lines)
            if separator
        }
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", []):
                yield uri, fields.get("suites", []), fields.get("components", [])


def _resolve(uri: str) -> str:
    """Debian's cloud images name a file that holds the mirrors."""
    scheme, _, path = uri.partition("mirror+file:")
    if scheme or not path:
        return uri
    listed = Path(path).read_text().split() if Path(path).exists() else []
    return listed[0] if listed else uri
