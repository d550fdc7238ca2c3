"""Networks of a Docker daemon, and who is attached to them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from homelab.errors import OperationError, UnreadableError
from homelab.model.docker import Attachment, DockerNetwork
from homelab.model.operation import (
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    RemoveDockerNetwork,
    StartContainer,
)
from homelab.model.place import Place
from homelab.system.parse_docker import parse_daemon
from homelab.system.reasons import reasons
from homelab.system.rows import listing, row, text

if TYPE_CHECKING:
    import docker

# dockerd demands this of a container's name; a network's may hold more, homelab's own do not.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_MAC_SINCE = (1, 44)
_PRIORITY_SINCE = (1, 48)


def create_network(client: "docker.APIClient", operation: CreateDockerNetwork) -> None:
    """``OperationError`` when there is one of that name, or when its subnet overlaps another's."""
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415 - it is loaded: there is a client

    place, network = operation.place, operation.network
    check_name(place, network.name)
    pools = [
        IPAMPool(subnet=str(each.subnet), gateway=str(each.gateway) if each.gateway else None)
        for each in network.subnets
    ]
    try:
        with refusals(client, place, f"docker network create {network.name}"):
            # Before API 1.44 a daemon makes a second network of the same name unless it is told to look.
            client.create_network(
                network.name,
                driver=network.driver,
                options=dict(network.options),
                ipam=IPAMConfig(pool_configs=pools),
                check_duplicate=True,
                internal=network.internal,
                labels=dict(network.labels),
                enable_ipv6=network.ipv6,
            )
    except OperationError as error:
        raise overlapping(client, place, network, error) from error


def overlapping(
    client: "docker.APIClient", place: Place, network: DockerNetwork, error: OperationError
) -> OperationError:
    """The daemon's refusal, with the network whose subnet is in the way: it does not name it itself."""
    with refusals(client, place, "docker network ls"):
        there = parse_daemon({}, {}, listing(client.networks()), ()).networks
    said = "; ".join(overlaps(network, there))
    return OperationError(f"{error}; {said}; remove it, or take another subnet") if said else error


def overlaps(network: DockerNetwork, others: tuple[DockerNetwork, ...]) -> Iterator[str]:
    """``10.90.1.0/24 overlaps network foo with 10.90.0.0/16``, for each such pair of subnets."""
    for wanted in network.subnets:
        for other in others:
            for taken in other.subnets:
                if other.name != network.name and wanted.subnet.overlaps(taken.subnet):
                    yield f"{wanted.subnet} overlaps network {other.name} with {taken.subnet}"


def remove_network(client: "docker.APIClient", operation: RemoveDockerNetwork) -> None:
    """``OperationError`` while containers are attached, running or not: they would not start again."""
    place, network = operation.place, operation.network
    check_name(place, network.name)
    with refusals(client, place, f"docker network rm {network.name}"):
        found = row(client.inspect_network(network.name))
        refuse_other(place, network, text(found, "Id"))
        refuse_attached(place, network.name, tuple(_attached(client, network.name)))
        client.remove_network(text(found, "Id"))


def refuse_other(place: Place, network: DockerNetwork, found: str) -> None:
    """A network of the same name that is not the one that was read is somebody else's."""
    if network.id and not found.startswith(network.id):
        raise OperationError(
            f"{place}: docker network {network.name} is another one now (id {found[:12]}, "
            f"was {network.id[:12]}); read the lab again"
        )


def refuse_attached(place: Place, network: str, containers: tuple[str, ...]) -> None:
    if containers:
        raise OperationError(
            f"{place}: docker network {network} has containers attached ({', '.join(containers)}); "
            "disconnect them first"
        )


def _attached(client: "docker.APIClient", network: str) -> Iterator[str]:
    """Names of the containers on a network, those that do not run included."""
    for each in listing(client.containers(all=True)):
        settings = row(row(each).get("NetworkSettings") or {})
        if network in row(settings.get("Networks") or {}):
            names = listing(row(each).get("Names") or [])
            yield str(names[0]).removeprefix("/") if names else text(row(each), "Id")[:12]


def connect_container(client: "docker.APIClient", operation: ConnectContainer) -> None:
    """Attach with the addresses, aliases and options that it had, as far as the daemon takes them."""
    place, attachment = operation.place, operation.attachment
    check_name(place, operation.container)
    check_name(place, attachment.network)
    what = f"docker network connect {attachment.network} {operation.container}"
    with refusals(client, place, what):
        body = {
            "Container": operation.container,
            "EndpointConfig": endpoint(attachment, _version(client)),
        }
        # The SDK's own method has no word for the priority of the gateway.
        path = f"{client.base_url}/v{client.api_version}/networks/{attachment.network}/connect"
        answer = client.post(path, json=body, timeout=client.timeout)
        if not answer.ok:
            raise OperationError(f"{place}: {what}: {_said(answer)}")


def endpoint(attachment: Attachment, version: tuple[int, int]) -> dict[str, Any]:
    """The EndpointSettings of the API; a word that the daemon does not know yet is left out."""
    ipv4 = attachment.fixed_ipv4 or attachment.ipv4
    ipv6 = attachment.fixed_ipv6 or attachment.ipv6
    addresses = {
        **({"IPv4Address": str(ipv4)} if ipv4 else {}),
        **({"IPv6Address": str(ipv6)} if ipv6 else {}),
    }
    with_mac = attachment.mac is not None and version >= _MAC_SINCE
    with_priority = attachment.gateway_priority != 0 and version >= _PRIORITY_SINCE
    return {
        **({"IPAMConfig": addresses} if addresses else {}),
        **({"Aliases": list(attachment.aliases)} if attachment.aliases else {}),
        **({"DriverOpts": dict(attachment.driver_options)} if attachment.driver_options else {}),
        **({"MacAddress": attachment.mac} if with_mac else {}),
        **({"GwPriority": attachment.gateway_priority} if with_priority else {}),
    }


def disconnect_container(client: "docker.APIClient", operation: DisconnectContainer) -> None:
    place, network = operation.place, operation.attachment.network
    check_name(place, operation.container)
    check_name(place, network)
    with refusals(client, place, f"docker network disconnect {network} {operation.container}"):
        client.disconnect_container_from_network(operation.container, network)


def start_container(client: "docker.APIClient", operation: StartContainer) -> None:
    check_name(operation.place, operation.container)
    with refusals(client, operation.place, f"docker start {operation.container}"):
        client.start(operation.container)


def check_name(place: Place, name: str) -> None:
    """A name stands in the path of a request: it must be one word of it."""
    if not _NAME.fullmatch(name):
        raise OperationError(f"{place}: {name!r} is no name that homelab gives to Docker")


def _version(client: "docker.APIClient") -> tuple[int, int]:
    major, _, minor = str(client.api_version).partition(".")
    return int(major), int(minor)


def _said(answer: Any) -> str:
    try:
        return text(row(answer.json()), "message") or f"status {answer.status_code}"
    except ValueError:
        return f"status {answer.status_code}"


@contextmanager
def refusals(client: "docker.APIClient", place: Place, what: str) -> Iterator[None]:
    """All that the daemon or the way to it can do wrong becomes ``OperationError``."""
    from docker.errors import APIError, DockerException  # noqa: PLC0415 - as above

    try:
        with reasons(float(client.timeout), DockerException):
            yield
    except UnreadableError as error:
        below = error.__cause__
        said = below.explanation if isinstance(below, APIError) else error
        raise OperationError(f"{place}: {what}: {said or error}") from error
