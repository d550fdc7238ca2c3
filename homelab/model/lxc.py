"""What LXD or Incus says of its instances, networks and profiles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.model.kernel import Empty

MARK = "user.homelab."
"""Prefix of the configuration keys with which homelab marks what it set in LXD or Incus."""


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
    """The daemon that runs the guests; ``name`` is lxd or incus."""

    name: str
    version: str
    instances: tuple[Instance, ...] = ()
    networks: tuple[InstanceNetwork, ...] = ()
