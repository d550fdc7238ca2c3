"""The shape of an inventory, as a user writes it. The descriptions are what an editor shows."""

from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from homelab.load import words
from homelab.load.scalars import (
    Boolean,
    Cidr,
    EgressWord,
    IngressWord,
    Instance,
    Interface,
    Ip,
    Ip4,
    Ip6,
    Kind,
    Label,
    Length,
    Mac,
    NetworkName,
    OptionName,
    OptionValue,
    OutcomeWord,
    PortRange,
    Reached,
    Reason,
    Reserved,
    Runtime,
    Source,
    Subnet4,
    Subnet6,
    TagProtocol,
    Target,
    Vantage,
    Version,
    VlanId,
    Word,
    many,
)
from homelab.load.section import Section
from homelab.load.wiring import Bridges, Cards, Links
from homelab.model.inventory import Connection
from homelab.model.trace import Outcome


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


class PoolDocument(Section):
    """A range from which subnets are handed out to networks that say ``auto``."""

    subnet: Cidr = Field(description="The whole range, IPv4 or IPv6.")
    each: Length | None = Field(
        default=None,
        description="Prefix length of each subnet handed out; 24 for IPv4 and 64 for IPv6 if left out.",
    )


class VlanDocument(Section):
    """A VLAN of the LAN."""

    id: VlanId = Field(description="VLAN id (IEEE 802.1Q).")
    subnet: Cidr | None = Field(default=None, description="Its subnet, IPv4 or IPv6.")
    subnet6: Cidr | None = Field(default=None, description="Its IPv6 subnet, when it has both.")
    protocol: TagProtocol = Field(
        default="802.1Q", description="The tag: 802.1Q, or 802.1ad for an outer one (QinQ)."
    )


class HostDocument(Section):
    """A Linux machine that runs guests through LXD or Incus."""

    connection: Reached = Field(
        default=Connection(),
        description="How it is reached: this machine (``local``), or ``ssh://[USER@]HOST[:PORT]``.",
    )
    uplink: Interface | None = Field(default=None, description="The interface towards the LAN.")
    address: Ip | None = Field(
        default=None, description="Its address on the LAN: the router's next hop."
    )
    addresses: tuple[Ip, ...] = Field(
        default=(), description="Its addresses on the LAN, when it has several."
    )
    runtime: Runtime = Field(default="auto", description="What runs its guests.")
    router: Label | None = Field(
        default=None, description="Name of the router that the LAN's clients use as gateway."
    )
    vlans: tuple[Word, ...] = Field(default=(), description="Names of the VLANs that reach it.")
    links: Links
    bridges: Bridges
    cards: Cards


class RouterDocument(Section):
    """What the LAN's clients use as gateway."""

    connection: Reached = Field(
        default=Connection("none"),
        description="How it is reached; ``none``: homelab prints its configuration and does not log in.",
    )
    kind: Kind = Field(
        default="linux",
        description="What it runs. Only Linux is programmed; for the others configuration is rendered.",
    )


class NicDocument(Section):
    """A guest's network interface: on a network that LXD manages, or on a bridge of the host."""

    name: Interface | None = Field(
        default=None,
        description="Its name in the guest, and of the device in LXD; eth0 if left out.",
    )
    network: Interface | None = Field(
        default=None, description="The managed network it is on, such as lxdbr0."
    )
    bridge: Interface | None = Field(
        default=None, description="The host's own bridge it is on, instead of a managed network."
    )
    macvlan: Interface | None = Field(
        default=None, description="The link of the host that it is a macvlan on, likewise."
    )
    card: Interface | None = Field(
        default=None, description="The SR-IOV card of the host whose function it gets, likewise."
    )
    vlan: Word | None = Field(
        default=None, description="Name of the VLAN it is in: of its frames without a tag."
    )
    tagged: tuple[Word, ...] = Field(
        default=(), description="Names of the VLANs whose frames reach it with their tag."
    )
    mac: Mac | None = Field(default=None, description="Its fixed address of Ethernet.")
    spoof_check: Boolean | None = Field(
        default=None,
        description="Whether card or bridge drop frames with another address of Ethernet.",
    )
    address: Ip4 | None = Field(
        default=None,
        description="Its fixed IPv4 address: the next hop of every route to the guest's networks.",
    )
    address6: Ip6 | None = Field(default=None, description="Its fixed IPv6 address, likewise.")
    addresses: tuple[Ip, ...] = Field(
        default=(),
        description="Its addresses, when it has several of a family; the first of each is the next hop.",
    )


