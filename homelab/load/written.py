"""A valid document with its tree, places in it of which something is to be said, and what several ask of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.load.document import GuestDocument, InventoryDocument, VlanDocument
from homelab.load.node import Node, locate, locate_key, names
from homelab.load.problem import Problem, unknown
from homelab.model.place import Address, Network


@dataclass(frozen=True, slots=True)
class Written:
    """A valid document, and the tree it came from.

    ``tree`` has all entries, those that are not valid too: their names are known. ``whole`` is False
    when a file could not be read, so that a name may be declared in it.
    """

    document: InventoryDocument
    tree: Node
    whole: bool = True

    def unknown(self, section: str, *path: str | int, name: str) -> Iterator[Problem]:
        """The problem that the value at a path is no name of a section."""
        if self.whole and self.tree.get(section, name) is None:
            allowed = names(self.tree, section)
            text = unknown(section.removesuffix("s"), name, allowed)
            yield Problem(locate(self.tree, path), text)

    def at(self, *path: str | int) -> "Spot":
        return Spot(self, path)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the document about which something is to be said."""

    written: Written
    path: tuple[str | int, ...]

    def __call__(self, text: str, *below: str | int) -> Problem:
        where = locate_key(self.written.tree, (*self.path, *below))
        name = ".".join(map(str, (*self.path, *below)))
        return Problem(where, f"{name}: {text}")


def host_of(guest: GuestDocument, document: InventoryDocument) -> str | None:
    """The guest's host: the one it names, or the only one there is."""
    only = next(iter(document.hosts)) if len(document.hosts) == 1 else None
    return guest.host or only


def vlan_subnets(vlan: VlanDocument) -> tuple[Network, ...]:
    return tuple(each for each in (vlan.subnet, vlan.subnet6) if each is not None)


def nic_addresses(guest: GuestDocument) -> tuple[Address, ...]:
    return all_addresses(guest.nic.address, guest.nic.address6, guest.nic.addresses)


def all_addresses(
    four: Address | None, six: Address | None, more: tuple[Address, ...]
) -> tuple[Address, ...]:
    """The addresses of all keys, each once."""
    named = (each for each in (four, six) if each is not None)
    return tuple(dict.fromkeys((*named, *more)))


def pool_length(family: int, each: int | None) -> int:
    """Length of the subnets a pool hands out, where the user left it out."""
    return each or {4: 24, 6: 64}[family]
