"""What several faults of VLANs ask of a refused frame: the link that refused it, its bridge, what hangs on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from homelab.checks.fault import Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix
from homelab.model.kernel import Link, VirtualFunction
from homelab.model.place import HOST, Place, guest_of

NATIVE = 1
"""The VLAN in which every port of a bridge is unless told otherwise (vlan_default_pvid, ip-link(8))."""


def refused(seen: Seen) -> "Refused | None":
    """The refused frame; None when the packet ended for another reason."""
    here = seen.here.links if seen.here else ()
    link = next((each for each in here if each.name == seen.cause.key), None)
    if link is None or seen.cause.vlan is None:
        return None
    return Refused(seen, link, seen.cause.vlan)


@dataclass(frozen=True)
class Refused:
    """``vlan`` is that of the frame, 0 without a tag; ``link`` is what did not take it."""

    seen: Seen
    link: Link
    vlan: int

    @cached_property
    def bridge(self) -> Link | None:
        """The bridge that the link is, or is a port of."""
        if self.link.kind == "bridge":
            return self.link
        here = self.seen.here.links if self.seen.here else ()
        return next((each for each in here if each.index == self.link.master), None)

    @property
    def is_bridge(self) -> bool:
        return self.link.kind == "bridge"

    @property
    def by_filter(self) -> bool:
        """Whether a bridge's filter refused it, rather than a link that hears other tags only."""
        if self.bridge is None or not is_filtering(self.bridge):
            return False
        return pvid(self.link) is None if self.vlan == 0 else self.vlan not in members(self.link)

    @property
    def own_vlan(self) -> int:
        return vlan_id(self.link)

    @property
    def is_astray(self) -> bool:
        """A VLAN link refuses frames of its own VLAN only because they come by another link."""
        return self.link.kind == "vlan" and self.vlan == self.own_vlan

    @cached_property
    def behind(self) -> tuple[Place, Link] | None:
        """The other end of the veth pair that the port is one end of."""
        return next(_ends(self.seen, self.link), None) if self.link.kind == "veth" else None

    @property
    def is_trunk(self) -> bool:
        """Whether what hangs on the port is meant to see tags: the network outside, or a VLAN link."""
        if self.behind is None:
            return self.link.kind != "veth" or any(not e.untagged for e in self.link.vlans)
        place, end = self.behind
        there = self.seen.snapshot.namespace(place)
        return any(
            each.kind == "vlan" and each.peer == end.index and each.peer_netns is None
            for each in (there.links if there else ())
        )


def _ends(seen: Seen, link: Link) -> Iterator[tuple[Place, Link]]:
    """Links that say that they are the other end, in the namespace that the kernel names."""
    ids = seen.here.netns_ids if seen.here else {}
    inode = ids.get(link.peer_netns) if link.peer_netns is not None else None
    for place, here in seen.snapshot.namespaces.items():
        if place == seen.at or (inode is not None and here.inode != inode):
            continue
        for each in here.links:
            if (each.index, each.peer, each.kind) == (link.peer, link.index, "veth"):
                yield place, each


def is_filtering(bridge: Link) -> bool:
    return bridge.options.get("vlan_filtering") == "1"


def pvid(port: Link) -> int | None:
    return next((each.first for each in port.vlans if each.pvid), None)


def members(port: Link) -> frozenset[int]:
    return frozenset(n for each in port.vlans for n in range(each.first, each.last + 1))


def vlan_id(link: Link) -> int:
    text = link.options.get("vlan_id", "")
    return int(text) if text.isdecimal() else 0


def called(vlan: int) -> str:
    return f"VLAN {vlan}" if vlan else "no VLAN"


def device_of(found: Refused) -> tuple[str, str] | None:
    """Instance and device name in LXD or Incus of the NIC that hangs on a port, or that the link is."""
    place, name = (
        (found.behind[0], found.behind[1].name)
        if found.behind
        else (found.seen.at, found.link.name)
    )
    guest = guest_of(place)
    instance = found.seen.snapshot.instance(guest or "")
    if instance is None or place in (HOST, None) or not place.startswith("guest:"):
        return None
    for device, config in instance.expanded_devices.items():
        if config.get("type") == "nic" and name in (device, config.get("name")):
            return instance.name, device
    return None


def functions_on_the_way(seen: Seen, card: Link) -> Iterator[VirtualFunction]:
    """The card's virtual functions that belong to places on the packet's way, the judged one first."""
    ways = (*seen.trace.forward, *seen.trace.back)
    for place in dict.fromkeys((seen.place, *(each.at for each in ways))):
        there = seen.snapshot.namespace(place)
        macs = {each.mac for each in (there.links if there else ())}
        yield from (each for each in card.vfs if each.mac is not None and each.mac in macs)


def told(group: Group, what: str, text: str, *lines: tuple[str, ...]) -> Told:
    """One sentence and, to be typed where the frame was refused, the commands that mend it."""
    seen = group[0]
    typed = tuple(command(seen.case, seen.at, *each) for each in lines)
    fix = Fix(f"{text}, and where it is configured", commands=typed)
    return Told(f"{seen.at}: {what} for {aims(group)}, {seen.cause.text}", fix)
