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

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import route_text
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import ANYWHERE, chosen, is_lost_at_host, is_on_link
from homelab.model.docker import DockerNetwork
from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.place import HOST, ROUTER, Network, Place

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
    meant = [each for each in case.judgements if each.declared or _is_routed(case, each)]
    found: set[frozenset[object]] = set()
    for each in meant:
        for place, network in _elsewhere(case, each.place):
            pair = frozenset(((each.place, each.name.network), (place, network.name)))
            if pair not in found and any(_overlaps(one.subnet, each) for one in network.subnets):
                found.add(pair)
                yield _with_network(case, each, place, network)
        yield from _with_links(case, each)


def _elsewhere(case: Case, place: Place) -> Iterator[tuple[Place, DockerNetwork]]:
    for there, daemon in case.snapshot.daemons.items():
        for network in daemon.networks if there not in (place, HOST) else ():
            yield there, network


def _overlaps(network: Network, judgement: Judgement) -> bool:
    alike = (each for each in judgement.subnets if each.version == network.version)
    return any(each.overlaps(network) for each in alike)


def _is_routed(case: Case, judgement: Judgement) -> bool:
    """The host has a route of its own to one of the subnets: somebody wants it reached."""
    here = case.snapshot.host_namespace
    routes = {each.destination for each in here.routes} if here else set()
    return any(each in routes and each.prefixlen != ANYWHERE for each in judgement.subnets)


def _with_network(
    case: Case, judgement: Judgement, place: Place, network: DockerNetwork
) -> Finding:
    theirs = " ".join(str(each.subnet) for each in network.subnets)
    other = [
        each
        for each in case.judgements
        if each.place == place and each.name.network == network.name
    ]
    text = (
        f"{judgement.place}: {_named(judgement)} and {network.name} of {place} ({theirs}) overlap"
    )
    return _finding(judgement.place, text, judgement, *other)


def _named(judgement: Judgement) -> str:
    subnets = " ".join(map(str, judgement.subnets))
    return f"{judgement.name.network} ({subnets})"


def _with_links(case: Case, judgement: Judgement) -> Iterator[Finding]:
    """Networks of the host and the router themselves, Docker's on the host included."""
    for place in (HOST, ROUTER):
        here = case.snapshot.namespace(place)
        found = {(each.link, each.interface.network) for each in (here.addresses if here else ())}
        for link, network in sorted(found, key=str):
            if place != judgement.place and _overlaps(network, judgement):
                text = f"{place}: its {link} has {network}, which overlaps {_named(judgement)}"
                yield _finding(place, f"{text} of {judgement.place}", judgement)


def _finding(place: Place, text: str, *judgements: Judgement) -> Finding:
    broken = any(each.reachable is False for each in judgements)
    names = tuple(each.name for each in judgements)
    return Finding(
        CODE, "error" if broken else "warning", place, text, fix=Fix(TEXT), affects=names
    )


FAULT = Fault(
    CODE, "two networks cover the same addresses", __doc__, claims, tells, by_network, sees
)
