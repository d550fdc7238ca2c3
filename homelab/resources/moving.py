"""Containers on their way to another subnet: the addresses they get, and those that are given up."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from homelab.model.docker import Attachment
from homelab.model.operation import ForgetConnections
from homelab.model.place import Address, Network, Place
from homelab.model.snapshot import Snapshot


def forget_addresses(
    snapshot: Snapshot, places: Iterable[Place], gone: Iterable[Address]
) -> tuple[ForgetConnections, ...]:
    """In each of the places that were read, the connections of addresses that nobody has any more."""
    addresses = tuple(dict.fromkeys(gone))
    there = (each for each in places if snapshot.namespace(each) is not None)
    return tuple(ForgetConnections(each, addresses) for each in there if addresses)


def moved(
    attachment: Attachment, before: tuple[Network, ...], after: tuple[Network, ...]
) -> Attachment:
    """The same attachment with each address at the same place in the new subnet.

    Every address is asked for, also one that Docker had chosen: a container keeps what it had. One that
    has no place there is not: Docker refuses an address outside of the network's subnets.
    """
    ipv4 = _shifted(attachment.fixed_ipv4 or attachment.ipv4, before, after)
    ipv6 = _shifted(attachment.fixed_ipv6 or attachment.ipv6, before, after)
    return replace(attachment, ipv4=ipv4, ipv6=ipv6, fixed_ipv4=ipv4, fixed_ipv6=ipv6)


def _shifted(
    address: Address | None, before: tuple[Network, ...], after: tuple[Network, ...]
) -> Address | None:
    if address is None:
        return None
    new = next((each for each in after if each.version == address.version), None)
    if new is None:
        return None
    old = next((each for each in before if address in each), new)
    offset = 0 if address in new else int(new.network_address) - int(old.network_address)
    there = ip_address(int(address) + offset)
    # The subnet's own address, its gateway's, and the broadcast are Docker's to refuse.
    return there if there in new and there not in (new[0], new[1], new[-1]) else None
