"""What no single value shows: names that nobody declared, and words that contradict each other."""

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import chain

from homelab.load import words
from homelab.load.document import (
    ExpectationDocument,
    GuestDocument,
    NetworkDocument,
)
from homelab.load.nics import nic_problems
from homelab.load.node import locate, names
from homelab.load.problem import Problem, listed, unknown
from homelab.load.wiring import contradictory, vlans_named
from homelab.load.words import InVlan, Pick
from homelab.load.written import (
    Spot,
    Written,
    all_addresses,
    nic_addresses,
    pool_length,
    vlan_subnets,
)
from homelab.model.inventory import ContainerCalled, NetworkOf
from homelab.model.place import HOST, Address, Place, guest_of

_KEY = {4: "subnet", 6: "subnet6"}
_ADDRESS = {4: ("address", "10.77.0.11"), 6: ("address6", "fd00:77::11")}


def contradictions(written: Written) -> Iterator[Problem]:
    yield from _pools(written)
    yield from _vlans(written)
    yield from _hosts(written)
    yield from _groups(written)
    for name in written.document.guests:
        yield from _guest(written, name)
    yield from _addresses(written)
    for index, each in enumerate(written.document.expect):
        yield from _expectation(written, ("expect", index), each)


def _pools(written: Written) -> Iterator[Problem]:
    for name, pool in written.document.pools.items():
        smallest = words.SMALLEST[pool.subnet.version]
        each = pool_length(pool.subnet.version, pool.each)
        if not pool.subnet.prefixlen <= each <= smallest:
            yield written.at("pools", name)(
                f"no /{each} fits into {pool.subnet}; write a length from {pool.subnet.prefixlen} to {smallest}",
                "each",
            )


def _vlans(written: Written) -> Iterator[Problem]:
    seen: dict[int, str] = {}
    for name, vlan in written.document.vlans.items():
        first = seen.setdefault(vlan.id, name)
        spot = written.at("vlans", name)
        if first != name:
            yield spot(f"{vlan.id} is the id of vlan {first}; give one of them another", "id")
        both = vlan_subnets(vlan)
        if len({each.version for each in both}) < len(both):
            yield spot(
                f"it has {listed(map(str, both))}; write one subnet of each family", "subnet6"
            )


def _hosts(written: Written) -> Iterator[Problem]:
    local: str | None = None
    for name, host in written.document.hosts.items():
        if host.router is not None:
            yield from written.unknown("routers", "hosts", name, "router", name=host.router)
        for index, vlan in enumerate(host.vlans):
            yield from written.unknown("vlans", "hosts", name, "vlans", index, name=vlan)
        for path, vlan in vlans_named(host):
            yield from written.unknown("vlans", "hosts", name, *path, name=vlan)
        for way, text in contradictory(host):
            yield written.at("hosts", name)(text, *way)
        if host.connection.kind == "local" and local is not None:
            yield written.at("hosts", name)(
                f"host {local} is this machine (connection local) already; write ssh://USER@HOST",
                "connection",
            )
        local = name if host.connection.kind == "local" else local


def _groups(written: Written) -> Iterator[Problem]:
    for name, group in written.document.groups.items():
        for index, guest in enumerate(group.guests):
            yield from written.unknown("guests", "groups", name, "guests", index, name=guest)


def _guest(written: Written, name: str) -> Iterator[Problem]:
    guest = written.document.guests[name]
    spot = written.at("guests", name)
    if guest.host is not None:
        yield from written.unknown("hosts", "guests", name, "host", name=guest.host)
    elif written.whole:
        yield from _no_host(spot, list(names(written.tree, "hosts")))
    yield from nic_problems(written, name, guest)
    for network, each in guest.networks.items():
        yield from _network(written, (name, network), guest, each)
    yield from _bridges(spot, guest)


def _no_host(spot: Spot, hosts: list[str]) -> Iterator[Problem]:
    if not hosts:
        yield spot(
            "no host is declared for it to run on; write `hosts: {NAME: {connection: local}}`"
        )
    elif len(hosts) > 1:
        yield spot(f"on which host is it? write `host:` with one of: {listed(hosts)}")


