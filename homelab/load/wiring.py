"""The shape of what an inventory says of a host's links, what contradicts itself there, and what becomes of it."""

from collections.abc import Iterator
from typing import Annotated, Protocol

from pydantic import Field

from homelab.load.scalars import Boolean, FunctionNumber, HostAddress, Interface, Mtu, Word
from homelab.load.section import Section
from homelab.model.host_links import (
    DeclaredBridge,
    DeclaredCard,
    DeclaredFunction,
    DeclaredLink,
    DeclaredPort,
)
from homelab.model.place import Interface as Given


class LinkDocument(Section):
    """A VLAN link on another link of the host."""

    parent: Interface = Field(description="The link that carries the tags, such as eth0 or br0.")
    vlan: Word = Field(description="Name of its VLAN.")
    addresses: tuple[HostAddress, ...] = Field(
        default=(), description="The host's addresses in that VLAN, such as 10.20.0.2/24."
    )
    mtu: Mtu | None = Field(default=None, description="Its MTU; that of its parent if left out.")


class PortDocument(Section):
    """VLANs of a port of a bridge."""

    tagged: tuple[Word, ...] = Field(default=(), description="VLANs whose frames keep their tag.")
    untagged: Word | None = Field(
        default=None, description="The VLAN of frames without a tag (PVID, egress untagged)."
    )


class BridgeDocument(Section):
    """A bridge that filters VLANs: made if it is not there."""

    ports: dict[Interface, PortDocument] = Field(
        default_factory=dict, description="Its ports, by the name of their link."
    )
    itself: PortDocument | None = Field(
        default=None,
        alias="self",
        description="VLANs of the bridge itself: what the host hears through it, or through VLAN links on it.",
    )


class FunctionDocument(Section):
    """One virtual function of an SR-IOV card."""

    vlan: Word | None = Field(default=None, description="Name of its VLAN; untagged if left out.")
    spoof_check: Boolean = Field(
        default=True, description="Whether the card drops frames with another address than its own."
    )


class CardDocument(Section):
    """An SR-IOV card."""

    functions: FunctionNumber = Field(description="How many virtual functions it shall have.")
    settings: dict[FunctionNumber, FunctionDocument] = Field(
        default_factory=dict,
        description="Settings of single functions, by their number; not of those that guests get.",
    )


Links = Annotated[
    dict[Interface, LinkDocument],
    Field(default_factory=dict, description="VLAN links that homelab makes, by name."),
]
Bridges = Annotated[
    dict[Interface, BridgeDocument],
    Field(default_factory=dict, description="Bridges that filter VLANs, by name."),
]
Cards = Annotated[
    dict[Interface, CardDocument],
    Field(default_factory=dict, description="SR-IOV cards, by the name of their link."),
]


class Wired(Protocol):
    """The part of a host's document that is about links."""

    @property
    def links(self) -> dict[str, LinkDocument]: ...

    @property
    def bridges(self) -> dict[str, BridgeDocument]: ...

    @property
    def cards(self) -> dict[str, CardDocument]: ...


def vlans_named(host: Wired) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every name of a VLAN, with the way to it from the host."""
    for name, link in host.links.items():
        yield ("links", name, "vlan"), link.vlan
    for name, bridge in host.bridges.items():
        for port, path in _ports(name, bridge):
            for index, vlan in enumerate(port.tagged):
                yield (*path, "tagged", index), vlan
            if port.untagged is not None:
                yield (*path, "untagged"), port.untagged
    for name, card in host.cards.items():
        for number, each in card.settings.items():
            if each.vlan is not None:
                yield ("cards", name, "settings", str(number), "vlan"), each.vlan


def contradictory(host: Wired) -> Iterator[tuple[tuple[str, ...], str]]:
    """What no single value shows, with the way to it from the host."""
    for name, bridge in host.bridges.items():
        if name in host.links:
            yield ("bridges", name), f"{name} is a VLAN link above; give one of them another name"
        for port, path in _ports(name, bridge):
            if port.untagged in port.tagged:
                yield path, f"vlan {port.untagged} is tagged and untagged; take one of them out"
        for link in bridge.ports:
            if link in host.cards or link == name:
                what = (
                    "an SR-IOV card" if link in host.cards else "the bridge itself, written `self`"
                )
                yield ("bridges", name, "ports", link), f"{link} is {what}; it cannot be a port"
    for name, card in host.cards.items():
        for number in card.settings:
            if number >= card.functions:
                text = f"function {number} of {card.functions}; they count from 0"
                yield ("cards", name, "settings", str(number)), text


def _ports(name: str, bridge: BridgeDocument) -> Iterator[tuple[PortDocument, tuple[str, ...]]]:
    for link, port in bridge.ports.items():
        yield port, ("bridges", name, "ports", link)
    if bridge.itself is not None:
        yield bridge.itself, ("bridges", name, "self")


def declared_links(host: Wired) -> tuple[DeclaredLink, ...]:
    return tuple(
        DeclaredLink(name, each.parent, each.vlan, _given(each.addresses), each.mtu)
        for name, each in host.links.items()
    )


def _given(addresses: tuple[Given, ...]) -> tuple[Given, ...]:
    return tuple(dict.fromkeys(addresses))


def declared_bridges(host: Wired) -> tuple[DeclaredBridge, ...]:
    return tuple(
        DeclaredBridge(
            name,
            tuple(
                DeclaredPort(path[-1] if path[-1] != "self" else name, port.tagged, port.untagged)
                for port, path in _ports(name, each)
            ),
        )
        for name, each in host.bridges.items()
    )


def declared_cards(host: Wired) -> tuple[DeclaredCard, ...]:
    return tuple(
        DeclaredCard(
            name,
            each.functions,
            tuple(
                DeclaredFunction(number, one.vlan, one.spoof_check)
                for number, one in sorted(each.settings.items())
            ),
        )
        for name, each in host.cards.items()
    )
