"""The router sends the subnet elsewhere than to the host, or refuses it.

Seen as: a trace from the LAN ends at another machine, or at the router with "unreachable", though the router
has a route to just this subnet.

Look, on the router:

    ip route get 10.90.1.10

Why: the host got another address on the LAN, the guest moved to another host, or the route was made for
something else. A blackhole or unreachable route on a router is often an aggregate's: routing daemons put one
under each prefix that they announce.

Fix: the route through the host's present address. One with homelab's mark is set anew; one of
somebody else's is shown with the command that would replace it, and left to its writer, since the router is
theirs.

    ip route replace SUBNET via HOST

Opens: the subnet, to every client of that router.

Undo: set the route as it was; `homelab destroy` removes ours.
"""

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.host_wrong_next_hop import holder
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import (
    chosen,
    is_elsewhere,
    is_lost_at_router,
    is_on_link,
    is_unusable,
    removal,
    reroute_fix,
    shown,
)
from homelab.model.finding import Fix
from homelab.model.place import HOST

CODE = "router-wrong-next-hop"


def claims(seen: Seen) -> bool:
    return is_lost_at_router(seen) and (
        is_elsewhere(seen, seen.router, HOST)
        or is_on_link(seen, seen.router)
        or is_unusable(seen, seen.router)
    )


def tells(group: Group) -> Told:
    seen, route = group[0], shown(group[0], group[0].router)
    return Told(
        f"{seen.router}: it does not send {seen.aim} to the host, {route}{_whose(seen)}",
        _fix(seen),
        at=seen.router,
        severity="error",
    )


def _whose(seen: Seen) -> str:
    route = chosen(seen, seen.router)
    return f"; {holder(seen, route.via)}" if route and route.via else ""


def _fix(seen: Seen) -> Fix | None:
    if is_elsewhere(seen, seen.router, HOST):
        return reroute_fix(seen, seen.router, HOST)
    text = f"take out {shown(seen, seen.router)}, and route {seen.aim} via the host"
    return Fix(text, commands=removal(seen, seen.router))


FAULT = Fault(CODE, "the router's next hop is not the host", __doc__, claims, tells, by_network)