def _network(
    written: Written, names_: tuple[str, str], guest: GuestDocument, network: NetworkDocument
) -> Iterator[Problem]:
    spot = written.at("guests", names_[0], "networks", names_[1])
    if network.subnet is None and network.subnet6 is None:
        yield spot("it has no subnet; write `subnet: auto` or a subnet such as 10.90.1.0/24")
    addresses = nic_addresses(guest)
    yield from _sources(written, spot.path, network)
    for family, subnet in ((4, network.subnet), (6, network.subnet6)):
        if subnet is None:
            continue
        if isinstance(subnet, Pick):
            yield from _pick(written, spot, subnet, family)
        if network.managed and not any(each.version == family for each in addresses):
            key, example = _ADDRESS[family]
            yield written.at("guests", names_[0])(
                f"its networks need an IPv{family} address of the guest as next hop; "
                f"write `nic: {{{key}: {example}}}`"
            )


def _sources(
    written: Written, path: tuple[str | int, ...], network: NetworkDocument
) -> Iterator[Problem]:
    entries = network.ingress if isinstance(network.ingress, tuple) else ()
    for index, each in enumerate(entries):
        for source in each.sources:
            if isinstance(source, InVlan):
                at = (*path, "ingress", index, "from")
                yield from written.unknown("vlans", *at, name=source.name)


def _pick(written: Written, spot: Spot, pick: Pick, family: int) -> Iterator[Problem]:
    pools = written.document.pools
    fitting = [name for name, pool in pools.items() if pool.subnet.version == family]
    if pick.pool is None and not fitting and written.whole:
        example = (
            "{lab: {subnet: 10.90.0.0/16}}" if family == 4 else "{lab6: {subnet: fd00:90::/48}}"
        )
        yield spot(f"auto needs a pool of IPv{family}; write `pools: {example}`", _KEY[family])
    if pick.pool is not None:
        path = (*spot.path, _KEY[family], "pool")
        yield from written.unknown("pools", *path, name=pick.pool)
        if pick.pool in pools and pick.pool not in fitting:
            yield spot(
                f"pool {pick.pool} is not IPv{family}; allowed: {listed(fitting)}", _KEY[family]
            )


def _bridges(spot: Spot, guest: GuestDocument) -> Iterator[Problem]:
    """Names that differ in a dot only get the same bridge."""
    seen: dict[str, str] = {}
    for name in guest.networks:
        first = seen.setdefault(name.replace(".", "-"), name)
        if first != name:
            yield spot(
                f"its bridge would have the name of {first}'s; rename one of them", "networks", name
            )


def _addresses(written: Written) -> Iterator[Problem]:
    document = written.document
    seen: dict[Address, str] = {}
    hosts = (
        ("hosts", name, each)
        for name, host in document.hosts.items()
        for each in all_addresses(host.address, None, host.addresses)
    )
    guests = (
        ("guests", name, each)
        for name, guest in document.guests.items()
        for each in nic_addresses(guest)
    )
    for section, name, address in chain(hosts, guests):
        owner = f"{section.removesuffix('s')} {name}"
        first = seen.setdefault(address, owner)
        below = ("nic",) if section == "guests" else ()
        if first != owner:
            yield written.at(section, name, *below)(
                f"{address} is the address of {first}; give one of them another"
            )


def _expectation(
    written: Written, path: tuple[str, int], expected: ExpectationDocument
) -> Iterator[Problem]:
    whom = expected.to.whom
    if isinstance(whom, NetworkOf):
        yield from _network_of(written, (*path, "to"), whom)
    inside = whom.guest if isinstance(whom, ContainerCalled) else None
    for key, guest in (("from", guest_of(Place(expected.origin))), ("to", inside)):
        if guest not in (None, HOST):
            yield from written.unknown("guests", *path, key, name=guest)
    if expected.origin.startswith("packet:") and not isinstance(whom, NetworkOf | ContainerCalled):
        source = ip_address(expected.origin.split(":", 2)[2])
        if source.version != whom.version:
            yield written.at(*path)(
                f"{source} sends no packet to {whom}; write two addresses of one family", "from"
            )


def _network_of(
    written: Written, path: tuple[str | int, ...], whom: NetworkOf
) -> Iterator[Problem]:
    yield from written.unknown("guests", *path, name=whom.guest)
    known = written.tree.get("guests", whom.guest)
    allowed = list(names(known, "networks")) if known else []
    if written.whole and known is not None and whom.network not in allowed:
        text = unknown(f"network of guest {whom.guest}", whom.network, allowed)
        hint = "a container is written as container:GUEST/NAME"
        yield Problem(locate(written.tree, path), f"{text}; {hint}")
