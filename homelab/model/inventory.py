"""What the user wrote, resolved and validated: nothing observed, nothing computed from a machine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from homelab.model.host_links import DeclaredBridge, DeclaredCard, DeclaredLink
from homelab.model.place import Address, Network
from homelab.model.trace import Outcome, Target


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """Position in an inventory file; prints as FILE:LINE:COLUMN."""

    file: str = "inventory"
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Where()


@dataclass(frozen=True, slots=True)
class Connection:
    """How a machine is reached: ``local``, ``netns`` (a named namespace here), ``ssh`` or ``none``.

    ``peer``: another host of the lab, as one of them sees it.
    """

    kind: str = "local"
    target: str = ""
    port: int | None = None

    def __str__(self) -> str:
        if self.kind in ("local", "none"):
            return self.kind
        return f"{self.kind}://{self.target}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class Pool:
    """Subnets of length ``each`` are handed out of ``subnet`` to networks that say ``auto``."""

    name: str
    subnet: Network
    each: int
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Vlan:
    name: str
    id: int
    subnets: tuple[Network, ...] = ()
    where: Where = field(default=NOWHERE, compare=False)
    protocol: str = "802.1Q"


@dataclass(frozen=True, slots=True)
class Router:
    """What the LAN's clients use as gateway; ``kind`` linux is programmed, others are rendered."""

    name: str
    connection: Connection = Connection("none")
    kind: str = "linux"
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that runs guests; ``runtime`` is lxd, incus, lxc, proxmox or auto."""

    name: str
    connection: Connection = Connection()
    uplink: str | None = None
    addresses: tuple[Address, ...] = ()
    runtime: str = "auto"
    router: str | None = None
    vlans: tuple[str, ...] = ()
    where: Where = field(default=NOWHERE, compare=False)
    links: tuple[DeclaredLink, ...] = ()
    bridges: tuple[DeclaredBridge, ...] = ()
    cards: tuple[DeclaredCard, ...] = ()


@dataclass(frozen=True, slots=True)
class Nic:
    """A guest's NIC: on a managed ``network``, a ``bridge``, a ``macvlan`` on a link, or a function of a ``card``.

    ``vlan`` and ``tagged`` are names of VLANs.
    """

    name: str = "eth0"
    network: str | None = None
    bridge: str | None = None
    vlan: str | None = None
    addresses: tuple[Address, ...] = ()
    where: Where = field(default=NOWHERE, compare=False)
    macvlan: str | None = None
    card: str | None = None
    tagged: tuple[str, ...] = ()
    mac: str | None = None
    spoof_check: bool | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A range of destination ports of tcp or udp."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{span}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Allow:
    """One entry of an ``ingress`` list; no ``ports`` means every protocol and port.

    ``lan``: the subnets of the host's uplink are sources too; ``allocate`` puts them there.
    """

    sources: tuple[Network, ...]
    ports: tuple[Port, ...] = ()
    lan: bool = False


class Ingress(Enum):
    OPEN = "open"
    LIST = "list"
    NONE = "none"


class Egress(Enum):
    ROUTED = "routed"
    MASQUERADE = "masquerade"


@dataclass(frozen=True, slots=True)
class ContainerNetwork:
    """A Docker network of one guest.

    ``subnets`` has at most one of each family. ``auto`` names the pool of each subnet that is still
    to be allocated (``{4: "containers"}``); after allocation it is empty. One that is not ``managed`` is
    known, judged and kept out of others' way, and nothing is ever made, changed or removed for it.
    """

    guest: str
    name: str
    subnets: tuple[Network, ...] = ()
    auto: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    ingress: Ingress = Ingress.OPEN
    allow: tuple[Allow, ...] = ()
    egress: Egress = Egress.ROUTED
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    where: Where = field(default=NOWHERE, compare=False)
    managed: bool = True

    @property
    def full_name(self) -> str:
        return f"{self.guest}/{self.name}"

    def subnet(self, family: int) -> Network | None:
        return next((each for each in self.subnets if each.version == family), None)


@dataclass(frozen=True, slots=True)
class Guest:
    name: str
    host: str
    nic: Nic = Nic()
    networks: tuple[ContainerNetwork, ...] = ()
    restart: bool = True
    where: Where = field(default=NOWHERE, compare=False)

    @property
    def managed(self) -> "Guest":
        """The guest with those of its networks that homelab may make and change."""
        if all(each.managed for each in self.networks):
            return self
        return replace(self, networks=tuple(each for each in self.networks if each.managed))

    def address(self, family: int) -> Address | None:
        return next((each for each in self.nic.addresses if each.version == family), None)


@dataclass(frozen=True, slots=True)
class NetworkOf:
    """Every container on a Docker network of a guest."""

    guest: str
    network: str

    def __str__(self) -> str:
        return f"{self.guest}/{self.network}"


@dataclass(frozen=True, slots=True)
class ContainerCalled:
    """The container of that name; ``guest`` is None where only one guest has such a one."""

    name: str
    guest: str | None = None

    def __str__(self) -> str:
        return self.name if self.guest is None else f"container:{self.guest}/{self.name}"


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom a flow is for: an echo request when ``protocol`` is icmp, else a port."""

    whom: NetworkOf | ContainerCalled | Address
    protocol: str = "icmp"
    port: int | None = None

    def __str__(self) -> str:
        if not isinstance(self.whom, NetworkOf | ContainerCalled):
            return str(self.target(self.whom))
        port = "" if self.port is None else f":{self.port}/{self.protocol}"
        return f"{self.whom}{port}"

    def target(self, address: Address) -> Target:
        return Target(address, self.protocol, self.port)


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a flow shall fare. ``origin`` is the name of a vantage, ``reason`` the user's own words."""

    origin: str
    to: Destination
    outcome: Outcome = Outcome.DELIVERED
    reason: str = ""
    where: Where = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything one inventory describes. ``reserved`` are subnets that ``auto`` must not use."""

    hosts: tuple[Host, ...] = ()
    routers: tuple[Router, ...] = ()
    guests: tuple[Guest, ...] = ()
    pools: tuple[Pool, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    reserved: tuple[Network, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @property
    def networks(self) -> tuple[ContainerNetwork, ...]:
        return tuple(network for each in self.guests for network in each.networks)

    @property
    def primary(self) -> Host | None:
        """The host that is called ``host``: the local one, or else the first behind ssh."""
        reached = [each for each in self.hosts if each.connection.kind in ("local", "ssh")]
        local = (each for each in reached if each.connection.kind == "local")
        return next(local, next(iter(reached), None))

    def guest(self, name: str) -> Guest | None:
        return next((each for each in self.guests if each.name == name), None)

    def vlan(self, name: str | None) -> Vlan | None:
        return next((each for each in self.vlans if each.name == name), None)

    def host(self, name: str) -> Host | None:
        return next((each for each in self.hosts if each.name == name), None)

    def router(self, name: str | None) -> Router | None:
        return next((each for each in self.routers if each.name == name), None)

    def guests_of(self, host: str) -> Iterator[Guest]:
        return (each for each in self.guests if each.host == host)

    def with_networks(self, networks: Mapping[str, ContainerNetwork]) -> "Inventory":
        """The same inventory with networks replaced, by their full name."""
        guests = tuple(
            replace(
                each,
                networks=tuple(networks.get(one.full_name, one) for one in each.networks),
            )
            for each in self.guests
        )
        return replace(self, guests=guests)
