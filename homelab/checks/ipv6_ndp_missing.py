"""The network before the host takes the containers' addresses for its own neighbours, and nobody answers for them.

Seen as: IPv6 from the LAN ends with "address unreachable" at the router or the client itself, though the host has a
route to the containers; the containers have addresses out of the LAN's own prefix.

Look, on the router or client, and on the host:

    ip -6 route get ADDRESS             # … dev LINK, without via
    ip -6 neigh show proxy

Why: a provider or router that gives one /64 takes every address in it for on-link, and asks for each by neighbour
discovery. A route on the host does not answer such questions. The router has to be told a route for the part
that the containers have, or the host has to answer for them (NDP proxy).

Fix: a route on the router via the host. Where the router is not yours, on the host, for each address, or with
ndppd for the whole part:

    sysctl -w net.ipv6.conf.UPLINK.proxy_ndp=1
    ip -6 neigh add proxy ADDRESS dev UPLINK

Opens: that container, to the LAN.

Undo: `ip -6 neigh del proxy ADDRESS dev UPLINK`.
"""

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import best_route, command, subnet_addresses
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix
from homelab.model.place import HOST

CODE = "ipv6-ndp-missing"


def claims(seen: Seen) -> bool:
    """Nobody answers for the target outside the host, and the host would route it inwards."""
    if seen.version != 6 or seen.is_return or seen.cause.stage != "neighbour":
        return False
    return seen.cause.kind in ("neighbour", "unmodelled") and _uplink(seen) is not None


def _uplink(seen: Seen) -> str | None:
    """The host's link on whose subnet the target seems to lie, though the host routes it elsewhere."""
    route = best_route(seen.snapshot.host_namespace, seen.target)
    for each in subnet_addresses(seen.snapshot, HOST):
        near = seen.target in each.interface.network
        if near and route is not None and route.via is not None and route.link != each.link:
            return each.link
    return None


def tells(group: Group) -> Told:
    seen, link = group[0], _uplink(group[0]) or ""
    key = f"net.ipv6.conf.{link}.proxy_ndp=1"
    targets = dict.fromkeys(str(each.target) for each in group)
    lines = (
        command(seen.case, HOST, "sysctl", "-w", key),
        *(
            command(seen.case, HOST, "ip", "-6", "neigh", "add", "proxy", each, "dev", link)
            for each in targets
        ),
    )
    return Told(
        f"host: {seen.aim} lies in the prefix of its {link}, where it is asked for and nobody answers, "
        f"{seen.cause.text}",
        Fix(
            f"a route to {seen.aim} via the host on the router, or a proxy on the host",
            commands=lines,
        ),
        at=HOST,
    )


FAULT = Fault(CODE, "nobody answers for the containers", __doc__, claims, tells, by_network)