class AllowDocument(Section):
    """One entry of an ingress list."""

    sources: Annotated[tuple[Source, ...], many("10.0.0.0/24")] = Field(
        default=words.EVERYWHERE,
        alias="from",
        description="Who: subnets, addresses, or ``lan`` (the uplink's subnets); everybody if left out.",
    )
    ports: Annotated[tuple[PortRange, ...], many("5432/tcp")] = Field(
        default=(), description="Which ports; every port and protocol, ping included, if left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            key: _as_list(each) if key in ("from", "ports") and each is not None else each
            for key, each in value.items()
        }


Ingress = Annotated[
    Annotated[IngressWord, Tag("word")] | Annotated[tuple[AllowDocument, ...], Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "word"),
]


class NetworkDocument(Section):
    """A Docker network of a guest."""

    subnet: Subnet4 | None = Field(
        default=None,
        description="Its IPv4 subnet: ``auto``, a subnet such as 10.90.1.0/24, or {pool: NAME}.",
    )
    subnet6: Subnet6 | None = Field(default=None, description="Its IPv6 subnet, likewise.")
    ingress: Ingress = Field(
        default="open",
        description="Who may open connections into it: ``open``, ``none``, or a list of sources and ports.",
    )
    egress: EgressWord = Field(
        default="routed",
        description="How it leaves: ``routed`` keeps the containers' own addresses, ``masquerade`` hides them.",
    )
    options: dict[OptionName, OptionValue] = Field(
        default_factory=dict,
        description="Further driver options of the Docker network, as ``docker network create --opt`` takes them.",
    )
    managed: Boolean = Field(
        default=True,
        description="Whether homelab makes and changes it; else it is left as it is, and only judged.",
    )


class GuestDefaults(Section):
    """What guests have in common."""

    host: Label | None = Field(
        default=None, description="The host it runs on; not needed when there is only one."
    )
    restart: Boolean = Field(
        default=True, description="Whether homelab may restart it for a setting that needs that."
    )


class GuestDocument(GuestDefaults):
    """An LXC container that runs Docker."""

    nic: NicDocument = Field(default_factory=NicDocument, description="Its network interface.")
    networks: dict[NetworkName, NetworkDocument] = Field(
        default_factory=dict, description="Its Docker networks, by name."
    )


class DefaultsDocument(Section):
    """Values for all guests, NICs and networks that do not say otherwise."""

    guest: GuestDefaults = Field(default_factory=GuestDefaults, description="For guests.")
    nic: NicDocument = Field(default_factory=NicDocument, description="For the NICs of guests.")
    network: NetworkDocument = Field(
        default_factory=NetworkDocument, description="For the networks of guests."
    )


class GroupDocument(DefaultsDocument):
    """Defaults for some guests: stronger than ``defaults``, weaker than what a guest says itself."""

    guests: tuple[Instance, ...] = Field(
        default=(), description="Names of the guests. Of several groups the one declared last wins."
    )


class ExpectationDocument(Section):
    """A flow that shall fare so: a test of the network, for ``homelab expect``."""

    origin: Vantage = Field(
        alias="from",
        description="From where: a vantage, such as lan, host, guest:NAME or container:GUEST/NAME.",
    )
    to: Target = Field(
        description="To whom: GUEST/NETWORK for each container on it, a container's name, or an "
        "address; with :PORT (TCP) or :PORT/udp, else an echo request."
    )
    outcome: OutcomeWord = Field(
        default=Outcome.DELIVERED, description="How it shall fare; delivered if left out."
    )
    reason: Reason | None = Field(
        default=None, description="Why, in your own words; shown with the answer."
    )


class InventoryDocument(Section):
    """A lab: its hosts, their guests, and the Docker networks in them. One file or several."""

    version: Version = Field(default=1, description="Version of this format.")
    pools: dict[Word, PoolDocument] = Field(
        default_factory=dict,
        description="Ranges from which subnets are handed out; the first of a family serves ``auto``.",
    )
    vlans: dict[Word, VlanDocument] = Field(default_factory=dict, description="VLANs, by name.")
    hosts: dict[Label, HostDocument] = Field(
        default_factory=dict, description="Machines that run guests, by name."
    )
    routers: dict[Label, RouterDocument] = Field(
        default_factory=dict, description="Gateways of the LAN, by name."
    )
    guests: dict[Instance, GuestDocument] = Field(
        default_factory=dict, description="Guests, by name."
    )
    reserved: tuple[Reserved, ...] = Field(
        default=(), description="Subnets that ``auto`` must not use."
    )
    defaults: DefaultsDocument = Field(
        default_factory=DefaultsDocument,
        description="What guests, NICs and networks have unless they say otherwise.",
    )
    groups: dict[Word, GroupDocument] = Field(
        default_factory=dict, description="Defaults for some guests, by name."
    )
    expect: tuple[ExpectationDocument, ...] = Field(
        default=(), description="Flows that shall fare so, whatever changes: tests of the network."
    )
