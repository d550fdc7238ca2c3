"""All places of a snapshot, compiled when they are first needed, and how their links are joined."""

from collections.abc import Iterator
from functools import cached_property

from homelab.diagnosis.box import Box
from homelab.diagnosis.virtual_function import Function
from homelab.model.kernel import Link
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot

UPPER = ("vlan", "macvlan", "macvtap", "ipvlan")
"""Kinds of links that stand on another link, their parent."""

INNER = ("bridge", "dummy", "ifb", "vrf", "bond", "team", *UPPER)
"""Kinds of links that are no wire of their own to the world outside."""


ISOLATED = ("macvlan", "macvtap", "ipvlan")
"""Those of them that never hear what their parent sends, nor it them."""

_MODES = ("bridge", "private", "vepa")


class World:
    """The snapshot as the tracer asks it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._boxes: dict[Place, Box] = {}
        self._by_inode = {
            here.inode: place for place, here in snapshot.namespaces.items() if here.inode
        }

    def box(self, place: Place) -> Box | None:
        """The place, or None when it was not observed."""
        place = self.snapshot.resolve(place)
        if place not in self._boxes:
            here = self.snapshot.namespaces.get(place)
            if here is None:
                return None
            self._boxes[place] = Box(place, here)
        return self._boxes[place]

    def observed(self, place: Place) -> Box:
        """A place of which it is known that it was observed; ``LookupError`` if it was not."""
        box = self.box(place)
        if box is None:
            raise LookupError(f"{place}: it was not observed")
        return box

    def boxes(self) -> Iterator[Box]:
        for place in self.snapshot.namespaces:
            box = self.box(place)
            if box is not None and box.place == place:
                yield box

    def peer(self, place: Place, link: Link) -> tuple[Place, str] | None:
        """Place and name of a veth's other end."""
        for there in self._candidates(place, link):
            other = there.by_index.get(link.peer or 0)
            if other is None or other.kind != "veth" or other.peer != link.index:
                continue
            if self._is_joined(there, other, place):
                return there.place, other.name
        return None

    def joined(self, start: Place, beyond: frozenset[Place] = frozenset()) -> set[Place]:
        """The places that hang together with this one, link by link, without a step to ``beyond``."""
        found, waiting = {start}, [start]
        while waiting:
            box = self.box(waiting.pop())
            links = [(box.place, each) for each in box.here.links] if box else []
            ends = {end[0] for each in links if (end := self.peer(*each) or self.parent(*each))}
            ends |= {place for each in links for place in self._standing_on(*each)}
            waiting += ends - found - beyond
            found |= ends - beyond
        return found

    def _standing_on(self, place: Place, link: Link) -> Iterator[Place]:
        """The places with a macvlan or VLAN link of this one; not those of which it is only supposed."""
        for there, child in self.children(place, link):
            if child.peer_netns is None or child.peer_netns in self.observed(there).here.netns_ids:
                yield there

    def _candidates(self, place: Place, link: Link) -> tuple[Box, ...]:
        """Namespaces in which the other end may lie: one when the kernel's netns id is known."""
        here = self.box(place)
        if here is None or link.peer is None:
            return ()
        if link.peer_netns is None:
            return (here,)
        inode = here.here.netns_ids.get(link.peer_netns)
        if inode is not None:
            found = self._by_inode.get(inode)
            box = self.box(found) if found else None
            return (box,) if box else ()
        others = tuple(each for each in self.boxes() if each.place != here.place)
        alike = tuple(
            each
            for each in others
            if (other := each.by_index.get(link.peer)) and other.peer == link.index
        )
        return alike if len(alike) == 1 else ()

    def _is_joined(self, there: Box, other: Link, place: Place) -> bool:
        """Whether that end says that its own other end lies in ``place``, as far as it is known."""
        if other.peer_netns is None:
            return there.place == place
        inode = there.here.netns_ids.get(other.peer_netns)
        return inode is None or self._by_inode.get(inode) == place

    def parent(self, place: Place, link: Link) -> tuple[Place, Link] | None:
        """Place and link on which a VLAN or macvlan link stands; it may lie in the host."""
        here = self.box(place)
        if here is None or link.peer is None:
            return None
        if link.peer_netns is None:
            parent = here.by_index.get(link.peer)
            return (here.place, parent) if parent else None
        inode = here.here.netns_ids.get(link.peer_netns)
        there = self.box(self._by_inode.get(inode, HOST) if inode else HOST)
        found = there.by_index.get(link.peer) if there else None
        return (there.place, found) if there and found else None

    @cached_property
    def _children(self) -> dict[tuple[Place, int], list[tuple[Place, Link]]]:
        found: dict[tuple[Place, int], list[tuple[Place, Link]]] = {}
        for box in self.boxes():
            for link in box.here.links:
                stands_on = self.parent(box.place, link) if link.kind in UPPER else None
                if stands_on is not None:
                    key = stands_on[0], stands_on[1].index
                    found.setdefault(key, []).append((box.place, link))
        return found

    def children(self, place: Place, link: Link) -> tuple[tuple[Place, Link], ...]:
        """VLAN and macvlan links that stand on this one, in whatever place they are."""
        return tuple(self._children.get((place, link.index), ()))

    def is_outer(self, place: Place, link: Link) -> bool:
        """Whether frames leave by this link for what was not observed: a NIC, or half a veth pair."""
        if link.kind in INNER or link.loopback:
            return False
        return link.kind != "veth" or self.peer(place, link) is None

    @cached_property
    def _functions(self) -> dict[str, Function]:
        """Virtual functions by their hardware address: VF links bear it in whatever place they are."""
        return {
            vf.mac: Function(box.place, link.name, vf)
            for box in self.boxes()
            for link in box.here.links
            for vf in link.vfs
            if vf.mac
        }

    def virtual_function(self, place: Place, link: Link) -> Function | None:
        """The virtual function that a link is the driver's side of."""
        found = self._functions.get(link.mac or "")
        return None if found and (found.place, found.card) == (place, link.name) else found

    @cached_property
    def outer(self) -> tuple[tuple[Place, Link], ...]:
        return tuple(
            (box.place, link)
            for box in self.boxes()
            for link in box.here.links
            if self.is_outer(box.place, link)
        )


def deaf(link: Link, parent: Link) -> str:
    """Why a link and its parent, or two links that are not both of mode bridge, do not hear each other."""
    mode = link.options.get("mode", "")
    return f"{parent.name} does not hear {link.kind} {link.name} (mode {mode}) that stands on it, nor the other way"


def mode_of(link: Link) -> str | None:
    """How a macvlan or ipvlan link meets those beside it; None where that is not modelled.

    ipvlan.rst: in mode l2 frames are told apart by IP address, in l3 and l3s the parent's place routes.
    Without its flags (iproute2 before 5.1) an l2 link may be as well private or vepa.
    """
    mode = link.options.get("mode", "")
    if link.kind == "ipvlan":
        flags = link.options.get("flags")
        return flags if mode == "l2" and flags in _MODES else None
    return mode if link.kind == "vlan" or mode in (*_MODES, "passthru") else None
