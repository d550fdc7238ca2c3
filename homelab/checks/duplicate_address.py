"""One address is on two machines of one segment: which of them answers is chance.

Seen as: a guest or the host is reached now and then; its entry among the neighbours changes its MAC; connections break
when the other machine answers. IPv6 notices by itself, and leaves the second one's address unused (`dadfailed`).

Look, on the host:

    ip neigh show ADDRESS               # twice, and compare the MAC
    arping -D -I BRIDGE ADDRESS

Why: an address given by hand also lies in the range that DHCP hands out, a guest was copied with its configuration, or two
machines run the same static setup. ARP takes whoever answered last.

Fix: one of the two gets another address. In LXD or Incus that is `ipv4.address` of the NIC for what DHCP gives; an
address that was set inside is changed there.

    lxc config device override NAME eth0 ipv4.address=ADDRESS

Opens: nothing.

Undo: set the old address again.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command, judged_names, next_hop, subnet_addresses
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen
from homelab.model.finding import Case, Finding, Fix
from homelab.model.kernel import Link, Namespace
from homelab.model.place import HOST, ROUTER, Address, Place
from homelab.model.snapshot import Snapshot

CODE = "duplicate-address"
SEVERAL = "several machines answer"
"""How a trace says that it depends on who answers first."""
MACHINES = ("guest:", "netns:")
LONGEST = 4
"""How many links may lie upon each other, a VLAN on a bridge on a bond."""

Segment = tuple[int, str]
Holder = tuple[Place, str]


def claims(seen: Seen) -> bool:
    """Who held the next hop's address took the packet, or nobody can tell who does."""
    return _went_astray(seen) and _blamed(seen, _twice(seen.snapshot)) is not None


def _went_astray(seen: Seen) -> bool:
    """Cheap to ask: nobody answered, several did, or the packet ended in a machine that it was not for."""
    if seen.cause.kind == "neighbour" or SEVERAL in seen.cause.text:
        return True
    return seen.at not in (seen.place, HOST, seen.router) and seen.at.startswith(MACHINES)


def _blamed(seen: Seen, twice: dict[Address, tuple[Holder, ...]]) -> Address | None:
    return next((each for each in _hops(seen) if each in twice), None)


def _hops(seen: Seen) -> Iterator[Address]:
    """The next hops that matter for the packet: towards the guest, and back from it."""
    for near, far in ((ROUTER, HOST), (HOST, seen.place)):
        route = chosen(seen, near)
        if route is not None and route.via is not None:
            yield route.via
        there, back = (
            next_hop(seen.snapshot, *each, seen.version) for each in ((near, far), (far, near))
        )
        yield from (each.via for each in (there, back) if each is not None and each.via is not None)


def _twice(snapshot: Snapshot) -> dict[Address, tuple[Holder, ...]]:
    """Addresses that several machines have on one segment."""
    found: dict[tuple[Segment, Address], dict[Place, str]] = {}
    for place in sorted(snapshot.namespaces):
        if place.startswith("container:"):
            continue
        for each in subnet_addresses(snapshot, place):
            segment = _segment(snapshot, place, each.link)
            if segment is not None:
                found.setdefault((segment, each.interface.ip), {}).setdefault(place, each.link)
    return {
        address: tuple(holders.items())
        for (_, address), holders in found.items()
        if len(holders) > 1
    }


def _segment(snapshot: Snapshot, place: Place, name: str) -> Segment | None:
    """The host's bridge or link on whose wire a link lies, and the VLAN there; None where unknown."""
    host, here = snapshot.host_namespace, snapshot.namespace(place)
    link = next((each for each in (here.links if here else ()) if each.name == name), None)
    if host is None or here is None or link is None:
        return None
    if place != HOST:
        crossed = link.peer_netns is not None and here.netns_ids.get(link.peer_netns) == host.inode
        link = _by_index(host, link.peer) if crossed and host.inode else None
    return _wire(host, link) if link is not None else None


def _wire(host: Namespace, link: Link) -> Segment:
    vlan = ""
    for _ in range(LONGEST):
        if link.kind == "vlan":
            vlan = link.options.get("vlan_id", vlan)
            below = _by_index(host, link.peer)
        else:
            below = _by_index(host, link.master)
            if below is not None and below.options.get("vlan_filtering") == "1" and not vlan:
                vlan = next((str(each.first) for each in link.vlans if each.pvid), "none")
        if below is None:
            break
        link = below
    return link.index, vlan


def _by_index(here: Namespace, index: int | None) -> Link | None:
    return next((each for each in here.links if each.index == index), None)


def _explained(address: Address, holders: tuple[Holder, ...]) -> str:
    on = " and ".join(f"{place} ({link})" for place, link in holders)
    return f"{address} is on {on}, which share a segment: either may answer for it"


def _fix(case: Case, address: Address, holders: tuple[Holder, ...]) -> Fix:
    lines = tuple(
        command(case, place, "ip", "address", "show", "dev", link) for place, link in holders
    )
    return Fix(f"give one of them another address than {address}", commands=lines)


def tells(group: Group) -> Told:
    seen = group[0]
    twice = _twice(seen.snapshot)
    address = _blamed(seen, twice)
    if address is None:
        return Told(seen.cause.text)
    holders = twice[address]
    at = seen.place if seen.place in dict(holders) else _at(seen.case, holders)
    return Told(_explained(address, holders), _fix(seen.case, address, holders), at=at)


def _at(case: Case, holders: tuple[Holder, ...]) -> Place:
    """Where it is told: at the holder whose networks are judged, if there is one."""
    judged = {each.place for each in case.judgements}
    return next((place for place, _ in holders if place in judged), holders[0][0])


def sees(case: Case) -> Iterator[Finding]:
    for address, holders in _twice(case.snapshot).items():
        names = tuple(name for place, _ in holders for name in judged_names(case, place))
        fix = _fix(case, address, holders)
        told = _explained(address, holders)
        yield Finding(CODE, "warning", _at(case, holders), told, fix=fix, affects=names)


FAULT = Fault(CODE, "one address is on two machines", __doc__, claims, tells, by_place, sees)
