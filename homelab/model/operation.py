"""The closed list of things homelab can do to a machine, as values that can be printed and undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from homelab.model.docker import Attachment, DockerNetwork
from homelab.model.ingress import AllowEntry as AllowEntry  # noqa: PLC0414 - part of an operation
from homelab.model.ingress import IngressFilter as IngressFilter  # noqa: PLC0414 - as above
from homelab.model.kernel import Route
from homelab.model.persistence import KeptRoute
from homelab.model.place import Address, Network, Place
from homelab.model.wires import CardState, OwnedLink, PortState


@dataclass(frozen=True, slots=True)
class AddRoute:
    """``ip route add``; refused when the table has a route to that destination and metric."""

    place: Place
    route: Route


@dataclass(frozen=True, slots=True)
class DeleteRoute:
    """``ip route del`` of exactly this route."""

    place: Place
    route: Route


@dataclass(frozen=True, slots=True)
class MarkRoute:
    """Give a route another protocol, in place: one of the two is homelab's own number, and nothing else changes."""

    place: Place
    route: Route
    protocol: str


@dataclass(frozen=True, slots=True)
class ForgetConnections:
    """``conntrack -D`` of every tracked connection from or to one of these addresses, and of no other."""

    place: Place
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class SetSysctl:
    """``sysctl -w KEY=VALUE`` in a place; ``was`` is the value before, for the way back."""

    place: Place
    key: str
    value: str
    was: str


@dataclass(frozen=True, slots=True)
class KeepSysctl:
    """Keep a host's sysctl over reboots, in homelab's own file; ``was`` is recorded there."""

    place: Place
    key: str
    value: str
    was: str


@dataclass(frozen=True, slots=True)
class ForgetSysctl:
    """Take a sysctl out of homelab's own file."""

    place: Place
    key: str
    value: str
    was: str


@dataclass(frozen=True, slots=True)
class KeepRoute:
    """Put a route into a file of homelab's own that the place's network service reads at boot."""

    place: Place
    route: KeptRoute


@dataclass(frozen=True, slots=True)
class ForgetRoute:
    """Take a route out of such a file; the file goes with the last one."""

    place: Place
    route: KeptRoute


@dataclass(frozen=True, slots=True)
class SetInstanceConfig:
    """Set keys of an instance in LXD or Incus in one request; None unsets. ``was`` is for the way back."""

    place: Place
    instance: str
    config: Mapping[str, str | None]
    was: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class SetInstanceDevice:
    """Set one device of an instance whole; None removes the instance's own device."""

    place: Place
    instance: str
    device: str
    config: Mapping[str, str] | None
    was: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class RestartInstance:
    """Restart a guest, and wait until its Docker daemon answers again if it answered before."""

    place: Place
    instance: str


@dataclass(frozen=True, slots=True)
class CreateDockerNetwork:
    place: Place
    network: DockerNetwork


@dataclass(frozen=True, slots=True)
class RemoveDockerNetwork:
    """Remove a network that has no containers attached."""

    place: Place
    network: DockerNetwork


@dataclass(frozen=True, slots=True)
class ConnectContainer:
    """Attach a container to ``attachment.network`` with the addresses it had."""

    place: Place
    container: str
    attachment: Attachment


@dataclass(frozen=True, slots=True)
class DisconnectContainer:
    place: Place
    container: str
    attachment: Attachment


@dataclass(frozen=True, slots=True)
class StartContainer:
    place: Place
    container: str


@dataclass(frozen=True, slots=True)
class FilterRule:
    """An accept of homelab's own in iptables.

    It stands in the chain ``HOMELAB`` of ``table`` (filter or raw), which the first rule of
    ``parent`` jumps to. ``tool`` is the variant that holds the parent: iptables-nft,
    iptables-legacy, ip6tables-nft or ip6tables-legacy. ``mark`` is its identity and stands in its
    comment as ``homelab:MARK``: a rule is recognised by that and never by its text.
    """

    tool: str
    table: str
    parent: str
    mark: str
    source: Network | None = None
    destination: Network | None = None


@dataclass(frozen=True, slots=True)
class AddFilterRule:
    """Put the rule into the chain HOMELAB, making the chain, and its jump the parent's first rule.

    ``jump`` is the number of the jump in the parent; another than 1 brings back what somebody else had
    made of it, 0 is no jump at all.
    """

    place: Place
    rule: FilterRule
    jump: int = 1


@dataclass(frozen=True, slots=True)
class DeleteFilterRule:
    """Take the rule out; the chain and its jump go with the last rule."""

    place: Place
    rule: FilterRule


@dataclass(frozen=True, slots=True)
class SetIngressFilter:
    """Install the chain, in one nft transaction; refused when it exists."""

    place: Place
    filter: IngressFilter


@dataclass(frozen=True, slots=True)
class DeleteIngressFilter:
    """Remove the chain; the table goes with the last chain."""

    place: Place
    filter: IngressFilter


@dataclass(frozen=True, slots=True)
class SetOwnedLink:
    """Make, change or remove a VLAN link or bridge of homelab's own; None is none."""

    place: Place
    now: OwnedLink | None
    was: OwnedLink | None


@dataclass(frozen=True, slots=True)
class SetPort:
    """A link's bridge, its VLANs there, and its alias."""

    place: Place
    now: PortState
    was: PortState


@dataclass(frozen=True, slots=True)
class SetCard:
    """How many virtual functions an SR-IOV card has, VLAN and spoof check of some, and its alias."""

    place: Place
    now: CardState
    was: CardState


@dataclass(frozen=True, slots=True)
class KeepFilter:
    """Put an ingress filter into the file that LXC runs when a guest starts, before its init."""

    place: Place
    filter: IngressFilter


@dataclass(frozen=True, slots=True)
class ForgetFilter:
    """Take it out; the file goes with the last one."""

    place: Place
    filter: IngressFilter


Operation: TypeAlias = (
    AddRoute
    | DeleteRoute
    | MarkRoute
    | ForgetConnections
    | SetSysctl
    | KeepSysctl
    | ForgetSysctl
    | KeepRoute
    | ForgetRoute
    | SetInstanceConfig
    | SetInstanceDevice
    | RestartInstance
    | CreateDockerNetwork
    | RemoveDockerNetwork
    | ConnectContainer
    | DisconnectContainer
    | StartContainer
    | AddFilterRule
    | DeleteFilterRule
    | SetIngressFilter
    | DeleteIngressFilter
    | SetOwnedLink
    | SetPort
    | SetCard
    | KeepFilter
    | ForgetFilter
)
