"""A place on the way has no usable route, in a way for which there is no fault of its own.

Seen as: "network unreachable", a loop until the TTL ends, or an answer that comes up where nobody asked.

Look, in the place that is named:

    ip rule
    ip route get ADDRESS from SOURCE iif LINK

Why: the route is missing, refuses (blackhole, unreachable, prohibit), or a policy rule sends the packet to
another table than main, as VPN programs do. Loops arise where two places each take the other for the
way.

Fix: take out what refuses, by whoever wrote it; put back the route that belongs to an address of the place;
or route through the neighbour that knows the way. The command is shown where it can be told; it lasts until
the next restart, so write it into the place's own network configuration too. For the ways that homelab cares
for, host to guest and router to host, there are faults with a fix of their own.

Opens: what the route leads to.

Undo: delete the route, or add again what was taken out.
"""

from collections.abc import Hashable

from homelab.checks.advice import opens
from homelab.checks.fault import Fault, Told
from homelab.checks.lab import UNUSABLE, best_route, command, next_hop, route_text
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import family
from homelab.model.finding import Fix
from homelab.model.kernel import MAIN, LinkAddress, NextHop, Route
from homelab.model.place import HOST, ROUTER, Address, Place

CODE = "dropped-by-route"
POLICY = "ip rule "


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "route"


def alike(seen: Seen) -> Hashable:
    """One route that refuses, leads astray or is missing is one fault, whomever the packets were for."""
    to = seen.cause.destination or seen.target
    own, route = _own(seen, to), best_route(seen.here, to)
    return seen.cause.rule or (own and own.interface) or route or _destination(seen, to)


def tells(group: Group) -> Told:
    seen = group[0]
    to = seen.cause.destination or seen.target
    rule = f", `{seen.cause.rule}`" if seen.cause.rule else ""
    return Told(
        f"{seen.at}: the way to {to} ends here, {seen.cause.text}{rule}", _fix(group, seen, to)
    )


def _fix(group: Group, seen: Seen, to: Address) -> Fix:
    refusing, own, hop = _refusing(seen, to), _own(seen, to), _neighbour(seen, to)
    route = best_route(seen.here, to)
    if (seen.cause.rule or "").startswith(POLICY):
        return _without_rule(group, seen)
    if refusing is not None:
        text = f"ask whoever wrote `{route_text(refusing)}` in {seen.at} to take it out"
        return Fix(text, commands=(_removal(seen, refusing),), opens=opens(group))
    if own is not None:
        text = f"put back the route that belongs to {own.interface} on {own.link} of {seen.at}"
        return Fix(text, commands=(_connected(seen, own),), opens=opens(group))
    if route is not None:
        text = f"whoever wrote `{route_text(route)}` in {seen.at} has to send {to} another way"
        return Fix(f"{text}: there it comes to no good end")
    if hop is not None:
        text = f"route {_destination(seen, to)} via {hop.via} in {seen.at}"
        return Fix(text, commands=(_addition(seen, to, hop),), opens=opens(group))
    text = f"whoever keeps the routes of {seen.at} has to add one to {to}"
    return Fix(f"{text}: no neighbour that was observed knows the way")


def _without_rule(group: Group, seen: Seen) -> Fix:
    number = (seen.cause.rule or "").removeprefix(POLICY).partition(":")[0]
    six = ("-6",) if (seen.cause.destination or seen.target).version == 6 else ()
    line = command(seen.case, seen.at, "ip", *six, "rule", "del", "priority", number)
    text = f"ask whoever wrote ip rule {number} in {seen.at} to take it out"
    return Fix(text, commands=(line,), opens=opens(group))


def _refusing(seen: Seen, to: Address) -> Route | None:
    """The route that says no, in whatever table: the one that the cause shows."""
    routes = (
        each
        for each in (seen.here.routes if seen.here else ())
        if each.kind in UNUSABLE and to in each.destination
    )
    shown = seen.cause.rule or ""
    return next((each for each in routes if shown.startswith(_words(each))), None)


def _words(route: Route) -> str:
    everywhere = route.destination.prefixlen == 0
    return f"{route.kind} {'default' if everywhere else route.destination}"


def _removal(seen: Seen, route: Route) -> str:
    table = ("table", str(route.table)) if route.table != MAIN else ()
    words = ("route", "del", route.kind, str(route.destination), "proto", route.protocol)
    return command(seen.case, seen.at, "ip", *family(route), *words, *table)


def _own(seen: Seen, to: Address) -> LinkAddress | None:
    """An address of the place whose subnet's route is gone: the kernel made one for it once."""
    here = seen.here
    if here is None:
        return None
    known = {(each.destination, each.link) for each in here.routes}
    lost = (e for e in here.addresses if (e.interface.network, e.link) not in known)
    return next((e for e in lost if e.link != "lo" and to in e.interface.network), None)


def _connected(seen: Seen, own: LinkAddress) -> str:
    six = ("-6",) if own.interface.version == 6 else ()
    words = ("route", "add", str(own.interface.network), "dev", own.link, "proto", "kernel")
    source = () if six else ("scope", "link", "src", str(own.interface.ip))
    return command(seen.case, seen.at, "ip", *six, *words, *source)


def _neighbour(seen: Seen, to: Address) -> NextHop | None:
    """The first of host, router and the judged guest that is next to this place and has a route there."""
    for far in (HOST, ROUTER, seen.place):
        hop = next_hop(seen.snapshot, seen.at, far, to.version) if far != seen.at else None
        if hop is not None and _knows(seen, far, to):
            return hop
    return None


def _knows(seen: Seen, far: Place, to: Address) -> bool:
    """Whether its own route does not lead back to where the packet comes from."""
    route = best_route(seen.snapshot.namespace(far), to)
    back = {each.interface.ip for each in (seen.here.addresses if seen.here else ())}
    return route is not None and route.kind not in UNUSABLE and route.via not in back


def _destination(seen: Seen, to: Address) -> str:
    """The subnet that was asked for, or all that has no route yet."""
    return seen.aim if seen.subnet is not None and to in seen.subnet else "default"


def _addition(seen: Seen, to: Address, hop: NextHop) -> str:
    six = ("-6",) if to.version == 6 else ()
    link = ("dev", hop.link) if hop.link else ()
    words = ("route", "add", _destination(seen, to), "via", str(hop.via), *link)
    return command(seen.case, seen.at, "ip", *six, *words)


FAULT = Fault(CODE, "no usable route", __doc__, claims, tells, alike)
