"""A guest's Docker network on its own subnet; its mark is the label ``homelab.network``.

Options by Docker's generation: gateway mode nat-unprotected exists from Engine 28.0 on and opens every
port of every container to routed traffic; older daemons store options that they do not know and
ignore them. ``enable_ip_masquerade=false`` keeps the containers' own source addresses.
A daemon adds its ``default-network-opts`` to those of a new network (createNetwork in moby's
daemon/network.go), so a second label names the options that are ours to compare.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from homelab.model.docker import LABEL, Attachment, DockerNetwork, DockerSubnet
from homelab.model.inventory import ContainerNetwork, Egress, Inventory
from homelab.model.lxc import ADOPTED
from homelab.model.operation import (
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    ForgetConnections,
    Operation,
    RemoveDockerNetwork,
    SetInstanceConfig,
)
from homelab.model.place import HOST, ROUTER, Address, Network, Place, guest, guest_of
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import (
    NAT_UNPROTECTED,
    bridge_in,
    docker_network,
    local_guests,
    ways_out,
    why_no_daemon,
)
from homelab.resources.moving import forget_addresses, moved

BRIDGE = "com.docker.network.bridge.name"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv"
SET = "homelab.options"
"""Docker label that names the options homelab set on the network."""

# A guest's root can write any label; what Docker could not have got from us is not ours.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class GuestNetwork(Resource):
    """``options`` are those that we set or the user wrote, and nothing that Docker adds by itself.

    ``declared`` are the full names of all networks that shall be.
    """

    inside: str
    name: str
    subnets: tuple[Network, ...]
    options: tuple[tuple[str, str], ...] = ()
    internal: bool = False
    ipv6: bool = False
    gateways: tuple[Address | None, ...] = field(default=(), compare=False)
    declared: frozenset[str] = field(default=frozenset(), compare=False)
    where: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        return Key("docker network", f"{self.inside}/{self.name}")

    @property
    def guest(self) -> str | None:
        return self.inside

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        declared = frozenset(each.full_name for each in inventory.networks)
        for each in local_guests(inventory):
            for network in each.networks:
                subnets = _in_order(network.subnets)
                yield cls(
                    each.name,
                    network.name,
                    subnets,
                    _options(network, snapshot),
                    ipv6=_has_ipv6(subnets),
                    gateways=tuple(subnet[1] for subnet in subnets),
                    declared=declared,
                    where=str(network.where),
                )

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, daemon in snapshot.daemons.items():
            inside = guest_of(place)
            for network in daemon.networks:
                if inside is not None and _is_ours(network, inside, snapshot):
                    yield cls._as_is(network, inside)

    @classmethod
    def _as_is(cls, network: DockerNetwork, inside: str) -> Self:
        gateways = {each.subnet: each.gateway for each in network.subnets}
        subnets = _in_order(gateways)
        return cls(
            inside,
            network.name,
            subnets,
            _set_by_us(network),
            network.internal,
            network.ipv6,
            tuple(gateways[each] for each in subnets),
        )

    @classmethod
    def adoptable(
        cls, inventory: Inventory, snapshot: Snapshot
    ) -> Iterator[tuple[Self, tuple[Operation, ...]]]:
        guests = () if snapshot.is_plain else local_guests(inventory)
        for each in (network for one in guests for network in one.networks):
            daemon, instance = snapshot.daemon(each.guest), snapshot.instance(each.guest)
            there = docker_network(daemon, each.name) if daemon else None
            if there and instance and not _is_ours(there, each.guest, snapshot) and there.subnets:
                key = ADOPTED + each.name
                note, was = {key: there.subnets_text}, {key: instance.config.get(key)}
                mark = SetInstanceConfig(HOST, each.guest, note, was)
                yield cls._as_is(there, each.guest), (mark,)

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        daemon = snapshot.daemon(self.inside)
        if daemon is None:
            yield why_no_daemon(self.inside, snapshot)
            return
        there = docker_network(daemon, self.name)
        mark = there.labels.get(LABEL) if there else None
        if there is not None and not _is_ours(there, self.inside, snapshot):
            copied = f"with the mark of {mark}, as in a guest that was copied or renamed"
            said = copied if mark else "and is not homelab's"
            yield (
                f"guest {self.inside}: a Docker network {self.name} is there {said}; "
                + ways_out(self.key, f"write another name for ours at {self.where}")
            )
        yield from self._overlaps(snapshot)

    def _overlaps(self, snapshot: Snapshot) -> Iterator[str]:
        for place, daemon in snapshot.daemons.items():
            for network in daemon.networks:
                if network.name == "bridge" or self._gives_way(place, network, snapshot):
                    continue
                for each in network.subnets:
                    if any(_overlap(each.subnet, ours) for ours in self.subnets):
                        yield (
                            f"{place}: Docker network {network.name} has {each.subnet}, which overlaps "
                            f"{self.inside}/{self.name} {', '.join(map(str, self.subnets))}; "
                            "move one of them to another subnet"
                        )

    def _gives_way(self, place: Place, network: DockerNetwork, snapshot: Snapshot) -> bool:
        """It is this one as it is now, or one of ours that is declared no more and goes first."""
        inside = guest_of(place)
        if inside is None:
            return False
        name = f"{inside}/{network.name}"
        is_left_over = _is_ours(network, inside, snapshot) and name not in self.declared
        return is_left_over or name == f"{self.inside}/{self.name}"

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (CreateDockerNetwork(guest(self.inside), self._network()),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (*self.removal_of(snapshot), *self.forgotten(snapshot, ()))

    def removal_of(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        place = guest(self.inside)
        apart = tuple(
            DisconnectContainer(place, name, each) for name, each in self.attached(snapshot)
        )
        return (*apart, RemoveDockerNetwork(place, self._network(snapshot)))

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        place = guest(self.inside)
        moves = [
            (name, moved(each, old.subnets, self.subnets)) for name, each in old.attached(snapshot)
        ]
        # Docker gives the others what is free: nothing that somebody will ask for.
        moves.sort(key=lambda each: each[1].fixed_ipv4 is None and each[1].fixed_ipv6 is None)
        again = tuple(ConnectContainer(place, name, each) for name, each in moves)
        kept = {
            address
            for _, each in moves
            for address in (each.fixed_ipv4, each.fixed_ipv6)
            if address
        }
        forgotten = old.forgotten(snapshot, kept)
        return (*old.removal_of(snapshot), *self.create(snapshot), *again, *forgotten)

    def forgotten(
        self, snapshot: Snapshot, kept: Collection[Address]
    ) -> tuple[ForgetConnections, ...]:
        """Wherever its connections are tracked, those of the addresses that no container keeps."""
        return forget_addresses(
            snapshot,
            (guest(self.inside), HOST, ROUTER),
            [
                address
                for _, each in self.attached(snapshot)
                for address in (each.ipv4, each.ipv6)
                if address and address not in kept
            ],
        )

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

    def removal(self, snapshot: Snapshot) -> str | None:
        names = ", ".join(name for name, _ in self.attached(snapshot))
        if not names:
            return None
        return f"{self.inside}/{self.name} is removed, and its containers ({names}) are disconnected from it"

    def describe(self) -> str:
        mode = dict(self.options).get(f"{GATEWAY_MODE}4")
        leaves = "routed" if dict(self.options).get(MASQUERADE) == "false" else "masquerade"
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
            internal=self.internal,
            ipv6=self.ipv6,
            options=dict(self.options),
            labels={
                LABEL: f"{self.inside}/{self.name}",
                SET: ",".join(name for name, _ in self.options),
            },
        )

    def attached(self, snapshot: Snapshot) -> Iterator[tuple[str, Attachment]]:
        daemon = snapshot.daemon(self.inside)
        for container in daemon.containers if daemon else ():
            for each in container.attachments:
                if each.network == self.name and container.is_plugged(each):
                    yield container.name, each


def _is_ours(network: DockerNetwork, inside: str, snapshot: Snapshot) -> bool:
    return _NAME.fullmatch(network.name) is not None and snapshot.owns(inside, network)


def _set_by_us(network: DockerNetwork) -> tuple[tuple[str, str], ...]:
    """The options as far as we set them: all, if the network does not say."""
    ours = network.labels.get(SET)
    names = set(network.options if ours is None else ours.split(","))
    return tuple(sorted(each for each in network.options.items() if each[0] in names))


def _in_order(subnets: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(sorted(subnets, key=lambda each: each.version))


def _has_ipv6(subnets: tuple[Network, ...]) -> bool:
    return any(each.version == 6 for each in subnets)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _options(network: ContainerNetwork, snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """What we ask of Docker; an adopted network keeps the bridge that Docker named."""
    daemon = snapshot.daemon(network.guest)
    there = docker_network(daemon, network.name) if daemon else None
    is_adopted = there is not None and snapshot.adopted(network.guest, there)
    named = not is_adopted or BRIDGE in (there.options if there else {})
    options = {
        **({BRIDGE: bridge_in(network, snapshot)} if named else {}),
        MASQUERADE: str(network.egress is Egress.MASQUERADE).lower(),
    }
    if daemon is not None and daemon.major >= NAT_UNPROTECTED:
        for subnet in network.subnets:
            options[f"{GATEWAY_MODE}{subnet.version}"] = "nat-unprotected"
    return tuple(sorted((options | dict(network.options)).items()))
