"""Who claims which addresses, and which claims exclude each other."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Generic, TypeVar

from homelab.model.inventory import NOWHERE, Inventory, Where
from homelab.model.place import Network

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """``kind`` is network, unmanaged, vlan or address; ``owner`` is how a message calls who claims it.

    Networks that homelab leaves as they are may overlap each other: on machines that nobody planned they do.
    """

    subnet: Network
    kind: str
    owner: str
    where: Where = field(default=NOWHERE, compare=False)

    def __str__(self) -> str:
        is_address = self.kind == "address"
        return f"{self.owner} {self.subnet.network_address if is_address else self.subnet}"


_EXCLUSIVE = {
    frozenset(("network",)),
    frozenset(("vlan",)),
    frozenset(("network", "vlan")),
    frozenset(("network", "address")),
    frozenset(("network", "unmanaged")),
}


class Subnets(Generic[T]):
    """Who holds which subnet, ready to be asked what overlaps one: no pair is looked at in vain."""

    def __init__(self, holders: Iterable[tuple[Network, T]]) -> None:
        self._holders: dict[Network, list[T]] = {}
        for subnet, holder in holders:
            self._holders.setdefault(subnet, []).append(holder)
        self._lengths = sorted({(each.version, each.prefixlen) for each in self._holders})
        self._ordered = sorted(self._holders, key=_place)

    def overlapping(self, subnet: Network) -> Iterator[T]:
        """Holders of what is around the subnet, the widest first, then of what is in it."""
        for version, length in self._lengths:
            if version == subnet.version and length <= subnet.prefixlen:
                yield from self._holders.get(subnet.supernet(new_prefix=length), ())
        start = bisect_right(self._ordered, _place(subnet), key=_place)
        for at in range(start, len(self._ordered)):
            if self._ordered[at].network_address not in subnet:
                return
            yield from self._holders[self._ordered[at]]


def _place(subnet: Network) -> tuple[int, int, int]:
    return subnet.version, int(subnet.network_address), subnet.prefixlen


def declared(inventory: Inventory) -> Iterator[Claim]:
    """What an inventory claims: its networks, its VLANs, and the addresses of hosts and guests."""
    for network in inventory.networks:
        for subnet in network.subnets:
            kind = "network" if network.managed else "unmanaged"
            yield Claim(subnet, kind, f"network {network.full_name}", network.where)
    for vlan in inventory.vlans:
        for subnet in vlan.subnets:
            yield Claim(subnet, "vlan", f"vlan {vlan.name}", vlan.where)
    for guest in inventory.guests:
        for each in guest.nic.addresses:
            yield Claim(ip_network(each), "address", f"guest {guest.name}", guest.nic.where)
    for host in inventory.hosts:
        for each in host.addresses:
            yield Claim(ip_network(each), "address", f"host {host.name}", host.where)


def excludes(one: Claim, other: Claim) -> bool:
    """Whether two claims of an inventory cannot cover the same addresses."""
    return frozenset((one.kind, other.kind)) in _EXCLUSIVE


def collisions(
    claims: Iterable[Claim], matters: Callable[[Claim, Claim], bool]
) -> Iterator[tuple[Claim, Claim]]:
    """Pairs that overlap: each claim with the nearest one around it for which that matters.

    Subnets are nested or disjoint, so one pass in the order of their addresses finds them all.
    """
    around: list[Claim] = []
    for each in sorted(claims, key=_order):
        while around and not _covers(around[-1], each):
            around.pop()
        above = next((one for one in reversed(around) if matters(one, each)), None)
        if above is not None:
            yield above, each
        if not any(one.subnet == each.subnet and one.kind == each.kind for one in around):
            around.append(each)


def _order(claim: Claim) -> tuple[int, int, int, Where]:
    subnet = claim.subnet
    return subnet.version, int(subnet.network_address), subnet.prefixlen, claim.where


def _covers(one: Claim, other: Claim) -> bool:
    first, second = one.subnet, other.subnet
    return first.version == second.version and first.overlaps(second)
