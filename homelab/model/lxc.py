"""What LXD or Incus says of its instances, networks and profiles."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.model.kernel import Empty

MARK = "user.homelab."
"""Prefix of the configuration keys with which homelab marks what it set in LXD or Incus."""

ADOPTED = f"{MARK}adopted."
"""Prefix of the keys of an instance that say which Docker networks in it were taken over as they were.

Docker has no way to label a network that exists. The value is the network's subnets: one that is made
anew under the same name and on others is not meant.
"""


PLAIN = ("lxc", "proxmox")
"""What has no API of which we ask anything: its guests are read from files, and nothing is kept there."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One container instance; ``config`` and ``devices`` are its own, ``expanded_*`` with profiles."""

    name: str
    status: str
    pid: int = 0
    profiles: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=lambda: Empty)
    devices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    expanded_config: Mapping[str, str] = field(default_factory=lambda: Empty)
    expanded_devices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        return self.status.casefold() == "running"


@dataclass(frozen=True, slots=True)
class InstanceNetwork:
    """One network that LXD or Incus knows; ``managed`` ones have a configuration."""

    name: str
    kind: str = "bridge"
    managed: bool = False
    config: Mapping[str, str] = field(default_factory=lambda: Empty)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs the guests; ``name`` is lxd or incus, or one of ``PLAIN``."""

    name: str
    version: str
    instances: tuple[Instance, ...] = ()
    networks: tuple[InstanceNetwork, ...] = ()

    @property
    def is_plain(self) -> bool:
        return self.name in PLAIN


def entering(runtime: Runtime | None, guest: str) -> tuple[str, ...]:
    """The words before a command that a person types on the host for a guest."""
    match runtime.name if runtime else "":
        case "proxmox":
            return "pct", "exec", guest, "--"
        case "lxc":
            return "lxc-attach", "-n", guest, "--"
        case name:
            return client(name), "exec", guest, "--"


def starting(runtime: Runtime | None, guest: str, *, again: bool = False) -> tuple[str, ...]:
    """The command that starts a guest, or starts it again."""
    match runtime.name if runtime else "":
        case "proxmox":
            return "pct", "reboot" if again else "start", guest
        case "lxc":
            return ("lxc-stop", "-r", "-n", guest) if again else ("lxc-start", "-n", guest)
        case name:
            return client(name), "restart" if again else "start", guest


def client(name: str) -> str:
    """The program with which a person talks to LXD or Incus."""
    return "incus" if name == "incus" else "lxc"


def typed_key(runtime: Runtime | None, guest: str, key: str, value: str) -> str:
    """What a person types to set a key of LXD's for a guest, in the words of what runs the guest.

    lxc.container.conf(5) and pct.conf(5): liblxc's own keys may stand in Proxmox's file too.
    """
    if runtime is None or not runtime.is_plain:
        name = runtime.name if runtime else ""
        return shlex.join((client(name), "config", "set", guest, f"{key}={value}"))
    if runtime.name == "proxmox" and key == "security.nesting":
        return shlex.join(("pct", "set", guest, "--features", "nesting=1"))
    line = value if key == "raw.lxc" else f"{key.replace('linux.sysctl.', 'lxc.sysctl.')} = {value}"
    if runtime.name == "proxmox":
        return f"echo {shlex.quote(line.replace(' = ', ': ', 1))} >>/etc/pve/lxc/{guest}.conf"
    return f"echo {shlex.quote(line)} >>/var/lib/lxc/{guest}/config"
