"""Both sides of a question on the wire: the way of the answer back, and whether they would meet elsewhere.

Facts: an answer to ARP or NDP leaves by the link that heard the question (arp_process in net/ipv4/arp.c,
ndisc_recv_ns in net/ipv6/ndisc.c), with or without a tag as that link sends.
"""

from collections.abc import Iterable, Iterator

from homelab.diagnosis.frame import Ear, Refusal
from homelab.diagnosis.segment import Ether
from homelab.diagnosis.world import World
from homelab.model.kernel import Link
from homelab.model.place import Address, Place


class TwoSides:
    def __init__(self, world: World, ether: Ether) -> None:
        self._world = world
        self._ether = ether

    def unanswered(self, caller: Place, link: str, ear: Ear) -> Refusal | None:
        """What keeps back the answer of whoever heard the question, if anything is known to."""
        back = self._ether.segment(ear.place, ear.link)
        found = back.by_link.get((caller, link))
        return found.refusal if found else None

    def astray(self, caller: Place, link: str, via: Address, *, is_sure: bool) -> Refusal | None:
        """A VLAN link of either side that the other would hear if it stood on another link."""
        for place, mine in self._vlan_links(caller, link, via):
            theirs = self._other_side(caller, link, via, place)
            for parent, segment in self._ether.on_another(place, mine):
                sound = {(e.place, e.link) for e in segment.ears if e.refusal is None}
                if sound & theirs:
                    other = via if place == caller else caller
                    text = f"{mine.name} does not stand on {parent}, where it would meet {other}"
                    kind, vlan = "vlan" if is_sure else "unmodelled", int(mine.options["vlan_id"])
                    return Refusal(kind, place, mine.name, f"{place}: {text}", vlan)
        return None

    def _vlan_links(self, caller: Place, link: str, via: Address) -> Iterator[tuple[Place, Link]]:
        """That of the caller, and those that have the address that is called."""
        for place, name in ((caller, link), *self._holders(via)):
            box = self._world.box(place)
            found = box.by_name.get(name) if box else None
            if found and found.kind == "vlan" and found.options.get("vlan_id", "").isdecimal():
                yield place, found

    def _other_side(
        self, caller: Place, link: str, via: Address, place: Place
    ) -> set[tuple[Place, str]]:
        return set(self._holders(via)) if place == caller else {(caller, link)}

    def _holders(self, via: Address) -> Iterator[tuple[Place, str]]:
        for box in self._world.boxes():
            if via in box.own:
                yield box.place, box.own[via].link


def first(refusals: Iterable[Refusal | None]) -> Refusal | None:
    """What is known to keep a frame back, before what may do so."""
    found = [each for each in refusals if each is not None]
    return min(found, key=lambda each: each.kind == "unmodelled", default=None)
