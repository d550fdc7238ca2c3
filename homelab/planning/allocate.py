"""What an inventory leaves open, filled in: a subnet for each ``auto``, the LAN's subnets for ``lan``.

The choice depends on names and on what is there, on nothing else. A network that exists keeps its
subnet. A new one begins to look at a place in its pool that its name gives, so that networks which
come and go seldom meet.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network

from homelab.errors import InventoryError
from homelab.model.inventory import Allow, ContainerNetwork, Guest, Inventory, Pool
from homelab.model.place import Network
from homelab.model.snapshot import Snapshot
from homelab.model.subnets import declared
from homelab.planning.observed import (
    Seen,
    docker_networks,
    observed,
    owned_routes,
    owned_subnets,
    uplink_subnets,
)

_END = 2**128


@dataclass(slots=True)
class _Taken:
    """Disjoint ranges of addresses, sorted, by family. It lives within one allocation only."""

    ranges: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: {4: [], 6: []})

    def add(self, subnet: Network) -> None:
        """Subnets are nested or disjoint: a larger one takes the place of those inside it."""
        first, last = _range(subnet)
        ranges = self.ranges[subnet.version]
        if (self.last_in_the_way(subnet.version, first, first) or -1) < last:
            begin, end = bisect_right(ranges, (first, -1)), bisect_right(ranges, (last, _END))
            ranges[begin:end] = [(first, last)]

    def last_in_the_way(self, family: int, first: int, last: int) -> int | None:
        """The end of a range that overlaps this one, or None when all of it is free."""
        ranges = self.ranges[family]
        index = bisect_right(ranges, (last, _END)) - 1
        if index >= 0 and ranges[index][1] >= first:
            return ranges[index][1]
        return None

    def has(self, subnet: Network) -> bool:
        return self.last_in_the_way(subnet.version, *_range(subnet)) is not None


@dataclass(frozen=True, slots=True)
class _Wish:
    """One ``auto``: a network, and the pool out of which it wants a subnet."""

    guest: Guest
    network: ContainerNetwork
    pool: Pool

    def fits(self, subnet: Network) -> bool:
        pool = self.pool
        same = subnet.version == pool.subnet.version and subnet.prefixlen == pool.each
        return same and subnet.overlaps(pool.subnet)


def allocate(inventory: Inventory, snapshot: Snapshot) -> Inventory:
    """The inventory without ``auto``; ``InventoryError`` names every network that gets no subnet."""
    problems: list[str] = []
    changed: dict[str, ContainerNetwork] = {}
    for wish, subnet in _allocated(inventory, snapshot, problems):
        name = wish.network.full_name
        network = changed.get(name, wish.network)
        subnets = sorted((*network.subnets, subnet), key=lambda each: each.version)
        changed[name] = replace(network, subnets=tuple(subnets), auto={})
    inventory = inventory.with_networks(changed)
    known = dict(_with_lan(inventory, snapshot, problems))
    if problems:
        raise InventoryError(tuple(problems))
    return inventory.with_networks(known)


def _allocated(
    inventory: Inventory, snapshot: Snapshot, problems: list[str]
) -> Iterator[tuple[_Wish, Network]]:
    firm = _Taken()
    for subnet in (*(each.subnet for each in declared(inventory)), *inventory.reserved):
        firm.add(subnet)
    new: list[_Wish] = []
    for wish in _wishes(inventory, problems):
        kept = _kept(wish, snapshot, firm)
        if kept is None:
            new.append(wish)
        else:
            firm.add(kept)
            yield wish, kept
    seen = tuple(_in_the_way(inventory, snapshot)) if new else ()
    full = _full(firm, seen)
    for wish in new:
        found = _again(wish, snapshot, firm) or _free(wish, full)
        if found is None:
            problems.append(_exhausted(wish, seen))
        else:
            firm.add(found)
            full.add(found)
            yield wish, found


def _wishes(inventory: Inventory, problems: list[str]) -> Iterator[_Wish]:
    pools = {each.name: each for each in inventory.pools}
    guests = sorted(inventory.guests, key=lambda each: each.name)
    for guest in guests:
        for network in sorted(guest.networks, key=lambda each: each.name):
            for family, name in sorted(network.auto.items()):
                pool = pools.get(name)
                if pool is None or pool.subnet.version != family:
                    problems.append(
                        f"{network.where}: network {network.full_name}: there is no pool {name} of "
                        f"IPv{family}; declare it under `pools`"
                    )
                else:
                    yield _Wish(guest, network, pool)


def _kept(wish: _Wish, snapshot: Snapshot, firm: _Taken) -> Network | None:
    """The subnet that homelab gave to this network before."""
    there = owned_subnets(snapshot, wish.guest.name, wish.network.name)
    return next((each for each in there if wish.fits(each) and not firm.has(each)), None)


def _in_the_way(inventory: Inventory, snapshot: Snapshot) -> Iterator[Seen]:
    """What is in use. A route that covers a whole pool yields to the more specific ones of its networks."""
    pools = [each.subnet for each in inventory.pools]
    for each in observed(snapshot):
        covers = (
            pool.version == each.subnet.version
            and pool.prefixlen >= each.subnet.prefixlen
            and pool.overlaps(each.subnet)
            for pool in pools
        )
        if not (each.is_route and any(covers)):
            yield each


def _full(firm: _Taken, seen: Iterable[Seen]) -> _Taken:
    full = _Taken({family: list(ranges) for family, ranges in firm.ranges.items()})
    for each in seen:
        full.add(each.subnet)
    return full


def _again(wish: _Wish, snapshot: Snapshot, firm: _Taken) -> Network | None:
    """The subnet to which our route through this guest still leads: its daemon may just be down."""
    via = wish.guest.address(wish.pool.subnet.version)
    routes = owned_routes(snapshot, via) if via is not None else frozenset()
    networks = {each.subnet for each in docker_networks(snapshot)} if routes else set()
    lone = (each for each in routes - networks if wish.fits(each) and not firm.has(each))
    return min(lone, key=lambda each: _distance(wish, each), default=None)


def _distance(wish: _Wish, subnet: Network) -> int:
    """How late a wish comes to look at a subnet of its pool."""
    pool = wish.pool
    index = (int(subnet.network_address) - int(pool.subnet.network_address)) // _size(pool)
    return (index - _start(wish)) % _count(pool)


def _free(wish: _Wish, taken: _Taken) -> Network | None:
    """The first free subnet behind the place that the network's name gives, once around the pool."""
    start, count = _start(wish), _count(wish.pool)
    for low, high in ((start, count), (0, start)):
        found = _between(wish.pool, low, high, taken)
        if found is not None:
            return found
    return None


