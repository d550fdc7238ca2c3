"""A client's own VPN or Docker covers the containers' subnet: its packets never come to the LAN.

Seen as: one client does not reach the containers, all others do; it even gets answers, from the wrong machine.

Look, on the client:

    ip route get ADDRESS                # dev docker0, br-…, tun0, wg0 instead of its NIC

Why: the most specific route wins, and the client's own networks come before its default route. A laptop with Docker takes
its networks from 172.17.0.0/12 and 192.168.0.0/16; VPNs often claim the whole of 10.0.0.0/8.

Fix: give the lab's network another subnet, or the client. Until then one client can have a route of its own that is
more specific; the command is shown. Homelab does not change clients.

    ip route add SUBNET via ROUTER

Opens: nothing.

Undo: delete the route.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import (
    best_route,
    command,
    has_address,
    route_text,
    routed_subnets,
    subnet_addresses,
)
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.kernel import NextHop, Route
from homelab.model.place import HOST, ROUTER, Network, Place

CODE = "lan-client-overlap"
CLIENTS = "netns:"


def claims(seen: Seen) -> bool:
    """The packet ended where it began, on a link of the client's that is not the LAN's."""
    if (
        seen.is_return
        or not seen.at.startswith(CLIENTS)
        or seen.at not in _clients(seen.case)
        or seen.reached(HOST)
    ):
        return False
    return seen.subnet is not None and _covering(seen.case, seen.at, seen.subnet) is not None


def _clients(case: Case) -> dict[Place, str]:
    """Observed machines of the LAN, each with its link there.

    Those that forward, or that should, since containers are behind them, are no clients.
    """
    lan = {
        each.interface.network
        for place in (HOST, ROUTER)
        for each in subnet_addresses(case.snapshot, place)
    }
    found: dict[Place, str] = {}
    behind = {each.place for each in case.judgements}
    for place, here in sorted(case.snapshot.namespaces.items()):
        forwards = place in behind or here.sysctls.get("net.ipv4.ip_forward") == "1"
        is_client = place.startswith(CLIENTS) and not forwards
        for each in subnet_addresses(case.snapshot, place) if is_client else ():
            if each.interface.network in lan:
                found.setdefault(place, each.link)
    return found


def _covering(case: Case, place: Place, subnet: Network) -> Route | None:
    """The client's route to the subnet, if it leads neither to the LAN nor to the lab's machines."""
    link, here = _clients(case)[place], case.snapshot.namespace(place)
    route = best_route(here, subnet.network_address + (1 if subnet.num_addresses > 1 else 0))
    if route is None or route.destination.prefixlen == 0 or route.link in (None, link):
        return None
    lab = (case.snapshot.namespace(each) for each in (HOST, ROUTER))
    return None if any(has_address(each, route.via) for each in lab) else route


def _fix(case: Case, place: Place, subnet: Network) -> Fix:
    here = case.snapshot.namespace(place)
    default = next(
        (
            each.hops[0]
            for each in (here.routes if here else ())
            if each.destination.version == subnet.version
            and each.destination.prefixlen == 0
            and each.hops
        ),
        NextHop(),
    )
    text = f"give {subnet}, or that network of {place}, another subnet"
    halves = subnet.subnets() if subnet.prefixlen < subnet.max_prefixlen else iter((subnet,))
    family = ("-6",) if subnet.version == 6 else ()
    lines = tuple(
        command(case, place, "ip", *family, "route", "add", str(each), "via", str(default.via))
        for each in halves
    )
    return Fix(text, commands=lines if default.via else ())


def _explained(place: Place, subnet: Network, route: Route) -> str:
    return f"{place}: its own `{route_text(route)}` covers {subnet}; its packets for the containers go there"


def tells(group: Group) -> Told:
    seen, subnet = group[0], group[0].subnet
    route = _covering(seen.case, seen.at, subnet) if subnet else None
    if subnet is None or route is None:
        return Told(seen.cause.text)
    return Told(_explained(seen.at, subnet, route), _fix(seen.case, seen.at, subnet))


def sees(case: Case) -> Iterator[Finding]:
    clients, routed = _clients(case), routed_subnets(case)
    meant = [each for each in case.judgements if each.declared or routed.intersection(each.subnets)]
    for place in clients:
        for judgement in meant:
            yield from _of(case, place, judgement)


def _of(case: Case, place: Place, judgement: Judgement) -> Iterator[Finding]:
    for subnet in judgement.subnets:
        route = _covering(case, place, subnet)
        if route is not None:
            told = _explained(place, subnet, route)
            fix = _fix(case, place, subnet)
            yield Finding(CODE, "warning", place, told, fix=fix, affects=(judgement.name,))


FAULT = Fault(
    CODE, "a client's own network covers the containers", __doc__, claims, tells, by_network, sees
)
