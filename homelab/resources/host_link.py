"""VLAN links and VLAN-aware bridges on the host; their mark is the word ``link`` in their alias.

A link of somebody else's that does all that is declared is left alone, and none of ours is wanted beside it. A bridge
that is there already is used as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from homelab.model.host_links import DeclaredLink
from homelab.model.inventory import Inventory
from homelab.model.kernel import Link, Namespace
from homelab.model.operation import AddRoute, Operation, SetOwnedLink
from homelab.model.place import HOST, Interface
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import PROTOCOL, Snapshot
from homelab.model.wires import LINK, OwnedLink, marks, own_vlan_id
from homelab.resources.lab import local_host
from homelab.resources.wiring import bridges_of, is_made, link_called, links_of, unfit, unreadable


@dataclass(frozen=True, slots=True)
class HostLink(Resource):
    """``parent_made``: the inventory has the parent made too, before it."""

    link: OwnedLink
    parent_made: bool = False

    @property
    def key(self) -> Key:
        return Key("host link", self.link.name)

    @property
    def guest(self) -> str | None:
        return None

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        host, here = local_host(inventory), snapshot.host_namespace
        if host is None:
            return
        for bridge in bridges_of(host):
            found = link_called(here, bridge.name)
            if found is None or LINK in marks(found.alias).words or found.kind != "bridge":
                yield cls(OwnedLink(bridge.name, "bridge"))
        # A link on another one of ours comes after it.
        for each in sorted(links_of(host), key=lambda one: is_made(host, one.parent)):
            wanted = _wanted(inventory, here, each)
            found = link_called(here, each.name)
            if found is None or LINK in marks(found.alias).words or _seen(here, found) != wanted:
                yield cls(wanted, is_made(host, each.parent))

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        here = snapshot.host_namespace
        owned = [each for each in (here.links if here else ()) if LINK in marks(each.alias).words]
        names = {each.name for each in owned}
        for each in sorted(owned, key=lambda one: one.index):
            seen = _seen(here, each)
            yield cls(seen, seen.parent in names)

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        yield from unreadable(snapshot)
        here, name = snapshot.host_namespace, self.link.name
        found = link_called(here, name)
        if found is not None and LINK not in marks(found.alias).words:
            yield (
                f"host: there is a link {name} already, {_told(_seen(here, found))}, and it is not homelab's; "
                f"`ip link del dev {name}`, or write another name"
            )
        if self.link.kind == "bridge":
            yield from unfit(snapshot, "vlan_filtering")
            return
        yield from unfit(snapshot, "8021q")
        if here is not None:
            yield from self._parents(here)

    def _parents(self, here: Namespace) -> Iterator[str]:
        parent = link_called(here, self.link.parent)
        if parent is None:
            if not self.parent_made:
                yield f"host: there is no link {self.link.parent} for {self.link.name}; see ip link"
            return
        if not parent.up:
            yield (
                f"host: {parent.name} is down, and {self.link.name} with it; "
                f"`ip link set dev {parent.name} up`, and where it is configured"
            )
        if self.link.mtu is not None and self.link.mtu > parent.mtu:
            yield (
                f"host: {parent.name} has an MTU of {parent.mtu}, {self.link.name} shall have {self.link.mtu}; "
                f"`ip link set dev {parent.name} mtu {self.link.mtu}`, or write a smaller one"
            )
        for each in here.links:
            other = _seen(here, each)
            same = other.is_of_place[2:] == self.link.is_of_place[2:]
            if each.kind == "vlan" and same and each.name != self.link.name:
                yield (
                    f"host: {each.name} is VLAN {self.link.vlan} of {parent.name} already; "
                    f"`ip link del dev {each.name}`, or call the link {each.name}"
                )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (SetOwnedLink(HOST, self.link, None),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (SetOwnedLink(HOST, None, self.link),)

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        """Anew where it must be: routes of ours through it go with it, and come back."""
        change = SetOwnedLink(HOST, self.link, old.link)
        if self.link.is_of_place == old.link.is_of_place:
            return (change,)
        here = snapshot.host_namespace
        lost = (each for each in (here.routes if here else ()) if each.link == self.link.name)
        ours = (each for each in lost if each.protocol == str(PROTOCOL) and self._reaches(each.via))
        return (change, *(AddRoute(HOST, each) for each in ours))

    def _reaches(self, via: object) -> bool:
        return any(via in each.network for each in self.link.addresses)

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        if old is None or self.link.is_of_place == old.link.is_of_place:
            return None
        return f"{self.link.name} goes and comes back: what goes through it stops for a moment"

    def describe(self) -> str:
        return _told(self.link)


def _wanted(inventory: Inventory, here: Namespace | None, declared: DeclaredLink) -> OwnedLink:
    vlan = inventory.vlan(declared.vlan)
    # An MTU that nobody declared is the kernel's to follow: a bridge takes the smallest of its ports.
    parent = link_called(here, declared.name) or link_called(here, declared.parent)
    return OwnedLink(
        declared.name,
        "vlan",
        declared.parent,
        vlan.id if vlan else 0,
        vlan.protocol if vlan else "802.1Q",
        declared.mtu or (parent.mtu if parent else 1500),
        tuple(sorted(declared.addresses, key=str)),
    )


def _seen(here: Namespace | None, link: Link) -> OwnedLink:
    """A link as it is, in the words of one of ours."""
    links = here.links if here else ()
    parent = next((each.name for each in links if each.index == link.peer), None)
    if link.kind != "vlan":
        return OwnedLink(link.name, link.kind, addresses=_addresses(here, link.name))
    return OwnedLink(
        link.name,
        "vlan",
        parent if link.peer_netns is None else None,
        own_vlan_id(link),
        link.options.get("vlan_protocol", "802.1Q"),
        link.mtu,
        _addresses(here, link.name),
    )


def _addresses(here: Namespace | None, name: str) -> tuple[Interface, ...]:
    every = here.addresses if here else ()
    found = (each.interface for each in every if (each.link, each.scope) == (name, "global"))
    return tuple(sorted(found, key=str))


def _told(link: OwnedLink) -> str:
    if link.kind != "vlan":
        return f"a {link.kind or 'card'}" + (" that filters VLANs" if link.kind == "bridge" else "")
    tag = f"VLAN {link.vlan}" + (" (802.1ad)" if link.protocol == "802.1ad" else "")
    addresses = "".join(f", {each}" for each in link.addresses)
    return f"{tag} on {link.parent}, MTU {link.mtu}{addresses}"
