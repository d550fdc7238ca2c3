"""Routes of homelab's own, added and deleted through rtnetlink, or with ip(8) on a router behind ssh."""

import errno
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from homelab.errors import OperationError
from homelab.model.kernel import NextHop, Route
from homelab.model.operation import AddRoute, MarkRoute
from homelab.model.place import Place
from homelab.model.snapshot import PROTOCOL
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.parse_routes import route as parsed
from homelab.system.route_words import (
    Step,
    as_words,
    command,
    family,
    is_plain,
    lines,
    opposite,
    words,
)
from homelab.system.rows import Row, arrays, items

# dev_valid_name in net/core/dev.c, without what an option of ip(8) could be mistaken for.
_LINK = re.compile(r"[^\s/:-][^\s/:]{0,14}")
# do_batch in lib/utils.c of iproute2: the number of the line that failed.
_FAILED = re.compile(r"Command failed -:(\d+)")
_PROTOCOL = re.compile(r"[a-z0-9_]{1,16}")
_SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
_PLAIN = ("blackhole", "unreachable", "prohibit", "throw")


def change_routes(door: Door, steps: Sequence[Step]) -> None:
    """Carry out all steps, or none of them and raise ``OperationError``."""
    for each in steps:
        check(door.place, each.route)
    if len(steps) > 1 and all(is_plain(each.route) for each in steps):
        _by_batch(door, steps)
        return
    if door.ssh is not None:
        _all_or_none(door, steps, _by_ssh)
        return
    inside(door, lambda: _by_netlink(door, steps))


def check(place: Place, route: Route) -> None:
    """Refuse a route that is not ours, or that cannot be written down as one of ours."""
    if route.protocol != str(PROTOCOL):
        raise OperationError(
            f"{place}: the route to {route.destination} has protocol {route.protocol}, "
            f"homelab's own have {PROTOCOL}; change it by hand"
        )
    if len(route.hops) != (0 if route.kind in _PLAIN else 1):
        raise OperationError(
            f"{place}: the route to {route.destination} needs exactly one next hop; "
            "a route with several is none of homelab's"
        )
    link = route.link
    if link is not None and not _LINK.fullmatch(link):
        raise OperationError(f"{place}: {link!r} is no name of a link; see ip link")


def mark_route(door: Door, step: MarkRoute) -> None:
    """Change the protocol of a route that is there; the kernel exchanges it at once, and loses no packet."""
    check_mark(step)
    route, wanted = step.route, replace(step.route, protocol=step.protocol)
    where = ["to", "exact", str(route.destination), "table", str(route.table)]
    printed = door.run(["ip", "-d", "-N", "-j", family(route), "route", "show", *where])
    rows = [each for found in arrays(printed) for each in found]
    there = next(
        (each for each in rows if _is_it(parsed(each, route.destination.version), route)), None
    )
    if there is None:
        raise missing(door.place, route)
    if unknown := sorted(_details(there) - _KNOWN):
        raise OperationError(
            f"{door.place}: the route to {route.destination} has {', '.join(unknown)}, which would be "
            "lost; change its protocol by hand"
        )
    door.run(["ip", family(wanted), "route", "change", *as_words(wanted)])


def _details(row: Row) -> set[str]:
    return {*row, *(name for each in items(row, "metrics") for name in each)}


def _is_it(found: Route, wanted: Route) -> bool:
    return (found.kind, found.via, found.link, found.protocol, found.metric) == (
        wanted.kind,
        wanted.via,
        wanted.link,
        wanted.protocol,
        wanted.metric,
    )


# What a row of `ip -j route` may say of a route that can be written down as a whole again.
_KNOWN = frozenset(
    ("type", "dst", "gateway", "via", "dev", "table", "protocol", "scope", "prefsrc", "metric")
) | {"flags", "pref", "metrics", "mtu", "advmss"}


def check_mark(step: MarkRoute) -> None:
    """Refuse to change anything but the mark of a route with one next hop."""
    ours = replace(step.route, protocol=str(PROTOCOL))
    check(step.place, ours)
    if str(PROTOCOL) not in (step.route.protocol, step.protocol):
        raise OperationError(
            f"{step.place}: neither {step.route.protocol} nor {step.protocol} is homelab's own protocol "
            f"{PROTOCOL}; change the route by hand"
        )
    if not _PROTOCOL.fullmatch(step.route.protocol) or not _PROTOCOL.fullmatch(step.protocol):
        raise OperationError(
            f"{step.place}: {step.protocol!r} is no protocol of a route; see ip route"
        )


def missing(place: Place, route: Route) -> OperationError:
    return OperationError(
        f"{place}: there is no route to {words(route)} to delete; read the lab again"
    )


def in_the_way(place: Place, route: Route, found: str) -> OperationError:
    return OperationError(
        f"{place}: a route to {route.destination} already exists ({found}); "
        "remove it, or give the network another subnet"
    )


