"""From what the Docker API answers to a Daemon: nothing of a container's environment is kept."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from homelab.model.docker import (
    Attachment,
    Daemon,
    DockerContainer,
    DockerNetwork,
    DockerSubnet,
    PublishedPort,
)
from homelab.model.place import Address
from homelab.system.rows import (
    Row,
    UnparsableError,
    count,
    flag,
    inner,
    items,
    mapping,
    row,
    text,
    words,
)

BRIDGE_NAME = "com.docker.network.bridge.name"
_SHORT_ID = 12
# The pattern that dockerd itself demands of a container's name (daemon/names/names.go).
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_ID = re.compile(r"[0-9a-f]{12,64}")
_PORT = re.compile(r"(\d{1,5})/([a-z]+)")


def parse_daemon(
    version: object, info: object, networks: Iterable[object], containers: Iterable[object]
) -> Daemon:
    """Answers to GET /version, /info (or {}), /networks, and /containers/ID/json of each container."""
    about = row(version)
    return Daemon(
        version=text(about, "Version"),
        api_version=text(about, "ApiVersion"),
        firewall=text(inner(row(info), "FirewallBackend"), "Driver"),
        networks=tuple(sorted((_network(row(each)) for each in networks), key=_by_name)),
        containers=tuple(sorted((_container(row(each)) for each in containers), key=_by_name)),
    )


def container_id(listed: object) -> str:
    """The id in one entry of GET /containers/json."""
    return _id(row(listed))


def _by_name(named: DockerNetwork | DockerContainer) -> tuple[str, str]:
    return named.name, named.id


def _id(found: Row) -> str:
    value = text(found, "Id")
    # A swarm's networks have other ids: those of its own store.
    if not _ID.fullmatch(value) and not _NAME.fullmatch(value):
        raise UnparsableError(f"not an id: {value[:40]!r}")
    return value


def _network(found: Row) -> DockerNetwork:
    name = text(found, "Name")
    if not name.isprintable():
        raise UnparsableError(f"not the name of a network: {name[:40]!r}")
    return DockerNetwork(
        id=_id(found),
        name=name,
        driver=text(found, "Driver"),
        bridge=_bridge(found),
        subnets=tuple(_subnet(each) for each in items(inner(found, "IPAM"), "Config")),
        internal=flag(found, "Internal"),
        ipv6=flag(found, "EnableIPv6"),
        options=mapping(found, "Options"),
        labels=mapping(found, "Labels"),
    )


def _bridge(found: Row) -> str:
    """Docker names the bridge of a user's network after its id, unless an option says otherwise."""
    if text(found, "Driver") != "bridge":
        return ""
    return mapping(found, "Options").get(BRIDGE_NAME) or f"br-{_id(found)[:_SHORT_ID]}"


def _subnet(found: Row) -> DockerSubnet:
    try:
        subnet = ip_network(text(found, "Subnet"), strict=False)
    except ValueError as error:
        raise UnparsableError(str(error)) from error
    return DockerSubnet(subnet, _address(text(found, "Gateway")))


def _container(found: Row) -> DockerContainer:
    name = text(found, "Name").removeprefix("/")
    if not _NAME.fullmatch(name):
        raise UnparsableError(f"not the name of a container: {name[:40]!r}")
    state = inner(found, "State")
    attached = inner(inner(found, "NetworkSettings"), "Networks")
    return DockerContainer(
        id=_id(found),
        name=name,
        status=text(state, "Status"),
        pid=count(state, "Pid"),
        network_mode=text(inner(found, "HostConfig"), "NetworkMode"),
        attachments=tuple(_attachment(each, row(attached[each])) for each in sorted(attached)),
        published=tuple(_published(found)),
    )


def _attachment(network: str, found: Row) -> Attachment:
    fixed = inner(found, "IPAMConfig")
    return Attachment(
        network=network,
        ipv4=_address(text(found, "IPAddress")),
        ipv6=_address(text(found, "GlobalIPv6Address")),
        fixed_ipv4=_address(text(fixed, "IPv4Address")),
        fixed_ipv6=_address(text(fixed, "IPv6Address")),
        mac=text(found, "MacAddress").lower() or None,
        aliases=words(found, "Aliases"),
        driver_options=mapping(found, "DriverOpts"),
        gateway_priority=count(found, "GwPriority"),
    )


def _published(found: Row) -> Iterator[PublishedPort]:
    """The ports in force; of a container that does not run, those that its user asked for."""
    ports = inner(inner(found, "NetworkSettings"), "Ports")
    for inside, outside in sorted(
        (ports or inner(inner(found, "HostConfig"), "PortBindings")).items()
    ):
        matched = _PORT.fullmatch(inside)
        if not matched:
            raise UnparsableError(f"not a port: {inside[:40]!r}")
        for each in items({"": outside}, ""):
            # A network in routed mode publishes without a port of the host: its HostPort is empty.
            port = text(each, "HostPort")
            yield PublishedPort(
                protocol=matched[2],
                container_port=int(matched[1]),
                host_address=text(each, "HostIp"),
                host_port=int(port) if port.isdecimal() else 0,
            )


def _address(written: str) -> Address | None:
    # Docker 29 writes an address that is not there as "invalid IP" (the zero netip.Addr).
    if not written or written == "invalid IP":
        return None
    try:
        return ip_address(written)
    except ValueError as error:
        raise UnparsableError(str(error)) from error
