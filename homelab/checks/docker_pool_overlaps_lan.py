"""A network that Docker made covers addresses of the LAN: answers go into a bridge.

Seen as: some clients reach the containers and some, those whose addresses Docker's network covers,
do not; from the guest itself those clients are gone too.

Look, in the guest:

    ip route get CLIENT                 # dev br-… or docker0, instead of the NIC
    docker network inspect bridge

Why: Docker takes subnets for networks without one from its own pools, by default 172.17.0.0/16 to
172.31.0.0/16 and 192.168.0.0/16 in parts, and looks only at the routes of its own machine. A LAN, a VPN or
another site behind the router is not among them. The route to a bridge is more specific than the
default route, so the answer never leaves the guest.

Fix: give Docker pools that are free in the whole lab, in `/etc/docker/daemon.json` of the guest, restart dockerd,
and make the network anew; docker0 moves with `bip`:

    "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}], "bip": "10.201.0.1/24"

Opens: nothing.

Undo: put the old `daemon.json` back.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command, docker_bridges, judged_names, subnet_addresses
from homelab.checks.seen import Group, Seen
from homelab.model.docker import DockerNetwork
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import HOST, ROUTER, Address, Network, Place

CODE = "docker-pool-overlaps-lan"


def claims(seen: Seen) -> bool:
    """The answer, or the check of its way back, ended at a bridge that covers the client."""
    backwards = seen.is_return or (seen.cause.key or "").endswith("rp_filter")
    pool = _pool(seen)
    if pool is None or not (backwards and seen.in_guest):
        return False
    return not seen.by_firewall or seen.cause.oif == pool.bridge


def _pool(seen: Seen) -> DockerNetwork | None:
    source = seen.trace.source
    networks = seen.daemon.networks if seen.daemon and source else ()
    return next((each for each in networks if source and _covers(each, source)), None)


def _covers(network: DockerNetwork, address: Address) -> bool:
    return any(address in each.subnet for each in network.subnets)


def tells(group: Group) -> Told:
    seen, pool = group[0], _pool(group[0])
    name = pool.name if pool else ""
    return Told(
        f"{seen.at}: answers to {seen.trace.source} go into Docker network {name}, whose subnet "
        f"covers that address, {seen.cause.text}",
        _fix(seen.case, seen.at, name),
    )


def _fix(case: Case, place: Place, name: str) -> Fix:
    line = command(case, place, "docker", "network", "inspect", name)
    text = (
        f"move Docker network {name} of {place} to a free subnet (`default-address-pools`, `bip`)"
    )
    return Fix(text, commands=(line,))


def sees(case: Case) -> Iterator[Finding]:
    lans = _lans(case)
    for place, daemon in case.snapshot.daemons.items():
        for network in daemon.networks:
            for lan in _overlapped(lans, network):
                yield Finding(
                    CODE,
                    "warning",
                    place,
                    f"{place}: Docker network {network.name} covers {lan}, a network of the LAN; "
                    "answers to its addresses go into Docker's bridge",
                    fix=_fix(case, place, network.name),
                    affects=judged_names(case, place),
                )


def _lans(case: Case) -> tuple[Network, ...]:
    """Networks of host and router that are not networks of Docker's."""
    dockers = {
        name for each in case.snapshot.daemons for name in docker_bridges(case.snapshot, each)
    }
    found = (
        each.interface.network
        for there in (HOST, ROUTER)
        for each in subnet_addresses(case.snapshot, there)
        if each.link not in dockers
    )
    return tuple(dict.fromkeys(found))


def _overlapped(lans: tuple[Network, ...], network: DockerNetwork) -> Iterator[Network]:
    for lan in lans:
        alike = (each.subnet for each in network.subnets if each.subnet.version == lan.version)
        if any(each.overlaps(lan) for each in alike):
            yield lan


FAULT = Fault(CODE, "a network of Docker's covers the LAN", __doc__, claims, tells, by_place, sees)
