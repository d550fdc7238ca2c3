"""Subnets that cannot live together: what the inventory says by itself, and with what a snapshot shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from homelab.model.inventory import Inventory, Where
from homelab.model.place import Address, Network
from homelab.model.snapshot import Snapshot
from homelab.model.subnets import Claim, collisions, declared, excludes
from homelab.planning.observed import Seen, host_addresses, managed_subnets, observed

ERROR = "error"
WARNING = "warning"
OBSERVED = "observed"

# docs.docker.com/engine/network, "Automatic subnet allocation": the default address pools.
DOCKER_POOLS = tuple(
    map(
        ip_network,
        (
            "172.17.0.0/16",
            "172.18.0.0/16",
            "172.19.0.0/16",
            "172.20.0.0/14",
            "172.24.0.0/14",
            "172.28.0.0/14",
            "192.168.0.0/16",
        ),
    )
)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """``text`` says what is wrong and the way out; ``severity`` is error or warning."""

    where: Where
    severity: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.text}"


def problems(inventory: Inventory, snapshot: Snapshot) -> tuple[Problem, ...]:
    """Every problem once, sorted by position. An empty snapshot leaves what is known offline."""
    found = (
        *_among_declared(inventory),
        *_pools(inventory),
        *_docker_pools(inventory),
        *_public(inventory),
        *_with_observed(inventory, snapshot),
        *_off_the_network(inventory, snapshot),
    )
    return tuple(sorted(set(found)))


def _among_declared(inventory: Inventory) -> Iterator[Problem]:
    for one, other in collisions(declared(inventory), excludes):
        first, second = sorted((one, other), key=lambda each: each.where)
        text = f"{second} overlaps {first} ({first.where}); change one of them"
        yield Problem(second.where, ERROR, text)


def _pools(inventory: Inventory) -> Iterator[Problem]:
    pools = (
        Claim(each.subnet, "pool", f"pool {each.name}", each.where) for each in inventory.pools
    )
    for one, other in collisions(pools, lambda _one, _other: True):
        first, second = sorted((one, other), key=lambda each: each.where)
        text = f"{second} overlaps {first} ({first.where}): what one hands out the other lacks; make them apart"
        yield Problem(second.where, WARNING, text)


def _docker_pools(inventory: Inventory) -> Iterator[Problem]:
    """A network that came out of a pool is told of with its pool."""
    pools = [
        Claim(each.subnet, "pool", f"pool {each.name}", each.where) for each in inventory.pools
    ]
    networks = (each for each in declared(inventory) if each.kind == "network")
    lone = (each for each in networks if not any(_inside(each.subnet, one.subnet) for one in pools))
    for each in (*pools, *lone):
        docker = next((pool for pool in DOCKER_POOLS if _overlap(pool, each.subnet)), None)
        if docker is not None:
            text = (
                f"{each} lies in {docker}, one of Docker's default address pools: the daemon of any guest may "
                "hand it out and then no longer reach this one; choose a subnet outside 172.16.0.0/12 and "
                "192.168.0.0/16, such as 10.90.0.0/16"
            )
            yield Problem(each.where, WARNING, text)


def _public(inventory: Inventory) -> Iterator[Problem]:
    for each in declared(inventory):
        if (
            each.kind == "network"
            and isinstance(each.subnet, IPv4Network)
            and each.subnet.is_global
        ):
            text = (
                f"{each} is public address space: whoever owns it cannot be reached from the lab any more; "
                "choose a private subnet (RFC 1918), such as 10.90.1.0/24"
            )
            yield Problem(each.where, WARNING, text)


def _with_observed(inventory: Inventory, snapshot: Snapshot) -> Iterator[Problem]:
    hosts = host_addresses(snapshot)
    hops = {guest.name: hosts.union(guest.nic.addresses) for guest in inventory.guests}
    seen: dict[Network, list[Seen]] = {}
    for each in observed(snapshot):
        if not each.owned:
            seen.setdefault(each.subnet, []).append(each)

    def foreign(one: Claim, other: Claim) -> list[Seen]:
        """Who holds the observed one of two subnets, besides the network that is the other one."""
        if (one.kind == OBSERVED) is (other.kind == OBSERVED):
            return []
        ours, theirs = (one, other) if other.kind == OBSERVED else (other, one)
        name = ours.owner.removeprefix("network ")
        through = hops[name.partition("/")[0]]
        there = seen[theirs.subnet]
        return [each for each in there if not _is_itself(each, name, ours.subnet, through)]

    networks = (each for each in declared(inventory) if each.kind == "network")
    observations = (Claim(subnet, OBSERVED, "") for subnet in seen)
    for one, other in collisions((*networks, *observations), lambda *pair: bool(foreign(*pair))):
        yield _observed(one if other.kind == OBSERVED else other, foreign(one, other))


def _is_itself(seen: Seen, name: str, subnet: Network, hops: frozenset[Address]) -> bool:
    """The network as it is there already, or a route that leads to it, through its guest or its host."""
    to_it = seen.is_route and seen.via in hops and _inside(subnet, seen.subnet)
    return seen.network == name or to_it


def _observed(ours: Claim, holders: list[Seen]) -> Problem:
    seen = holders[0]
    more = f" (and {len(holders) - 1} more)" if len(holders) > 1 else ""
    if seen.is_route and seen.subnet.prefixlen < ours.subnet.prefixlen:
        text = (
            f"{ours} is part of {seen.subnet}, to which {seen.owner}{more} leads: it hides the addresses there; "
            "choose a subnet that nobody uses, if somebody uses it"
        )
        return Problem(ours.where, WARNING, text)
    text = (
        f"{ours} overlaps {seen.subnet} of {seen.owner}{more}; "
        "give the network another subnet, or remove the other"
    )
    return Problem(ours.where, ERROR, text)


def _off_the_network(inventory: Inventory, snapshot: Snapshot) -> Iterator[Problem]:
    """Guests whose address is not one of the managed network that their NIC is on."""
    for guest in inventory.guests:
        for subnet in managed_subnets(snapshot, guest.nic.network or ""):
            for address in guest.nic.addresses:
                if address.version == subnet.version and address not in subnet:
                    text = (
                        f"guest {guest.name}: {address} is not in {subnet}, the subnet of {guest.nic.network}; "
                        "write an address of it"
                    )
                    yield Problem(guest.nic.where, ERROR, text)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _inside(one: Network, other: Network) -> bool:
    return _overlap(one, other) and one.prefixlen >= other.prefixlen