def _between(pool: Pool, low: int, high: int, taken: _Taken) -> Network | None:
    family, size, base = pool.subnet.version, _size(pool), int(pool.subnet.network_address)
    index = low
    while index < high:
        first = base + index * size
        last = taken.last_in_the_way(family, first, first + size - 1)
        if last is None:
            kind = IPv4Network if family == 4 else IPv6Network
            return kind((first, pool.each))
        index = (last - base) // size + 1
    return None


def _start(wish: _Wish) -> int:
    digest = blake2b(wish.network.full_name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _count(wish.pool)


def _count(pool: Pool) -> int:
    return 1 << max(0, pool.each - pool.subnet.prefixlen)


def _size(pool: Pool) -> int:
    return 1 << (pool.subnet.max_prefixlen - pool.each)


def _range(subnet: Network) -> tuple[int, int]:
    return int(subnet.network_address), int(subnet.broadcast_address)


def _exhausted(wish: _Wish, seen: Iterable[Seen]) -> str:
    pool = wish.pool
    over = (
        each
        for each in seen
        if each.subnet.version == pool.subnet.version
        and each.subnet.prefixlen <= pool.subnet.prefixlen
        and each.subnet.overlaps(pool.subnet)
    )
    cover = next(over, None)
    why = (
        f"{cover.owner} {cover.subnet} covers it; choose another range for the pool"
        if cover
        else f"none of its {_count(pool)} subnets of /{pool.each} is free; make the pool larger, "
        "hand out smaller subnets (`each`), or give the network a subnet of its own"
    )
    network = wish.network
    return f"{network.where}: network {network.full_name}: pool {pool.name} {pool.subnet} is exhausted: {why}"


def _with_lan(
    inventory: Inventory, snapshot: Snapshot, problems: list[str]
) -> Iterator[tuple[str, ContainerNetwork]]:
    """Networks that let ``lan`` in, with its subnets; offline, where no host was read, as they are."""
    for guest in inventory.guests:
        host = inventory.host(guest.host)
        lan = uplink_subnets(snapshot, host.uplink if host else None)
        for network in guest.networks:
            if not any(each.lan for each in network.allow) or snapshot.host_namespace is None:
                continue
            if not lan:
                problems.append(
                    f"{network.where}: network {network.full_name}: `lan` is not known: the uplink of "
                    f"host {guest.host} has no subnet; write `uplink`, or the subnet itself"
                )
            allow = tuple(_let_in(each, lan) for each in network.allow)
            yield network.full_name, replace(network, allow=allow)


def _let_in(entry: Allow, lan: tuple[Network, ...]) -> Allow:
    if not entry.lan:
        return entry
    return Allow(tuple(dict.fromkeys((*entry.sources, *lan))), entry.ports)
