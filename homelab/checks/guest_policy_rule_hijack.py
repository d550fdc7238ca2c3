"""A policy rule sends the packet or its answer into another routing table: mostly that of a VPN.

Seen as: with the VPN on, LAN clients lose the containers; without it they are back. `ip route` shows nothing wrong.

Look, in the place that is named:

    ip rule
    ip route show table NUMBER
    ip route get CLIENT

Why: rules are asked by priority, and the first table with a route that covers the address decides. VPN clients put a
table with a wide route before main: tailscale's is 52, at 5270, and holds every subnet that a peer
advertises, the own LAN too if somebody does (tailscale issue 15055).

Fix: a rule that sends the LAN to table main, before that one. It has to stand wherever the VPN is started
too, since rules do not outlive a reboot:

    ip rule add to LAN lookup main priority NUMBER

Opens: nothing; those addresses take the way that table main has for them, and no longer the VPN.

Undo: the same command with `del` in place of `add`.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import NamedTuple

from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command, route_text, subnet_addresses
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix
from homelab.model.kernel import DEFAULT, LOCAL, MAIN, Namespace, PolicyRule, Route
from homelab.model.place import HOST, ROUTER, Address, Network, Place

CODE = "guest-policy-rule-hijack"
USUAL = (LOCAL, MAIN, DEFAULT)
REFUSALS = ("blackhole", "unreachable", "prohibit")


class Hijack(NamedTuple):
    """``rule`` of ``place`` decides, by ``route`` of its table or by itself; else ``usual`` would."""

    place: Place
    rule: PolicyRule
    route: Route | None
    usual: Route


def claims(seen: Seen) -> bool:
    return not seen.by_firewall and _hijack(seen) is not None


def _hijack(seen: Seen) -> Hijack | None:
    destination = _destination(seen)
    found = (_at(seen, *each, destination) for each in _questions(seen)) if destination else ()
    return next((each for each in found if each), None)


def _destination(seen: Seen) -> Address | None:
    """Where the packet went, or for reverse-path filtering where its answer would."""
    back = seen.is_return or (seen.cause.key or "").endswith("rp_filter")
    return seen.trace.source if back else seen.target


def _source(seen: Seen) -> Address | None:
    back = _destination(seen) != seen.target
    return seen.target if back else seen.trace.source


def _questions(seen: Seen) -> Iterator[tuple[Place, str | None, str | None]]:
    """The lookups on the packet's way: place, input link, and the link that was taken if one was."""
    if (seen.cause.key or "").endswith("rp_filter"):
        yield seen.at, None, None
        return
    for hop in seen.trace.back if seen.is_return else seen.trace.forward:
        if hop.stage == "route":
            yield hop.at, hop.iif, hop.oif
    yield seen.at, seen.cause.iif, seen.cause.oif


def _at(
    seen: Seen, place: Place, iif: str | None, oif: str | None, destination: Address
) -> Hijack | None:
    here = seen.snapshot.namespace(place)
    mine = place in (HOST, ROUTER) or place.startswith("guest:")
    if here is None or not mine or all(_is_usual(each) for each in here.rules):
        return None
    usual, source = _route(here, MAIN, destination), _source(seen)
    if usual is None:
        return None
    for rule in sorted(here.rules, key=lambda each: each.priority):
        if not _matches(rule, iif, source, destination):
            continue
        route = _route(here, rule.table, destination, rule.suppress_prefixlength)
        if rule.action in REFUSALS or (route is not None and rule.table not in USUAL):
            taken = route is None or oif in (None, route.link)
            return Hijack(place, rule, route, usual) if taken and not _same(route, usual) else None
        if route is not None:
            return None
    return None


def _is_usual(rule: PolicyRule) -> bool:
    return rule.table in USUAL and rule.action not in REFUSALS


def _same(route: Route | None, usual: Route) -> bool:
    return route is not None and route.kind == usual.kind and route.hops == usual.hops


def _matches(
    rule: PolicyRule, iif: str | None, source: Address | None, destination: Address
) -> bool:
    """Only what can be told without the rest of the packet: no mark, no port, no user."""
    more = (rule.fwmark, rule.tos, rule.protocol, rule.oif, rule.uid_range)
    ports = (rule.source_ports, rule.destination_ports)
    if rule.inverted or any((*more, *ports)) or rule.iif not in (None, iif):
        return False
    ends = (rule.source, source), (rule.destination, destination)
    return rule.family == destination.version and all(
        net is None or (address is not None and address in net) for net, address in ends
    )


def _route(
    here: Namespace, table: int | None, address: Address, suppressed: int | None = None
) -> Route | None:
    floor = -1 if suppressed is None else suppressed
    routes = (
        each
        for each in here.routes
        if each.table == table
        and address in each.destination
        and each.destination.prefixlen > floor
    )
    return max(routes, key=lambda each: (each.destination.prefixlen, -each.metric), default=None)


def _lan(seen: Seen, address: Address) -> Network:
    """The subnet of host or router that holds the address, or the judged one, or the address alone."""
    there = (each for place in (HOST, ROUTER) for each in subnet_addresses(seen.snapshot, place))
    nets = [each.interface.network for each in there]
    nets += [seen.subnet] if seen.subnet else []
    return next((each for each in nets if address in each), ip_network(address))


def tells(group: Group) -> Told:
    seen, found, address = group[0], _hijack(group[0]), _destination(group[0])
    if found is None or address is None:  # pragma: no branch - claimed packets have both
        return Told(seen.cause.text)
    place, rule, route, usual = found
    what = f"table {rule.table}, `{route_text(route)}`" if route else rule.action
    lan = _lan(seen, address)
    words = ("rule", "add", "to", str(lan), "lookup", "main", "priority", str(rule.priority - 1))
    six = ("-6",) if lan.version == 6 else ()
    return Told(
        f"{place}: ip rule {rule.priority} sends packets to {address} into {what}, where table main has "
        f"`{route_text(usual)}`",
        Fix(
            f"send {lan} to table main before rule {rule.priority} of {place}",
            commands=(command(seen.case, place, "ip", *six, *words),),
        ),
        at=place,
    )


FAULT = Fault(CODE, "a policy rule leads packets away", __doc__, claims, tells, by_place)
