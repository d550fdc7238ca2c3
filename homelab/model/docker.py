"""What a Docker daemon says of itself, its networks and its containers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.model.kernel import Empty
from homelab.model.place import Address, Network

LABEL = "homelab.network"
"""Docker label that marks a network as homelab's own; its value is ``GUEST/NETWORK``."""


@dataclass(frozen=True, slots=True)
class DockerSubnet:
    subnet: Network
    gateway: Address | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container on a network; ``fixed`` are the addresses its user asked for (IPAMConfig)."""

    network: str
    ipv4: Address | None = None
    ipv6: Address | None = None
    fixed_ipv4: Address | None = None
    fixed_ipv6: Address | None = None
    mac: str | None = None
    aliases: tuple[str, ...] = ()
    driver_options: Mapping[str, str] = field(default_factory=lambda: Empty)
    gateway_priority: int = 0


@dataclass(frozen=True, slots=True)
class PublishedPort:
    protocol: str
    container_port: int
    host_address: str
    host_port: int


@dataclass(frozen=True, slots=True)
class DockerContainer:
    """One container; ``status`` is Docker's own word (running, exited, paused, created …)."""

    id: str
    name: str
    status: str
    pid: int = 0
    network_mode: str = ""
    attachments: tuple[Attachment, ...] = ()
    published: tuple[PublishedPort, ...] = ()

    @property
    def is_running(self) -> bool:
        return self.status == "running"

    def is_plugged(self, attachment: Attachment) -> bool:
        """Whether Docker would take it off that network.

        A container that runs may only be meant for a network: connecting it failed, since the address
        that it asks for is not in there. Docker lists that network for it, and no address.
        """
        return not self.is_running or attachment.ipv4 is not None or attachment.ipv6 is not None


@dataclass(frozen=True, slots=True)
class DockerNetwork:
    """One network; ``bridge`` is the name of its bridge link in the guest."""

    id: str
    name: str
    driver: str = "bridge"
    bridge: str = ""
    subnets: tuple[DockerSubnet, ...] = ()
    internal: bool = False
    ipv6: bool = False
    options: Mapping[str, str] = field(default_factory=lambda: Empty)
    labels: Mapping[str, str] = field(default_factory=lambda: Empty)

    @property
    def subnets_text(self) -> str:
        """``10.90.1.0/24,fd90::/64``: the same whatever the order in which Docker lists them."""
        return ",".join(sorted(str(each.subnet) for each in self.subnets))


@dataclass(frozen=True, slots=True)
class Daemon:
    """One Docker daemon; ``firewall`` is its firewall backend, as far as it tells (29 and later)."""

    version: str
    api_version: str = ""
    firewall: str = ""
    networks: tuple[DockerNetwork, ...] = ()
    containers: tuple[DockerContainer, ...] = ()

    @property
    def major(self) -> int:
        """Major version, 0 when the daemon's version is not a number."""
        head = self.version.partition(".")[0]
        return int(head) if head.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class DaemonFile:
    """What lies beside a daemon: names of the keys in its daemon.json, and values of those that decide here.

    ``trouble`` says why the file could not be taken. ``refusal`` is what the daemon wrote last into its log
    about why it does not start; it is read only where none answers.
    """

    keys: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=lambda: Empty)
    trouble: str = ""
    refusal: str = ""
