"""A guest's Docker network on its own subnet; its mark is the label ``homelab.network``.

Options by Docker's generation: gateway mode nat-unprotected exists from Engine 28.0 on and opens every
port of every container to routed traffic; older daemons store options that they do not know and
ignore them. ``enable_ip_masquerade=false`` keeps the containers' own source addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Self

from homelab.model.docker import LABEL, Attachment, Daemon, DockerNetwork, DockerSubnet
from homelab.model.inventory import ContainerNetwork, Egress, Inventory
from homelab.model.operation import (
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    Operation,
    RemoveDockerNetwork,
)
from homelab.model.place import Address, Network, guest
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import (
    NAT_UNPROTECTED,
    bridge_name,
    docker_network,
    local_guests,
)

BRIDGE = "com.docker.network.bridge.name"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv"


@dataclass(frozen=True, slots=True)
class GuestNetwork(Resource):
    """``options`` are those that we set or the user wrote, and nothing that Docker adds by itself."""

    inside: str
    name: str
    subnets: tuple[Network, ...]
    options: tuple[tuple[str, str], ...] = ()
    gateways: tuple[Address, ...] = field(default=(), compare=False)

    @property
    def key(self) -> Key:
        return Key("docker network", f"{self.inside}/{self.name}")

    @property
    def guest(self) -> str | None:
        return self.inside

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        for each in local_guests(inventory):
            daemon = snapshot.daemon(each.name)
            for network in each.networks:
                options = _options(network, daemon)
                gateways = tuple(subnet[1] for subnet in network.subnets)
                yield cls(each.name, network.name, network.subnets, options, gateways)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, daemon in snapshot.daemons.items():
            for network in daemon.networks:
                name, _, short = network.labels.get(LABEL, "").partition("/")
                if place == guest(name) and short == network.name:
                    yield cls(
                        name,
                        network.name,
                        tuple(each.subnet for each in network.subnets),
                        tuple(sorted(network.options.items())),
                        tuple(each.gateway for each in network.subnets if each.gateway),
                    )

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        daemon = snapshot.daemon(self.inside)
        if daemon is None:
            yield _why_no_daemon(self.inside, snapshot)
            return
        there = docker_network(daemon, self.name)
        if there is not None and LABEL not in there.labels:
            yield (
                f"guest {self.inside}: a Docker network {self.name} is there and is not homelab's; "
                "remove it, or choose another name"
            )
        yield from self._overlaps(snapshot)

    def _overlaps(self, snapshot: Snapshot) -> Iterator[str]:
        for place, daemon in snapshot.daemons.items():
            for network in daemon.networks:
                if place == guest(self.inside) and network.name == self.name:
                    continue
                for each in network.subnets:
                    if network.name != "bridge" and any(
                        each.subnet.version == ours.version and each.subnet.overlaps(ours)
                        for ours in self.subnets
                    ):
                        yield (
                            f"{place}: Docker network {network.name} has {each.subnet}, which overlaps "
                            f"{self.inside}/{self.name} {', '.join(map(str, self.subnets))}; "
                            "move one of them to another subnet"
                        )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (CreateDockerNetwork(guest(self.inside), self._network()),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        place = guest(self.inside)
        apart = tuple(
            DisconnectContainer(place, name, each) for name, each in self.attached(snapshot)
        )
        return (*apart, RemoveDockerNetwork(place, self._network(snapshot)))

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        place = guest(self.inside)
        again = tuple(
            ConnectContainer(place, name, _moved(each, old.subnets, self.subnets))
            for name, each in old.attached(snapshot)
        )
        return (*old.delete(snapshot), *self.create(snapshot), *again)

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        if old is None:
            return None
        names = ", ".join(name for name, _ in old.attached(snapshot))
        if not names:
            return None
        return (
            f"Docker cannot change a network: {self.inside}/{self.name} is made anew, and its containers "
            f"({names}) are disconnected for a moment and reattached at their addresses"
        )

    def describe(self) -> str:
        mode = dict(self.options).get(f"{GATEWAY_MODE}4")
        leaves = "masquerade" if dict(self.options).get(MASQUERADE) == "true" else "routed"
        return ", ".join(filter(None, (*map(str, self.subnets), leaves, mode)))

    def _network(self, snapshot: Snapshot | None = None) -> DockerNetwork:
        """What is created; with a snapshot, what is there, so that the way back restores it."""
        daemon = snapshot.daemon(self.inside) if snapshot else None
        there = docker_network(daemon, self.name) if daemon else None
        if there is not None:
            return there
        return DockerNetwork(
            id="",
            name=self.name,
            bridge=dict(self.options).get(BRIDGE, ""),
            subnets=tuple(map(DockerSubnet, self.subnets, self.gateways)),
            ipv6=any(each.version == 6 for each in self.subnets),
            options=dict(self.options),
            labels={LABEL: f"{self.inside}/{self.name}"},
        )

    def attached(self, snapshot: Snapshot) -> Iterator[tuple[str, Attachment]]:
        daemon = snapshot.daemon(self.inside)
        for container in daemon.containers if daemon else ():
            for each in container.attachments:
                if each.network == self.name:
                    yield container.name, each


def _options(network: ContainerNetwork, daemon: Daemon | None) -> tuple[tuple[str, str], ...]:
    options = {
        BRIDGE: bridge_name(network),
        MASQUERADE: str(network.egress is Egress.MASQUERADE).lower(),
    }
    if daemon is not None and daemon.major >= NAT_UNPROTECTED:
        for subnet in network.subnets:
            options[f"{GATEWAY_MODE}{subnet.version}"] = "nat-unprotected"
    return tuple(sorted((options | dict(network.options)).items()))


def _moved(
    attachment: Attachment, before: tuple[Network, ...], after: tuple[Network, ...]
) -> Attachment:
    """The same attachment with each address at the same place in the new subnet.

    Every address is asked for, also one that Docker had chosen: a container keeps what it had.
    """
    return replace(
        attachment,
        fixed_ipv4=_shifted(attachment.fixed_ipv4 or attachment.ipv4, before, after),
        fixed_ipv6=_shifted(attachment.fixed_ipv6 or attachment.ipv6, before, after),
    )


def _shifted(
    address: Address | None, before: tuple[Network, ...], after: tuple[Network, ...]
) -> Address | None:
    if address is None or any(address in each for each in after):
        return address
    old = next((each for each in before if address in each), None)
    new = next((each for each in after if each.version == address.version), None)
    if old is None or new is None:
        return None
    moved = ip_address(int(new.network_address) + int(address) - int(old.network_address))
    return moved if moved in new else None


def _why_no_daemon(name: str, snapshot: Snapshot) -> str:
    instance = snapshot.instance(name)
    client = "incus" if snapshot.runtime and snapshot.runtime.name == "incus" else "lxc"
    missing = str(snapshot.unread.get(guest(name), "")).startswith("there is no such guest")
    if instance is None and (snapshot.runtime is not None or missing):
        return f"guest {name}: there is no such guest on this host; `{client} launch IMAGE {name}`"
    if instance is not None and not instance.is_running:
        return f"guest {name}: it is {instance.status.lower()}; `{client} start {name}`"
    place = guest(name)
    why = (
        snapshot.unread.get(f"{place}/docker") or snapshot.unread.get(place) or "no Docker answers"
    )
    return f"guest {name}: {why}; `{client} exec {name} -- docker info` tells more"
