"""Places: the names of the network namespaces a lab is made of."""

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import NewType, TypeAlias

Place = NewType("Place", str)
"""One network namespace: ``host``, ``router``, ``guest:web``, ``container:web/app``, ``netns:x``."""

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Interface: TypeAlias = IPv4Interface | IPv6Interface

HOST = Place("host")
ROUTER = Place("router")
LAN = Place("lan")


def guest(name: str) -> Place:
    return Place(f"guest:{name}")


def container(guest_name: str, name: str) -> Place:
    return Place(f"container:{guest_name}/{name}")


def netns(name: str) -> Place:
    return Place(f"netns:{name}")


def guest_of(place: Place) -> str | None:
    """Name of the guest in which this place lies, or None for a place outside all guests."""
    kind, _, rest = place.partition(":")
    if kind == "guest":
        return rest
    if kind == "container":
        return rest.partition("/")[0]
    return None
