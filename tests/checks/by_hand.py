"""The commands of fixes, carried out on a snapshot: what a person would type, and what the kernel would do."""

import shlex

from homelab.model.finding import Fix
from homelab.model.kernel import BridgeVlan, NextHop, Route
from homelab.model.place import HOST, ROUTER, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import SimulatedSystem
from tests.checks.broken_labs import changed, link, with_link


def carry_out(snapshot: Snapshot, fix: Fix) -> Snapshot | None:
    """The lab after the fix; None where it takes a person's own judgement."""
    if fix.operations:
        system = SimulatedSystem(snapshot)
        for each in fix.operations:
            system.run(each)
        return system.read()
    after: Snapshot | None = snapshot if fix.commands else None
    for line in fix.commands:
        after = typed(after, shlex.split(line)) if after else None
    return after


def typed(  # noqa: PLR0911 - one return for each command
    snapshot: Snapshot, words: list[str]
) -> Snapshot | None:
    """One command; None if it is none of those that mend something."""
    place: Place = HOST
    if words[:2] == ["ssh", "router"]:
        place, words = ROUTER, words[2:]
    elif words[:2] == ["lxc", "exec"]:
        place, words = guest(words[2]), words[4:]
    match words:
        case ["ip", "link", "set", name, "up"]:
            return _up(snapshot, place, name)
        case ["ip", "link", "set", name, "type", "bridge", "vlan_filtering", value]:
            return with_link(snapshot, place, name, options={"vlan_filtering": value})
        case ["ip", *_, "route", "del", kind, to, "proto", _]:
            return _without_route(snapshot, place, kind, to)
        case ["bridge", "vlan", verb, "dev", name, "vid", number, *flags]:
            return _vlan(snapshot, place, name, int(number), flags if verb == "add" else None)
        case ["lxc", "config", "device", "set", name, "eth0", pair] if pair.startswith("vlan="):
            vlan = int(pair.removeprefix("vlan="))
            row = BridgeVlan(vlan, vlan, pvid=True, untagged=True)
            return with_link(snapshot, place, f"v{name}", vlans=(row,))
        case ["docker", "restart", name]:
            return _restarted(snapshot, place, name)
    return None


def _up(snapshot: Snapshot, place: Place, name: str) -> Snapshot:
    """The link, and the routes that the kernel makes for its addresses."""
    here = snapshot.namespaces[place]
    there = {(each.destination, each.link) for each in here.routes}
    near = (
        Route(a.interface.network, (NextHop(link=name),), protocol="kernel")
        for a in here.addresses
        if a.link == name and (a.interface.network, name) not in there
    )
    grown = changed(snapshot, place, routes=(*here.routes, *near))
    return with_link(grown, place, name, up=True)


def _without_route(snapshot: Snapshot, place: Place, kind: str, to: str) -> Snapshot:
    routes = snapshot.namespaces[place].routes
    kept = tuple(e for e in routes if (e.kind, str(e.destination)) != (kind, to))
    return changed(snapshot, place, routes=kept)


def _vlan(
    snapshot: Snapshot, place: Place, name: str, number: int, flags: list[str] | None
) -> Snapshot:
    found = link(snapshot.namespaces[place], name)
    rows = tuple(each for each in (found.vlans if found else ()) if each.first != number)
    if flags is not None:
        new = BridgeVlan(number, number, pvid="pvid" in flags, untagged="untagged" in flags)
        rows = (*rows, new)
    return with_link(snapshot, place, name, vlans=rows)


def _restarted(snapshot: Snapshot, place: Place, name: str) -> Snapshot:
    """The container gets its default routes anew."""
    daemon = snapshot.daemons[place]
    attached = next(each for each in daemon.containers if each.name == name).attachments[0]
    network = next(each for each in daemon.networks if each.name == attached.network)
    inside = container(place.partition(":")[2], name)
    here = snapshot.namespaces[inside]
    new = []
    for each in network.subnets:
        gateway = each.gateway or each.subnet[1]
        everywhere = type(each.subnet)("0.0.0.0/0" if gateway.version == 4 else "::/0")
        new.append(Route(everywhere, (NextHop(gateway, "eth0"),)))
    return changed(snapshot, inside, routes=(*here.routes, *new))


def mended(snapshot: Snapshot, fix: Fix | None) -> Snapshot | None:
    return carry_out(snapshot, fix) if fix else None
