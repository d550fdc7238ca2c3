"""A route on the host refuses the subnet, or a more specific one takes a part of it elsewhere.

Seen as: "No route to host", "prohibited" or silence, though the right route to the subnet is there too.

Look, on the host:

    ip route get 10.90.1.10
    ip route show table all | grep -e blackhole -e unreachable -e prohibit

Why: routing daemons and VPN programs put such routes under the aggregates they announce, and scripts use
them to ban addresses. The most specific route wins, whoever wrote it, and of two alike the one with the
lower metric; then it does not matter what else is there.

Fix: homelab deletes nothing that bears no mark of its own. Ask whoever wrote it; the command that takes
the route out is shown. If the subnet is really taken, give the Docker network another one in
the inventory:

    homelab plan

Opens: the subnet, to everyone whose packets reach the host.

Undo: add the route again, as it is shown here.
"""

from collections.abc import Hashable

from homelab.checks.advice import opens
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, listed
from homelab.checks.ways import (
    is_elsewhere,
    is_lost_at_host,
    is_narrower,
    is_unusable,
    removal,
    shown,
)
from homelab.model.finding import Fix
from homelab.model.place import HOST

CODE = "host-route-blackholed"


def claims(seen: Seen) -> bool:
    narrower = is_narrower(seen, HOST) and is_elsewhere(seen, HOST, seen.place)
    return is_lost_at_host(seen) and (is_unusable(seen, HOST) or narrower)


def alike(seen: Seen) -> Hashable:
    """One route is one fault, whomever it takes packets from."""
    return shown(seen, HOST)


def tells(group: Group) -> Told:
    seen, route = group[0], shown(group[0], HOST)
    what = "refuses" if is_unusable(seen, HOST) else "takes away"
    return Told(
        f"host: a route {what} {taken(group)}, {route}",
        Fix(
            f"ask whoever wrote {route} on the host to take it out",
            commands=removal(seen, HOST),
            opens=opens(group),
        ),
        at=HOST,
    )


def taken(group: Group) -> str:
    """The addresses that were asked for, by the place in which they are."""
    places = dict.fromkeys(each.place for each in group)
    return "; ".join(
        f"{listed(str(each.target) for each in group if each.place == place)} of {place}"
        for place in places
    )


FAULT = Fault(CODE, "a route of the host refuses the subnet", __doc__, claims, tells, alike)
