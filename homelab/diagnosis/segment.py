"""Layer 2: who hears a frame that leaves a link, through veth pairs, bridges, VLAN and macvlan links.

What a port, a VLAN filter or a link that is down keeps back is followed all the same, with the refusal that it
met: that names the fault when nobody else has the address.

Facts: veth(4), bridge(8), br_handle_frame and should_deliver in net/bridge, drivers/net/macvlan.c.
"""

from collections.abc import Iterator
from typing import TypeAlias

from homelab.diagnosis import virtual_function, vlan_filter
from homelab.diagnosis.box import Box
from homelab.diagnosis.frame import Crossing, Ear, Exit, Frame, Segment
from homelab.diagnosis.vlan_filter import Inside, Tags
from homelab.diagnosis.world import ISOLATED, UPPER, World, deaf, mode_of
from homelab.model.kernel import Link
from homelab.model.place import Place

MOST_TAGS = 4
MOST_FRAMES = 8192


_Found: TypeAlias = Frame | Ear | Exit | str


class Ether:
    """All segments of a snapshot; each is explored once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[Place, str, bool], Segment] = {}

    def segment(self, place: Place, link: str) -> Segment:
        """Who hears what this link sends."""
        key = place, link, False
        if key not in self._known:
            start = Frame(place, link, mac=self._mac(place, link))
            self._known[key] = self._explore((start,), (place, link))
        return self._known[key]

    def on_another(self, place: Place, vlan: Link) -> Iterator[tuple[str, Segment]]:
        """Who would hear a VLAN link that stood on another link of its place, by that link's name."""
        box = self._world.observed(place)
        tags = (vlan_filter.tag_of(vlan),)
        for each in box.here.links:
            if each.kind not in UPPER and each.index != vlan.peer and each.master is None:
                key = place, f"{vlan.name}@{each.name}", False
                if key not in self._known:
                    frame = Frame(place, each.name, tags=tags, mac=vlan.mac)
                    self._known[key] = self._explore((frame,), (place, vlan.name))
                yield each.name, self._known[key]

    def _mac(self, place: Place, link: str) -> str | None:
        box = self._world.box(place)
        found = box.by_name.get(link) if box else None
        return found.mac if found else None

    def wire(self, place: Place, link: str) -> Segment:
        """Who hears a machine on the wire of this link, the link included."""
        key = place, link, True
        if key not in self._known:
            there = (Frame(place, link, inward=True), Frame(place, link))
            self._known[key] = self._explore(there, None)
        return self._known[key]

    def _explore(self, starts: tuple[Frame, ...], start: tuple[Place, str] | None) -> Segment:
        ears: dict[tuple[Place, str], Ear] = {}
        exits: list[Exit] = []
        blind: list[str] = []
        seen: set[tuple[Place, str, bool, Tags]] = set()
        free, refused = list(reversed(starts)), list[Frame]()
        while free or refused:
            frame = (free or refused).pop()
            key = frame.place, frame.link, frame.inward, frame.tags
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_FRAMES:
                blind.append(f"{frame.place}: more links hang on {frame.link} than are followed")
                break
            for found in self._step(frame):
                if isinstance(found, Ear):
                    _remember(ears, found)
                elif isinstance(found, str):
                    # What a frame meets after it was kept back changes nothing of its fate.
                    blind.extend([found] if frame.refusal is None else ())
                elif isinstance(found, Exit):
                    exits.append(found)
                else:
                    (refused if found.refusal else free).append(found)
        if start is not None:
            ears.pop(start, None)
        return Segment(tuple(ears.values()), tuple(exits), tuple(dict.fromkeys(blind)))

    def _step(self, frame: Frame) -> Iterator[_Found]:
        box = self._world.box(frame.place)
        link = box.by_name.get(frame.link) if box else None
        if box is None or link is None:
            return
        if len(frame.tags) > MOST_TAGS:
            yield f"{frame.place}: {link.name} puts more VLAN tags on a frame than are followed"
            return
        here = frame if link.up else frame.refused("link", link.name, f"link {link.name} is down")
        yield from self._in(box, link, here) if frame.inward else self._out(box, link, here)

    def _out(self, box: Box, link: Link, frame: Frame) -> Iterator[_Found]:
        """What becomes of a frame that leaves a link."""
        for place, each in self._world.children(frame.place, link):
            if each.kind in ISOLATED:
                above = frame.at(place, each.name, inward=True)
                yield above.refused("link", each.name, deaf(each, link))
        if link.kind == "bridge":
            yield from self._flood(box, link, None, frame)
        elif link.kind in ("bond", "team"):
            slaves = box.slaves(link)
            yield from (frame.at(frame.place, each.name, inward=False) for each in slaves)
        elif link.kind in ("vlan", "macvlan", "macvtap", "ipvlan"):
            yield from self._down(link, frame)
        elif link.kind == "veth" and (peer := self._world.peer(frame.place, link)):
            yield frame.at(*peer, inward=True)
        elif self._world.is_outer(frame.place, link):
            frame = virtual_function.leaving(self._world.virtual_function(frame.place, link), frame)
            if frame.refusal is None:
                yield Exit(frame.place, link.name, frame.tags, frame.crossings)
            yield from self._over_the_lan(frame)

    def _over_the_lan(self, frame: Frame) -> Iterator[Frame]:
        """Every other machine that was observed may hang on the same LAN by a NIC of its own."""
        if not frame.is_far:
            for place, link in self._world.outer:
                if place != frame.place:
                    yield frame.at(place, link.name, inward=True)._replace(is_far=True)

    def _down(self, link: Link, frame: Frame) -> Iterator[_Found]:
        """From a VLAN or macvlan link to what it stands on; a macvlan never hears its parent."""
        found = self._world.parent(frame.place, link)
        if found is None or mode_of(link) is None:
            why = "lies in a place that was not read" if found is None else "is not modelled so"
            yield f"{frame.place}: what {link.kind} {link.name} stands on {why}"
            return
        place, parent = found
        below = frame.at(place, parent.name, inward=False)
        if link.kind == "vlan":
            yield below._replace(tags=(*frame.tags, vlan_filter.tag_of(link)))
            return
        yield below
        # Its parent and what stands beside it in another mode do not hear it.
        above = frame.at(place, parent.name, inward=True)
        yield above.refused("link", link.name, deaf(link, parent))
        if mode_of(link) == "bridge":
            for where, other in self._world.children(place, parent):
                here = (where, other.index) == (frame.place, link.index)
                if not here and other.kind != "vlan" and mode_of(other) == "bridge":
                    yield frame.at(where, other.name, inward=True)

    def _in(self, box: Box, link: Link, frame: Frame) -> Iterator[_Found]:
        """A frame arrives at a link."""
        if frame.is_far:
            function = self._world.virtual_function(frame.place, link)
            frame = virtual_function.entering(function, frame)
        master = box.master(link)
        if master is not None and master.kind == "bridge":
            yield from self._bridged(box, master, link, frame)
        elif master is not None and master.kind in ("bond", "team"):
            yield frame.at(frame.place, master.name, inward=True)
        else:
            yield from self._up(link, frame)

    def _up(self, link: Link, frame: Frame) -> Iterator[_Found]:
        """A frame comes up at a link: to its own addresses, or to what stands on it."""
        taken = False
        for place, each in self._world.children(frame.place, link):
            if each.kind == "vlan":
                up = frame.at(place, each.name, inward=True)
                if frame.tags[-1:] != (vlan_filter.tag_of(each),):
                    number = each.options.get("vlan_id", "")
                    up = up.mistagged(each.name, f"frames of VLAN {number} only")
                yield up._replace(tags=frame.tags[:-1])
            elif mode_of(each) is None:
                yield f"{place}: {each.kind} {each.name} is not modelled in its mode"
            else:
                taken = taken or mode_of(each) == "passthru"
                yield frame.at(place, each.name, inward=True)
        if taken:
            yield f"{frame.place}: a macvlan in mode passthru takes what comes to {link.name}"
        else:
            # A tag with id 0 is taken as none (IEEE 802.1Q, 6.9).
            tagged = vlan_filter.outer_vlan(frame.tags)
            here = frame.mistagged(link.name, "frames without a tag") if tagged else frame
            yield Ear(
                frame.place, link.name, frame.port, frame.crossings, here.refusal, frame.is_far
            )

    def _bridged(self, box: Box, bridge: Link, port: Link, frame: Frame) -> Iterator[_Found]:
        """A frame arrives at a port: up to the bridge itself, and on to the other ports."""
        if port.port is not None and port.port.state != "forwarding":
            text = f"port {port.name} of bridge {bridge.name} is {port.port.state}"
            frame = frame.refused("link", port.name, text)
        if not bridge.up:
            frame = frame.refused("link", bridge.name, f"bridge {bridge.name} is down")
        if vlan_filter.is_filtering(bridge) and "vlans" in box.here.unread:
            yield f"{frame.place}: the VLANs of bridge {bridge.name} were not read"
        yield from self._flood(box, bridge, port, frame)

    def _flood(
        self, box: Box, bridge: Link, come_by: Link | None, frame: Frame
    ) -> Iterator[_Found]:
        """To every port but the one it came by; what came by one, also up to the bridge itself."""
        inside, why = Inside(None, frame.tags), None
        if vlan_filter.is_filtering(bridge):
            inside, why = vlan_filter.enter(bridge, come_by or bridge, frame.tags)
        if why:
            frame = frame.refused("vlan", (come_by or bridge).name, why, inside.vlan or 0)
        if come_by is not None:
            up = self._leaving(bridge, bridge, come_by, inside, frame)
            yield from self._up(bridge, up._replace(link=bridge.name, port=come_by.name))
        for each in box.slaves(bridge):
            if _may_turn(come_by, each):
                out = self._leaving(bridge, each, come_by, inside, frame)
                yield out.at(frame.place, each.name, inward=False)

    def _leaving(
        self, bridge: Link, to: Link, come_by: Link | None, inside: Inside, frame: Frame
    ) -> Frame:
        """The frame as it leaves the bridge by a port, or by itself."""
        tags, why = inside.tags, None
        if vlan_filter.is_filtering(bridge):
            tags, why = vlan_filter.leave(bridge, to, inside)
        physin, physout = (x.name if x and x is not bridge else None for x in (come_by, to))
        crossing = Crossing(frame.place, bridge.name, physin, physout, bool(tags))
        crossed = frame._replace(tags=tags, crossings=(*frame.crossings, crossing))
        if why:
            crossed = crossed.refused("vlan", to.name, why, inside.vlan)
        if to.up and to.port is not None and to.port.state != "forwarding":
            text = f"port {to.name} of bridge {bridge.name} is {to.port.state}"
            crossed = crossed.refused("link", to.name, text)
        if come_by is not None and _are_isolated(come_by, to):
            text = f"ports {come_by.name} and {to.name} of bridge {bridge.name} are isolated"
            crossed = crossed.refused("link", to.name, text)
        return crossed


def _remember(ears: dict[tuple[Place, str], Ear], found: Ear) -> None:
    """Of several ways to one link the first counts, and one that nothing keeps back before all."""
    key = found.place, found.link
    known = ears.get(key)
    if known is None or (known.refusal is not None and found.refusal is None):
        ears[key] = found


def _may_turn(come_by: Link | None, port: Link) -> bool:
    """A frame leaves by the port by which it came only in hairpin mode."""
    if come_by is None or come_by.index != port.index:
        return True
    return port.port is not None and port.port.hairpin


def _are_isolated(one: Link, other: Link) -> bool:
    both = one.port, other.port
    return all(each is not None and each.isolated for each in both)
