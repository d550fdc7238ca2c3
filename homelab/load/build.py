"""From a valid document to the inventory that the rest of the house knows."""

from collections.abc import Iterator

from homelab.load.document import AllowDocument, GuestDocument, NetworkDocument
from homelab.load.node import locate_key
from homelab.load.wiring import declared_bridges, declared_cards, declared_links
from homelab.load.words import InVlan, Lan, Pick
from homelab.load.written import (
    Written,
    all_addresses,
    host_of,
    nic_addresses,
    pool_length,
    vlan_subnets,
)
from homelab.model.inventory import (
    Allow,
    ContainerNetwork,
    Egress,
    Expectation,
    Guest,
    Host,
    Ingress,
    Inventory,
    Nic,
    Pool,
    Router,
    Vlan,
    Where,
)
from homelab.model.place import Network


def build(written: Written) -> Inventory:
    """Pure. Names that nobody declared must have been refused before."""
    return Inventory(
        hosts=tuple(_hosts(written)),
        routers=tuple(
            Router(name, each.connection, each.kind, _where(written, "routers", name))
            for name, each in written.document.routers.items()
        ),
        guests=tuple(_guest(written, name, each) for name, each in written.document.guests.items()),
        pools=tuple(
            Pool(
                name,
                each.subnet,
                pool_length(each.subnet.version, each.each),
                _where(written, "pools", name),
            )
            for name, each in written.document.pools.items()
        ),
        vlans=tuple(
            Vlan(
                name,
                each.id,
                vlan_subnets(each),
                _where(written, "vlans", name),
                each.protocol,
            )
            for name, each in written.document.vlans.items()
        ),
        reserved=written.document.reserved,
        expect=tuple(_expectations(written)),
    )


def _where(written: Written, *path: str | int) -> Where:
    return locate_key(written.tree, path)


def _hosts(written: Written) -> Iterator[Host]:
    for name, each in written.document.hosts.items():
        yield Host(
            name,
            each.connection,
            each.uplink,
            all_addresses(each.address, None, each.addresses),
            each.runtime,
            each.router,
            each.vlans,
            _where(written, "hosts", name),
            declared_links(each),
            declared_bridges(each),
            declared_cards(each),
        )


def _guest(written: Written, name: str, guest: GuestDocument) -> Guest:
    nic = guest.nic
    return Guest(
        name,
        host_of(guest, written.document) or "",
        Nic(
            nic.name or "eth0",
            nic.network,
            nic.bridge,
            nic.vlan,
            nic_addresses(guest),
            _where(written, "guests", name, "nic"),
            nic.macvlan,
            nic.card,
            nic.tagged,
            nic.mac,
            nic.spoof_check,
        ),
        tuple(_network(written, name, network, each) for network, each in guest.networks.items()),
        guest.restart,
        _where(written, "guests", name),
    )


def _network(written: Written, guest: str, name: str, network: NetworkDocument) -> ContainerNetwork:
    wanted = {4: network.subnet, 6: network.subnet6}
    ingress, allow = _ingress(written, network)
    return ContainerNetwork(
        guest,
        name,
        tuple(each for each in wanted.values() if each is not None and not isinstance(each, Pick)),
        {
            family: pool
            for family, each in wanted.items()
            if isinstance(each, Pick) and (pool := _pool(written, each, family))
        },
        ingress,
        allow,
        Egress(network.egress),
        network.options,
        _where(written, "guests", guest, "networks", name),
        network.managed,
    )


def _pool(written: Written, pick: Pick, family: int) -> str | None:
    fitting = (
        name for name, each in written.document.pools.items() if each.subnet.version == family
    )
    return pick.pool or next(fitting, None)


def _ingress(written: Written, network: NetworkDocument) -> tuple[Ingress, tuple[Allow, ...]]:
    if isinstance(network.ingress, str):
        return Ingress(network.ingress), ()
    allow = tuple(_allow(written, each) for each in network.ingress)
    return (Ingress.LIST if allow else Ingress.NONE), allow


def _allow(written: Written, entry: AllowDocument) -> Allow:
    sources = tuple(each for one in entry.sources for each in _subnets(written, one))
    return Allow(sources, entry.ports, lan=any(isinstance(each, Lan) for each in entry.sources))


def _subnets(written: Written, source: Network | Lan | InVlan) -> Iterator[Network]:
    if isinstance(source, InVlan):
        found = written.document.vlans.get(source.name)
        yield from vlan_subnets(found) if found else ()
    elif not isinstance(source, Lan):
        yield source


def _expectations(written: Written) -> Iterator[Expectation]:
    for index, each in enumerate(written.document.expect):
        where = _where(written, "expect", index)
        yield Expectation(each.origin, each.to, each.outcome, each.reason or "", where)
