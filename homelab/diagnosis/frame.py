"""A frame on layer 2: what it has passed, who hears it, where it leaves, and what keeps it back."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from homelab.diagnosis.vlan_filter import Tags, outer_vlan
from homelab.model.place import Place


class Crossing(NamedTuple):
    """What a bridge does with the frame: from port to port, or from (None) or up to (None) itself."""

    place: Place
    bridge: str
    physin: str | None
    physout: str | None
    tagged: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """What keeps a frame back; ``kind`` is that of a cause: vlan, link or unmodelled.

    ``vlan`` is the VLAN in which the frame was (0: in none), where that is what kept it back.
    """

    kind: str
    place: Place
    link: str
    text: str
    vlan: int | None = None


class Ear(NamedTuple):
    """A link that hears the frame; ``port`` if it came by a bridge's.

    ``is_far``: it is another machine, on the same LAN. ``refusal``: it would hear it but for that.
    """

    place: Place
    link: str
    port: str | None = None
    crossings: tuple[Crossing, ...] = ()
    refusal: Refusal | None = None
    is_far: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """A link by which the frame leaves for machines that were not observed."""

    place: Place
    link: str
    tags: Tags = ()
    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True)
class Segment:
    """``blind`` says what could not be followed."""

    ears: tuple[Ear, ...] = ()
    exits: tuple[Exit, ...] = ()
    blind: tuple[str, ...] = ()

    @cached_property
    def by_link(self) -> dict[tuple[Place, str], Ear]:
        """The ears by their links, of which each has one."""
        return {(each.place, each.link): each for each in self.ears}


class Frame(NamedTuple):
    """A frame at a link: on its way out, or (``inward``) in; with its VLAN tags and its past.

    ``mac`` is that of its sender, None where nobody in particular sends it.
    """

    place: Place
    link: str
    inward: bool = False
    tags: Tags = ()
    crossings: tuple[Crossing, ...] = ()
    port: str | None = None
    refusal: Refusal | None = None
    is_far: bool = False
    mac: str | None = None

    def refused(self, kind: str, link: str, text: str, vlan: int | None = None) -> "Frame":
        first = self.refusal or Refusal(kind, self.place, link, f"{self.place}: {text}", vlan)
        return self._replace(refusal=first)

    def mistagged(self, link: str, takes: str) -> "Frame":
        """Refused for its tag; on a LAN between machines a switch may put on and take off tags."""
        vlan = outer_vlan(self.tags)
        has = f"this one is in VLAN {vlan}" if vlan else "this one has no tag"
        text = f"{link} takes {takes}, and {has}"
        if self.is_far:
            text = f"{text}, unless a switch on the way changes that"
        return self.refused("unmodelled" if self.is_far else "vlan", link, text, vlan)

    def at(self, place: Place, link: str, *, inward: bool) -> "Frame":
        return self._replace(place=place, link=link, inward=inward, port=None)
