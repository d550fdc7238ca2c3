"""What LXD or Incus says of its instances, networks and profiles."""

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
