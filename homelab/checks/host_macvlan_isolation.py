"""The guest's NIC is a macvlan of the host's uplink: the host itself cannot talk to it.

Seen as: other machines of the LAN reach the guest and the host does not, nor does what the host routes. ARP for the
guest stays without an answer on the host.

Look, on the host:

    lxc config show NAME --expanded | grep -A4 nictype
    ip -d link show type macvlan

Why: frames of a macvlan link leave through its parent to the wire, and what the parent sends itself goes to the wire
too: parent and macvlan never see each other (kernel, macvlan). A switch does not send a frame back through
the port where it came in.

Fix: the host gets a macvlan of its own on the same parent, in mode bridge, and its routes to the guest go through
that; or the guest moves to a bridge that has the uplink as a port. A router can also send the subnet
to the guest's own address on the LAN, past the host.

    ip link add homelab0 link eth0 type macvlan mode bridge

Opens: the guest and its networks, to the host and to whatever it routes.

Undo: `ip link del homelab0`.
"""

from homelab.checks.advice import opens
from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.checks.ways import chosen, family
from homelab.model.finding import Fix
from homelab.model.kernel import Link
from homelab.model.place import HOST, Address

CODE = "host-macvlan-isolation"
OWN = "homelab0"


def claims(seen: Seen) -> bool:
    """Nobody heard the host's question: said of the host, or of who would have heard it."""
    unheard = (seen.cause.kind, seen.cause.stage) == ("link", "neighbour")
    silent = unheard or (seen.at == HOST and seen.cause.kind == "neighbour")
    return silent and not seen.is_return and _macvlan(seen) is not None


def _hop(seen: Seen) -> Address:
    route = chosen(seen, HOST)
    return route.via if route is not None and route.via is not None else seen.target


def _link(seen: Seen) -> str | None:
    """The link by which the host would send."""
    route = chosen(seen, HOST)
    own = seen.cause.oif if seen.at == HOST else None
    return own or (route.link if route is not None else None)


def _macvlan(seen: Seen) -> Link | None:
    """The macvlan link with the next hop's address whose parent the host sends by."""
    host = seen.snapshot.host_namespace
    parents = {each.index for each in (host.links if host else ()) if each.name == _link(seen)}
    for place, there in seen.snapshot.namespaces.items():
        holding = {each.link for each in there.addresses if each.interface.ip == _hop(seen)}
        for link in there.links if place != HOST else ():
            ids = there.netns_ids.get(link.peer_netns) if link.peer_netns is not None else None
            home = host is not None and ids == host.inode
            if link.kind == "macvlan" and link.name in holding and home and link.peer in parents:
                return link
    return None


def _fix(group: Group) -> Fix:
    seen, parent = group[0], _link(group[0]) or "eth0"
    ip = ("ip", *(("-6",) if seen.version == 6 else ()))
    route = chosen(seen, HOST)
    steps = [
        ("ip", "link", "add", OWN, "link", parent, "type", "macvlan", "mode", "bridge"),
        ("ip", "link", "set", OWN, "up"),
        (*ip, "route", "add", str(_hop(seen)), "dev", OWN),
    ]
    if route is not None and route.via is not None:
        words = ("route", "replace", str(route.destination), "via", str(route.via), "dev", OWN)
        steps.append(("ip", *family(route), *words))
    lines = tuple(command(seen.case, HOST, *each) for each in steps)
    text = f"give the host a macvlan of its own on {parent}, or put {seen.place} on a bridge"
    return Fix(text, commands=lines, opens=opens(group))


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"host: packets to {aims(group)} go by {_link(seen)} to {_hop(seen)}, a macvlan on that very link, which the "
        "host cannot reach",
        _fix(group),
        at=HOST,
    )


FAULT = Fault(CODE, "the host cannot reach a macvlan of its own", __doc__, claims, tells)
