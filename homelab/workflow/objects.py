"""Everything that an operation can touch, by name, with what a snapshot shows of it."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from homelab.model import operation as op
from homelab.model.docker import DockerNetwork
from homelab.model.kernel import MAIN, Link, Namespace
from homelab.model.persistence import KeptRoute
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot
from homelab.model.wires import flat, marks, own_vlan_id
from homelab.resources.filter_rule import OpenFilter
from homelab.resources.ingress_filter import GuardedNetwork

Objects: TypeAlias = Mapping[str, object]
"""Name → value; two values are equal when nobody who uses the lab could tell them apart."""


def touched(operation: op.Operation) -> Iterator[str]:  # noqa: C901 - a closed list
    """The names of what an operation changes; a restart and a start change nothing that stays."""
    match operation:
        case op.AddRoute(place, route) | op.DeleteRoute(place, route) | op.MarkRoute(place, route):
            yield _route(place, route.destination, route.table)
        case op.SetSysctl(place, key):
            yield _sysctl(place, key)
        case (
            op.KeepSysctl()
            | op.ForgetSysctl()
            | op.KeepRoute()
            | op.ForgetRoute()
            | op.KeepFilter()
            | op.ForgetFilter()
        ):
            yield _in_file(operation)
        case op.SetInstanceConfig(_, instance, config):
            yield from (_key(instance, each) for each in config)
        case op.SetInstanceDevice(_, instance, device):
            yield _device(instance, device)
        case op.CreateDockerNetwork(place, network) | op.RemoveDockerNetwork(place, network):
            yield _network(place, network.name)
        case op.ConnectContainer(place, container, attachment) | op.DisconnectContainer(
            place, container, attachment
        ):
            yield _attachment(place, container, attachment.network)
        case op.AddFilterRule(place, rule) | op.DeleteFilterRule(place, rule):
            yield _rule(place, rule.tool, rule.mark)
        case op.SetIngressFilter(place, chain) | op.DeleteIngressFilter(place, chain):
            yield _chain(place, chain.chain)
        case op.SetOwnedLink(place, now, was):
            yield from {_link(place, each.name) for each in (now, was) if each}
        case op.SetPort(place, now) | op.SetCard(place, now):
            yield _link(place, now.link)


def _in_file(
    operation: op.KeepSysctl
    | op.ForgetSysctl
    | op.KeepRoute
    | op.ForgetRoute
    | op.KeepFilter
    | op.ForgetFilter,
) -> str:
    if isinstance(operation, op.KeepFilter | op.ForgetFilter):
        return _kept_filter(operation.place, operation.filter.chain)
    if isinstance(operation, op.KeepRoute | op.ForgetRoute):
        return _kept_route(operation.place, operation.route)
    return _kept(operation.key)


def objects(snapshot: Snapshot) -> Objects:
    """Every object that a snapshot shows. What depends on chance (Docker's ids) is left out of a value."""
    return dict(_all(snapshot))


def _all(snapshot: Snapshot) -> Iterator[tuple[str, object]]:
    yield from _of_kernels(snapshot)
    yield from _of_instances(snapshot)
    yield from _of_daemons(snapshot)
    for key, kept in snapshot.kept_sysctls.items():
        yield _kept(key), kept
    for place, machine in snapshot.persistence.items():
        yield from ((_kept_route(place, each), each) for each in machine.routes)
        yield from ((_kept_filter(place, each.chain), each) for each in machine.filters)
    for rule in OpenFilter.actual(snapshot):
        yield _rule(rule.place, rule.rule.tool, rule.rule.mark), (rule.rule, rule.effective)
    for chain in GuardedNetwork.actual(snapshot):
        yield _chain(chain.place, chain.filter.chain), (chain.mark, chain.rules)


def _of_kernels(snapshot: Snapshot) -> Iterator[tuple[str, object]]:
    for place, here in snapshot.namespaces.items():
        routes: dict[str, set[object]] = {}
        for each in here.routes:
            hops = tuple((hop.via, hop.link) for hop in each.hops)
            name = _route(place, each.destination, each.table)
            routes.setdefault(name, set()).add((hops, each.kind, each.protocol, each.metric))
        yield from routes.items()
        for key, value in here.sysctls.items():
            yield _sysctl(place, key), value
        for link in here.links:
            yield _link(place, link.name), _wired(here, link)


def _of_instances(snapshot: Snapshot) -> Iterator[tuple[str, object]]:
    for each in snapshot.runtime.instances if snapshot.runtime else ():
        for key, value in each.config.items():
            yield _key(each.name, key), value
        for device, config in each.devices.items():
            yield _device(each.name, device), dict(config)


def _of_daemons(snapshot: Snapshot) -> Iterator[tuple[str, object]]:
    for place, daemon in snapshot.daemons.items():
        for network in daemon.networks:
            yield _network(place, network.name), _seen(network)
        for each in daemon.containers:
            for one in each.attachments:
                if each.is_plugged(one):
                    addresses = one.ipv4 or one.fixed_ipv4, one.ipv6 or one.fixed_ipv6
                    yield _attachment(place, each.name, one.network), addresses


def _seen(network: DockerNetwork) -> object:
    subnets = tuple((each.subnet, each.gateway) for each in network.subnets)
    flags = network.driver, network.internal, network.ipv6
    return subnets, flags, dict(network.options), dict(network.labels)


def _route(place: Place, destination: object, table: int) -> str:
    return f"{place}: route {destination}" + ("" if table == MAIN else f" table {table}")


def _wired(here: Namespace, link: Link) -> object:
    """What is set at a link: not whether it has a carrier just now."""
    addresses = frozenset(
        each.interface
        for each in here.addresses
        if (each.link, each.scope) == (link.name, "global")
    )
    bridge = next((each.name for each in here.links if each.index == link.master), None)
    alias = link.alias if marks(link.alias).words else None
    return (
        link.kind,
        link.mtu,
        bridge,
        flat(link.vlans),
        link.vfs,
        alias,
        own_vlan_id(link),
        addresses,
    )


def _link(place: Place, name: str) -> str:
    return f"{place}: link {name}"


def _sysctl(place: Place, key: str) -> str:
    return f"{place}: sysctl {key}"


def _kept(key: str) -> str:
    return f"{HOST}: sysctl {key} kept over reboots"


def _kept_route(place: Place, route: KeptRoute) -> str:
    return f"{place}: route {route.destination} kept in {route.file}"


def _kept_filter(place: Place, chain: str) -> str:
    return f"{place}: filter {chain} kept for each start"


def _key(instance: str, key: str) -> str:
    return f"guest {instance}: configuration {key}"


def _device(instance: str, device: str) -> str:
    return f"guest {instance}: device {device}"


def _network(place: Place, name: str) -> str:
    return f"{place}: Docker network {name}"


def _attachment(place: Place, container: str, network: str) -> str:
    return f"{place}: container {container} on Docker network {network}"


def _rule(place: Place, tool: str, mark: str) -> str:
    return f"{place}: {tool} rule homelab:{mark}"


def _chain(place: Place, chain: str) -> str:
    return f"{place}: nftables chain inet homelab {chain}"
