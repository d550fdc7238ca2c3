"""The VLAN filter of a bridge: which tag a frame has inside it, and with which it leaves by a port.

Facts: bridge(8); br_allowed_ingress, br_allowed_egress and br_handle_vlan in net/bridge/br_vlan.c.
"""

from dataclasses import dataclass
from typing import TypeAlias

from homelab.model.kernel import BridgeVlan, Link

Tag: TypeAlias = tuple[str, str]
"""Protocol and id of a VLAN tag; a frame has a tuple of them, the outermost last."""

Tags: TypeAlias = tuple[Tag, ...]
DEFAULT_PROTOCOL = "802.1Q"


@dataclass(frozen=True, slots=True)
class Inside:
    """A frame inside a filtering bridge: its VLAN (None: in none) and the tags that it brought within."""

    vlan: int | None
    tags: Tags = ()


def tag_of(link: Link) -> Tag:
    """The tag that a VLAN link puts on a frame."""
    return link.options.get("vlan_protocol", DEFAULT_PROTOCOL), link.options.get("vlan_id", "")


def outer_vlan(tags: Tags) -> int:
    """The id of the outermost tag; 0 where there is none, or none with a VLAN."""
    return int(tags[-1][1]) if tags and tags[-1][1].isdecimal() else 0


def is_filtering(bridge: Link) -> bool:
    return bridge.options.get("vlan_filtering") == "1"


def enter(bridge: Link, port: Link, tags: Tags) -> tuple[Inside, str | None]:
    """The frame inside, and why the port does not let it in; ``port`` may be the bridge itself."""
    vlan, rest = _classify(bridge, port, tags)
    if vlan is None:
        return Inside(None, tags), f"{port.name} takes no untagged frames: it has no PVID"
    if _member(port, vlan) is None:
        return Inside(vlan, rest), f"{port.name} is not in VLAN {vlan}"
    return Inside(vlan, rest), None


def leave(bridge: Link, port: Link, inside: Inside) -> tuple[Tags, str | None]:
    """The tags with which the frame leaves, and why the port does not let it out."""
    if inside.vlan is None:
        return inside.tags, None
    row = _member(port, inside.vlan)
    if row is not None and not row.untagged:
        return (*inside.tags, (_protocol(bridge), str(inside.vlan))), None
    return inside.tags, None if row else f"{port.name} is not in VLAN {inside.vlan}"


def _classify(bridge: Link, port: Link, tags: Tags) -> tuple[int | None, Tags]:
    pvid = next((each.first for each in port.vlans if each.pvid), None)
    if not tags or tags[-1][0] != _protocol(bridge):
        return pvid, tags
    # A tag with id 0 gives a priority only (IEEE 802.1Q, 6.9).
    return outer_vlan(tags) or pvid, tags[:-1]


def _protocol(bridge: Link) -> str:
    return bridge.options.get("vlan_protocol", DEFAULT_PROTOCOL)


def _member(port: Link, vlan: int) -> BridgeVlan | None:
    return next((each for each in port.vlans if each.first <= vlan <= each.last), None)
