"""A place on the way has no usable route, in a way for which there is no fault of its own.

Seen as: "network unreachable", a loop until the TTL ends, or an answer that comes up where nobody asked.

Look, in the place that is named:

    ip rule
    ip route get ADDRESS from SOURCE iif LINK

Why: the route is missing, refuses (blackhole, unreachable, prohibit), or a policy rule sends the packet to
another table than main, as VPN programs do. Loops arise where two places each take the other for the
way.

Fix: set the route in the place's own network configuration. For the ways that homelab cares for, host to
guest and router to host, there are faults with a fix of their own.

Opens: what the route leads to.

Undo: delete the route.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix

CODE = "dropped-by-route"


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "route"


def tells(group: Group) -> Told:
    seen = group[0]
    to = str(seen.cause.destination or seen.target)
    family = ("-6",) if ":" in to else ()
    rule = f", `{seen.cause.rule}`" if seen.cause.rule else ""
    return Told(
        f"{seen.at}: the way to {to} ends here, {seen.cause.text}{rule}",
        Fix(
            f"give {seen.at} a route to {to}",
            commands=(command(seen.case, seen.at, "ip", *family, "route", "get", to),),
        ),
    )


FAULT = Fault(CODE, "no usable route", __doc__, claims, tells)
