"""An inventory as text, for a person to go on with: what load reads back is the same inventory."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from homelab.load import words
from homelab.model.inventory import (
    Allow,
    ContainerNetwork,
    Egress,
    Guest,
    Host,
    Ingress,
    Inventory,
)
from homelab.model.subnets import collisions, declared, excludes

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NO_TEXT = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])
HEAD = """\
# yaml-language-server: $schema=./homelab.schema.json
# What `homelab init` found. `homelab schema > homelab.schema.json` gives an editor completion and help.
#
# `managed: false`: the network is judged by `homelab diagnose`, and left as it is. Take the word away, and
# `homelab plan` shows what would make the network reachable, or what stands in the way.
"""
NO_ROUTER = """\
# The LAN's router, if homelab shall put the routes there:
#routers:
#  edge: {connection: ssh://root@10.0.0.1}    # and `router: edge` for the host
"""


def written(inventory: Inventory) -> tuple[str, tuple[str, ...]]:
    """The text, and a sentence for each network that an inventory cannot have."""
    kept, left_out = _sayable(inventory)
    lines = [*_machines(kept), "guests:" if kept.guests else "guests: {}"]
    for each in kept.guests:
        lines += ["", *_guest(each)]
    notes = [f"# left out: {each}" for each in left_out]
    return "\n".join((HEAD, *lines, *([""] if notes else []), *notes, "")), left_out


def _sayable(inventory: Inventory) -> tuple[Inventory, tuple[str, ...]]:
    """Without what `homelab check` would refuse."""
    left_out: dict[str, str] = {}
    for network in inventory.networks:
        why = _refused(network)
        if why:
            left_out[network.full_name] = why
    rest = _without(inventory, left_out)
    for one, other in collisions(declared(rest), excludes):
        loser = next(each for each in (other, one) if each.kind in ("unmanaged", "network"))
        left_out[loser.owner.removeprefix("network ")] = f"{other} overlaps {one}"
    sentences = tuple(f"{name!a}: {why}" for name, why in left_out.items())
    return _named(_without(inventory, left_out)), sentences


def _named(inventory: Inventory) -> Inventory:
    """Under names that an inventory takes: a host whose own is none is called ``host``."""
    hosts = {each.name: _host_name(each.name) for each in inventory.hosts}
    return replace(
        inventory,
        hosts=tuple(replace(each, name=hosts[each.name]) for each in inventory.hosts),
        guests=tuple(
            replace(each, host=hosts.get(each.host, each.host))
            for each in inventory.guests
            if _said(words.instance_name, each.name) is None
        ),
    )


def _host_name(name: str) -> str:
    return name if _said(words.label, name) is None else "host"


def _refused(network: ContainerNetwork) -> str | None:
    said = _said(words.instance_name, network.guest) or _said(words.network_name, network.name)
    subnets = (_said(words.subnet, str(each)) for each in network.subnets)
    return said or next((each for each in subnets if each), None)


def _said(parse: Callable[[object], object], text: str) -> str | None:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


def _without(inventory: Inventory, names: dict[str, str]) -> Inventory:
    guests = (
        replace(each, networks=tuple(one for one in each.networks if one.full_name not in names))
        for each in inventory.guests
    )
    return replace(inventory, guests=tuple(guests))


def _machines(inventory: Inventory) -> Iterator[str]:
    yield "hosts:"
    for host in inventory.hosts:
        yield f"  {_scalar(host.name)}: {{{', '.join(_host(host))}}}"
    yield ""
    if inventory.routers:
        yield "routers:"
        for router in inventory.routers:
            yield f"  {_scalar(router.name)}: {{connection: {_scalar(str(router.connection))}}}"
        yield ""
    else:
        yield NO_ROUTER


def _host(host: Host) -> Iterator[str]:
    yield f"connection: {host.connection}"
    if host.uplink and _said(words.interface, host.uplink) is None:
        yield f"uplink: {_scalar(host.uplink)}"
    if host.router:
        yield f"router: {_scalar(host.router)}"
    if host.runtime != "auto":
        yield f"runtime: {host.runtime}"


def _guest(guest: Guest) -> Iterator[str]:
    yield f"  {_scalar(guest.name)}:"
    yield f"    host: {_scalar(guest.host)}"
    nic = tuple(_nic(guest))
    if nic:
        yield f"    nic: {{{', '.join(nic)}}}"
    if guest.networks:
        yield "    networks:"
    for each in guest.networks:
        yield from _network(each)


def _nic(guest: Guest) -> Iterator[str]:
    nic = guest.nic
    named = {"name": nic.name, "network": nic.network, "bridge": nic.bridge}
    for key, name in named.items():
        usual = key == "name" and name == "eth0"
        if name and not usual and _said(words.interface, name) is None:
            yield f"{key}: {_scalar(name)}"
    for each in nic.addresses:
        if _said(words.address, str(each)) is None:
            yield f"address{'6' if each.version == 6 else ''}: {_scalar(str(each))}"


def _network(network: ContainerNetwork) -> Iterator[str]:
    yield f"      {_scalar(network.name)}:"
    for each in network.subnets:
        yield f"        subnet{'6' if each.version == 6 else ''}: {_scalar(str(each))}"
    if network.ingress is Ingress.LIST:
        yield "        ingress:"
        yield from (f"          - {{{', '.join(_entry(each))}}}" for each in network.allow)
    elif network.ingress is Ingress.NONE:
        yield "        ingress: none"
    if network.egress is Egress.MASQUERADE:
        yield "        egress: masquerade"
    if not network.managed:
        yield "        managed: false"


def _entry(allow: Allow) -> Iterator[str]:
    yield f"from: [{', '.join(_scalar(str(each)) for each in allow.sources)}]"
    if allow.ports:
        yield f"ports: [{', '.join(map(str, allow.ports))}]"


def _scalar(text: str) -> str:
    """Plain where every reader of YAML takes it for text, else in double quotes, as JSON has them."""
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _NO_TEXT
    return text if plain or _UNMISTAKABLE.fullmatch(text) else json.dumps(text)


_UNMISTAKABLE = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?|(netns|ssh)://[A-Za-z0-9_.@-]+")
"""An IPv4 address, a subnet, a connection."""
