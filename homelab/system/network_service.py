"""Which program sets up this host's own network, as far as its files and processes tell."""

from collections.abc import Iterator
from pathlib import Path

from homelab.model.ability import Ability

_PROCESSES = {"systemd-network": "systemd-networkd", "NetworkManager": "NetworkManager"}
"""Names as the kernel keeps them in comm: 15 characters."""

_FILES = {
    "netplan": "etc/netplan/*.yaml",
    "ifupdown": "etc/network/interfaces",
}
NOTES = {
    "systemd-networkd": "it removes routes that it did not write: see `homelab render networkd.conf`",
    "NetworkManager": "it leaves routes alone that it did not write",
    "netplan": "its files are written for systemd-networkd or NetworkManager",
    "ifupdown": "it changes nothing after boot",
}


def services(root: Path = Path("/")) -> Iterator[Ability]:
    """One line for each; none is unknown, since something set the machine's addresses."""
    found = [*_running(root), *_configured(root)]
    for name in found:
        yield Ability("network", name, works=True, evidence=NOTES[name])
    if not found:
        none = "no network service that we know: addresses were set by hand, or by something else"
        yield Ability("network", "service", works=None, evidence=none)


def _running(root: Path) -> Iterator[str]:
    names = set()
    for each in root.glob("proc/[0-9]*/comm"):
        try:
            names.add(each.read_text(errors="replace").strip())
        except OSError:
            continue
    yield from (service for comm, service in _PROCESSES.items() if comm in names)


def _configured(root: Path) -> Iterator[str]:
    yield from (name for name, pattern in _FILES.items() if any(root.glob(pattern)))
