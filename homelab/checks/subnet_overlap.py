"""Two networks of the lab, or a network and a link, cover the same addresses.

Seen as: a container is reached, but the wrong one; or some addresses of a subnet answer and others go to another
guest, to the host's own bridge, or nowhere.

Look, on the host and in the guests:

    ip route
    docker network inspect NETWORK

Why: every address can lie in one place only. Docker takes subnets from its own pools and sees only its own
machine, so two guests come to the same 172.18.0.0/16 without a word; LXD's bridge, a VPN, or Docker on the host
may cover a subnet that was chosen by hand. The most specific route wins, and for equal ones the first.

Fix: one of the two moves. With an inventory, give the network another subnet, or `auto`, which takes one that
is free in the whole lab; `homelab check` finds overlaps offline:

    homelab check
    homelab apply --yes

Opens: nothing.

Undo: write the old subnet back.
"""

from collections.abc import Iterator
from typing import TypeVar

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import route_text, routed_subnets
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_lost_at_host, is_on_link
from homelab.model.docker import DockerNetwork
from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.place import HOST, ROUTER, Network, Place
from homelab.model.subnets import Subnets

T = TypeVar("T")
CODE = "subnet-overlap"
TEXT = "give one of the two another subnet, in the inventory if it stands there"


def claims(seen: Seen) -> bool:
    """The host takes the target for a neighbour on one of its own links, or another guest has it too."""
    if not is_lost_at_host(seen):
        return False
    route = chosen(seen, HOST)
    connected = is_on_link(seen, HOST) and route is not None and route.protocol == "kernel"
    return connected or _other(seen) is not None


def _other(seen: Seen) -> tuple[Place, str] | None:
    """Another guest to which the packet came, and its Docker network that covers the target."""
    came = {each.at for each in seen.trace.forward} | {seen.at}
    for place, daemon in seen.snapshot.daemons.items():
        for network in daemon.networks if place != seen.place and place in came else ():
            if any(seen.target in each.subnet for each in network.subnets):
                return place, network.name
    return None


def tells(group: Group) -> Told:
    seen, route = group[0], chosen(group[0], HOST)
    other = _other(seen)
    what = (
        f"Docker network {other[1]} of {other[0]}"
        if other
        else f"`{route_text(route)}`"
        if route
        else ""
    )
    return Told(
        f"host: {seen.aim} of {seen.place} is also covered by {what}, and packets go there",
        Fix(TEXT, commands=("homelab check",) if seen.declared else ()),
        at=HOST,
    )


def sees(case: Case) -> Iterator[Finding]:
    routed, by_name = routed_subnets(case), _by_name(case)
    meant = [each for each in case.judgements if each.declared or routed.intersection(each.subnets)]
    dockers, links = _dockers(case), _links(case)
    subnets = Subnets((each.subnet, key) for key, one in dockers.items() for each in one.subnets)
    found: set[frozenset[object]] = set()
    for each in meant:
        mine = (each.place, each.name.network)
        for theirs in _overlapping(each, subnets):
            pair = frozenset((mine, theirs))
            if theirs[0] not in (each.place, HOST) and pair not in found:
                found.add(pair)
                yield _with_network(each, theirs[0], dockers[theirs], by_name.get(theirs, []))
        for place, link, subnet in _overlapping(each, links):
            if place != each.place:
                text = f"{place}: its {link} has {subnet}, which overlaps {_named(each)}"
                yield _finding(place, f"{text} of {each.place}", each)


def _by_name(case: Case) -> dict[tuple[Place, str], list[Judgement]]:
    found: dict[tuple[Place, str], list[Judgement]] = {}
    for each in case.judgements:
        found.setdefault((each.place, each.name.network), []).append(each)
    return found


def _overlapping(judgement: Judgement, holders: Subnets[T]) -> Iterator[T]:
    """Each holder once, however many of its subnets overlap."""
    return iter(
        dict.fromkeys(each for one in judgement.subnets for each in holders.overlapping(one))
    )


def _dockers(case: Case) -> dict[tuple[Place, str], DockerNetwork]:
    return {
        (place, network.name): network
        for place, daemon in case.snapshot.daemons.items()
        for network in daemon.networks
    }


def _links(case: Case) -> Subnets[tuple[Place, str, Network]]:
    """Networks of the host and the router themselves, Docker's on the host included."""
    return Subnets(
        (each.interface.network, (place, each.link, each.interface.network))
        for place in (HOST, ROUTER)
        if (here := case.snapshot.namespace(place)) is not None
        for each in here.addresses
    )


def _with_network(
    judgement: Judgement, place: Place, network: DockerNetwork, other: list[Judgement]
) -> Finding:
    theirs = " ".join(str(each.subnet) for each in network.subnets)
    text = (
        f"{judgement.place}: {_named(judgement)} and {network.name} of {place} ({theirs}) overlap"
    )
    return _finding(judgement.place, text, judgement, *other)


def _named(judgement: Judgement) -> str:
    subnets = " ".join(map(str, judgement.subnets))
    return f"{judgement.name.network} ({subnets})"


def _finding(place: Place, text: str, *judgements: Judgement) -> Finding:
    broken = any(each.reachable is False for each in judgements)
    names = tuple(each.name for each in judgements)
    return Finding(
        CODE, "error" if broken else "warning", place, text, fix=Fix(TEXT), affects=names
    )


FAULT = Fault(
    CODE, "two networks cover the same addresses", __doc__, claims, tells, by_network, sees
)
