"""The LAN's router has no route to the containers' subnet.

Seen as: the host reaches the containers; clients of the LAN get "network unreachable" from the router, or
their packets leave for the internet.

Look, on the router:

    ip route get 10.90.1.10

Why: the router knows the LAN and its default route. That the containers' subnet lies behind the host has to be
told to it, once for each subnet or once for the pool from which they are taken. A client that has a route
of its own to the host does not need it.

Fix: a static route on the router, through the host's address on the LAN. A Linux router that homelab reaches
(`connection` in the inventory) gets it with homelab's mark; on any other router enter it by hand, under
"static routes":

    ip route add SUBNET via HOST

Opens: the subnet, to every client of that router.

Undo: `homelab destroy`, or delete the route.
"""

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_lost_at_router, is_missing, route_fix, shown
from homelab.model.place import HOST

CODE = "router-no-route"


def claims(seen: Seen) -> bool:
    return is_lost_at_router(seen) and is_missing(seen, seen.router)


def tells(group: Group) -> Told:
    seen = group[0]
    only = (
        f"only {shown(seen, seen.router)}"
        if chosen(seen, seen.router)
        else "not even a default route"
    )
    return Told(
        f"{seen.router}: it has no route to {seen.aim}, which lies behind the host, {only}",
        route_fix(seen, seen.router, HOST),
        at=seen.router,
        severity="error",
    )


FAULT = Fault(CODE, "the router has no route to the containers", __doc__, claims, tells, by_network)
