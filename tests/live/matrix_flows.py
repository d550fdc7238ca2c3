"""The flows of one guest of the matrix: from everywhere to everything."""

from collections.abc import Iterator
from ipaddress import ip_network

from homelab.model.place import HOST, Address, Place, guest, guest_of
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target

CLIENT, ROUTER = Place("netns:client"), Place("netns:router")
OTHERS = (CLIENT, ROUTER)
DOCKER0 = ip_network("172.16.0.0/12")
"""Docker's own pool, to which no route leads from outside."""
OPEN, CLOSED = 80, 81
DATAGRAMS, NO_DATAGRAMS = 5005, 5006


def flows(snapshot: Snapshot, name: str) -> Iterator[tuple[Place, Target]]:
    """Each once; none to an address of the sender's own that nobody else can reach."""
    here = guest(name)
    inside = [each for each in snapshot.namespaces if each.startswith(f"container:{name}/")]
    targets = [*_of_containers(snapshot, inside), *_of_guest(snapshot, here)]
    outside = [*_of_place(snapshot, CLIENT), *_of_place(snapshot, HOST)]
    seen = set()
    for origin in (CLIENT, ROUTER, HOST, here, *inside):
        for target in (*targets, *(outside if guest_of(origin) else ())):
            if guest_of(origin) is None and target.address in DOCKER0:
                continue
            if _speaks(snapshot, origin, target.address) and (origin, target) not in seen:
                seen.add((origin, target))
                yield origin, target


def _speaks(snapshot: Snapshot, place: Place, address: Address) -> bool:
    return address.version == 4 or bool(list(_addresses(snapshot, place, 6)))


def _addresses(snapshot: Snapshot, place: Place, version: int = 0) -> Iterator[Address]:
    for each in snapshot.namespaces[place].addresses:
        wanted = version in (0, each.interface.version)
        if wanted and each.link != "lo" and each.scope == "global":
            yield each.interface.ip


def _of_containers(snapshot: Snapshot, inside: list[Place]) -> Iterator[Target]:
    for place in inside:
        for address in _addresses(snapshot, place):
            yield from _services(address)


def _services(address: Address) -> Iterator[Target]:
    yield Target(address)
    yield Target(address, "tcp", OPEN)
    yield Target(address, "tcp", CLOSED)
    yield Target(address, "udp", DATAGRAMS)
    yield Target(address, "udp", NO_DATAGRAMS)


def _of_guest(snapshot: Snapshot, here: Place) -> Iterator[Target]:
    """Its own services, and what its daemon publishes, on each of its addresses."""
    daemon = snapshot.daemons.get(here)
    published = {
        (port.protocol, port.host_port)
        for each in (daemon.containers if daemon else ())
        for port in each.published
        if port.host_port and port.protocol in ("tcp", "udp")
    }
    for address in _addresses(snapshot, here):
        yield Target(address)
        yield Target(address, "tcp", 9000)
        yield Target(address, "tcp", 9001)
        yield from (Target(address, protocol, port) for protocol, port in sorted(published))


def _of_place(snapshot: Snapshot, place: Place) -> Iterator[Target]:
    for address in _addresses(snapshot, place):
        yield Target(address)
        yield Target(address, "tcp", OPEN)
        yield Target(address, "tcp", CLOSED)
        yield Target(address, "udp", DATAGRAMS)
