"""A VLAN link is down, or what it stands on is.

Seen as: the routes through the link are gone, and packets for its network take the default route or find none.

Look, in the place that is named:

    ip -d link show type vlan

Why: a VLAN link is made down, and goes down with its parent (8021q, vlan_device_event). IPv4 routes through a link
that goes down are deleted, and those that were set by hand do not come back with it.

Fix: bring up the parent, then the link, and set again the routes that were lost; `homelab apply` does the latter
for its own:

    ip link set PARENT up
    ip link set LINK up

Opens: what was reachable by it before.

Undo: `ip link set LINK down`.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix
from homelab.model.kernel import Link, Namespace
from homelab.model.place import Address

CODE = "vlan-link-down"
LOST = ("link", "route", "neighbour", "unmodelled")
"""Kinds of ends that a lost route can lead to: nowhere, or by the default route to where nobody is."""


def claims(seen: Seen) -> bool:
    return _down(seen) is not None


def _down(seen: Seen) -> Link | None:
    """The VLAN link at the packet's end that is down, and by which it should have gone."""
    if seen.cause.kind not in LOST or seen.here is None:
        return None
    named = (seen.cause.key, seen.cause.oif, seen.cause.iif)
    ahead = set(_ahead(seen))
    for link in seen.here.links:
        if (
            link.kind == "vlan"
            and not link.up
            and (link.name in named or _leads(seen, link, ahead))
        ):
            return link
    return None


def _ahead(seen: Seen) -> Iterator[Address]:
    """Addresses of the packet's way on: its destination, and those of the places before and after."""
    if seen.cause.destination is not None:
        yield seen.cause.destination
    for place in {seen.place, *(each.at for each in seen.trace.forward)} - {seen.at}:
        there = seen.snapshot.namespace(place)
        yield from (each.interface.ip for each in (there.addresses if there else ()))


def _leads(seen: Seen, link: Link, ahead: set[Address]) -> bool:
    here = seen.here.addresses if seen.here else ()
    return any(
        other in each.interface.network
        for each in here
        if each.link == link.name and each.interface.version == seen.version
        for other in ahead
        if other != each.interface.ip
    )


def _parent(here: Namespace | None, link: Link) -> Link | None:
    links = here.links if here and link.peer_netns is None else ()
    return next((each for each in links if each.index == link.peer), None)


def tells(group: Group) -> Told:
    seen, link = group[0], _down(group[0])
    name = link.name if link else seen.cause.key or ""
    parent = _parent(seen.here, link) if link else None
    lower = parent.name if parent is not None and not parent.up else None
    below = f", {lower} on which it stands too" if lower else ""
    names = (*((lower,) if lower else ()), name)
    lines = tuple(command(seen.case, seen.at, "ip", "link", "set", each, "up") for each in names)
    return Told(
        f"{seen.at}: VLAN link {name} is down{below}, so packets for {aims(group)} end here, {seen.cause.text}",
        Fix(f"bring {name} of {seen.at} up, and set its routes again", commands=lines),
        severity="error" if seen.judgement.reachable is False else None,
    )


FAULT = Fault(CODE, "a VLAN link is down", __doc__, claims, tells)
