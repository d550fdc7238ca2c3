"""From what the API of LXD or Incus answers to a Runtime."""

import re
from collections.abc import Iterable

from homelab.model.lxc import Instance, InstanceNetwork, Runtime
from homelab.system.rows import Row, UnparsableError, count, flag, inner, mapping, row, text, words

# LXD and Incus want a host name (ValidHostname); what liblxc runs besides may have dots and bars.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def parse_runtime(
    server: object, instances: Iterable[object], networks: Iterable[object]
) -> Runtime:
    """Answers to GET /1.0, /1.0/instances?recursion=2 and /1.0/networks?recursion=1."""
    environment = inner(row(server), "environment")
    containers = (row(each) for each in instances)
    return Runtime(
        name=text(environment, "server", "lxd"),
        version=text(environment, "server_version"),
        instances=tuple(
            sorted(
                (_instance(each) for each in containers if text(each, "type") == "container"),
                key=lambda each: each.name,
            )
        ),
        networks=tuple(
            sorted((_network(row(each)) for each in networks), key=lambda each: each.name)
        ),
    )


def _instance(found: Row) -> Instance:
    name = text(found, "name")
    if not _NAME.fullmatch(name):
        raise UnparsableError(f"not the name of an instance: {name[:40]!r}")
    return Instance(
        name=name,
        status=text(found, "status"),
        pid=count(inner(found, "state"), "pid"),
        profiles=words(found, "profiles"),
        config=mapping(found, "config"),
        devices=_devices(found, "devices"),
        expanded_config=mapping(found, "expanded_config"),
        expanded_devices=_devices(found, "expanded_devices"),
    )


def _devices(found: Row, key: str) -> dict[str, dict[str, str]]:
    devices = inner(found, key)
    return {name: mapping(devices, name) for name in devices}


def _network(found: Row) -> InstanceNetwork:
    return InstanceNetwork(
        name=text(found, "name"),
        kind=text(found, "type", "bridge"),
        managed=flag(found, "managed"),
        config=mapping(found, "config"),
    )