def off_link(place: Place, route: Route) -> OperationError:
    return OperationError(
        f"{place}: a route to {route.destination} cannot go via {route.via}: that address is on no "
        "link of this place that is up; see ip addr"
    )


def no_link(place: Place, route: Route) -> OperationError:
    return OperationError(f"{place}: there is no link {route.link}; see ip link")


def _all_or_none(door: Door, steps: Sequence[Step], carry_out: Any) -> None:
    done: list[Step] = []
    for each in steps:
        try:
            carry_out(door, each)
        except OperationError:
            for back in reversed(done):
                carry_out(door, opposite(back))
            raise
        done.append(each)


def _by_batch(door: Door, steps: Sequence[Step]) -> None:
    """One ip(8) for all; it ends at the first line that fails, and names it."""
    try:
        door.run(["ip", "-N", "-batch", "-"], stdin=lines(steps))
    except OperationError as error:
        failed = _FAILED.search(str(error))
        if failed is None:
            raise
        number = int(failed[1]) - 1
        undone = [opposite(each) for each in reversed(steps[:number])]
        if undone:
            door.run(["ip", "-N", "-batch", "-"], stdin=lines(undone))
        route = steps[number].route
        raise _explained(door, route, _code(str(error)), error) from error


def _by_ssh(door: Door, step: Step) -> None:
    try:
        door.run(["ip", "-N", *command(step)])
    except OperationError as error:
        raise _explained(door, step.route, _code(str(error)), error) from error


# strerror(3), or the kernel's own words (fib_check_nh in net/ipv4/fib_semantics.c): ip(8) tells no
# number.
_TEXTS = {
    "File exists": errno.EEXIST,
    "No such process": errno.ESRCH,
    "Nexthop has invalid gateway": errno.ENETUNREACH,
    "Network is unreachable": errno.ENETUNREACH,
    "No route to host": errno.EHOSTUNREACH,
    "Cannot find device": errno.ENODEV,
}


def _code(said: str) -> int:
    return next((code for text, code in _TEXTS.items() if text in said), 0)


def _by_netlink(door: Door, steps: Sequence[Step]) -> None:
    from pyroute2 import IPRoute  # noqa: PLC0415 - costs 150 ms, and not every command sets routes

    with IPRoute() as netlink:
        _all_or_none(door, steps, lambda _, step: _send(netlink, door, step))


def _send(netlink: Any, door: Door, step: Step) -> None:
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415 - as above

    verb = "add" if isinstance(step, AddRoute) else "del"
    request = _request(step.route, _index(netlink, door.place, step.route))
    try:
        netlink.route(verb, **request)
    except NetlinkError as error:
        raise _explained(door, step.route, error.code, error) from error


def _index(netlink: Any, place: Place, route: Route) -> int | None:
    if route.link is None:
        return None
    found = netlink.link_lookup(ifname=route.link)
    if not found:
        raise no_link(place, route)
    return int(found[0])


def _request(route: Route, index: int | None) -> dict[str, Any]:
    """The words of pyroute2 for exactly this route; "add" implies NLM_F_CREATE and NLM_F_EXCL."""
    hop = route.hops[0] if route.hops else NextHop()
    wanted: dict[str, Any] = {
        "dst": str(route.destination),
        "family": 2 if route.destination.version == 4 else 10,
        "table": route.table,
        "proto": PROTOCOL,
        "type": route.kind,
        "scope": _SCOPES.get(route.scope, 0) if route.destination.version == 4 else None,
        "gateway": str(hop.via) if hop.via else None,
        "oif": index,
        "prefsrc": str(route.source) if route.source else None,
        "priority": route.metric or None,
        "metrics": _metrics(route) or None,
        "flags": ["onlink"] if hop.onlink else None,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def _metrics(route: Route) -> dict[str, int]:
    given = {"mtu": route.mtu, "advmss": route.advmss}
    return {key: value for key, value in given.items() if value}


def _explained(door: Door, route: Route, code: int, error: Exception) -> OperationError:
    match code:
        case errno.EEXIST:
            return in_the_way(door.place, route, _standing(door, route))
        case errno.ESRCH:
            return missing(door.place, route)
        case errno.ENETUNREACH | errno.EHOSTUNREACH:
            return off_link(door.place, route)
        case errno.ENODEV if route.link:
            return no_link(door.place, route)
        case _ if isinstance(error, OperationError):
            return error
        case _:
            return OperationError(f"{door.place}: ip route {words(route)}: {error}")


def _standing(door: Door, route: Route) -> str:
    """The routes to the same destination, in the words of ip(8)."""
    where = ["to", "exact", str(route.destination), "table", str(route.table)]
    printed = door.run(["ip", "-N", family(route), "route", "show", *where])
    return (
        "; ".join(" ".join(line.split()) for line in printed.splitlines()) or "none that is shown"
    )
