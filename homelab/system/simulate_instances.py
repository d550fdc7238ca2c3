"""LXD in memory: keys and devices of an instance, and its restart."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface

from homelab.errors import OperationError
from homelab.model.kernel import LinkAddress, Namespace, Route
from homelab.model.lxc import Instance
from homelab.model.operation import (
    RestartInstance,
    SetIngressFilter,
    SetInstanceConfig,
    SetInstanceDevice,
)
from homelab.model.place import Address, Place, guest
from homelab.model.snapshot import PROTOCOL, Snapshot
from homelab.system.iptables import CHAIN, FAMILIES
from homelab.system.kept_filters import FOLDER
from homelab.system.simulate_nft import set_ingress, without_table
from homelab.system.simulate_nics import plugged
from homelab.system.simulate_places import (
    ruleset,
    with_address,
    with_namespace,
    with_rules,
    without_address,
)
from homelab.system.simulate_rules import without_chain
from homelab.system.simulate_sysctls import with_sysctl

_ADDRESSES = ("ipv4.address", "ipv6.address")
_KEPT_SYSCTL = "linux.sysctl."
HOOK = str(FOLDER)
"""In raw.lxc: the program that puts filters into a starting guest."""


def set_config(snapshot: Snapshot, operation: SetInstanceConfig) -> Snapshot:
    def changed(one: Instance) -> Instance:
        gone = [key for key, value in operation.config.items() if value is None]
        inherited = {key: value for key in gone for value in _profile_key(snapshot, one, key)}
        expanded = _merged(one.expanded_config, operation.config) | inherited
        return replace(one, config=_merged(one.config, operation.config), expanded_config=expanded)

    return _with_instance(snapshot, operation.place, operation.instance, changed)


def _merged(before: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in {**before, **change}.items() if value is not None}


def _profile_key(snapshot: Snapshot, one: Instance, key: str) -> Iterator[str]:
    """A key as the profiles have it, learned like a device of theirs."""
    for each in snapshot.runtime.instances if snapshot.runtime else ():
        if each.profiles == one.profiles and key not in each.config and key in each.expanded_config:
            yield each.expanded_config[key]
            return


def set_device(snapshot: Snapshot, operation: SetInstanceDevice) -> Snapshot:
    def changed(one: Instance) -> Instance:
        name, config = operation.device, operation.config
        own = {each: device for each, device in one.devices.items() if each != name}
        expanded = {each: device for each, device in one.expanded_devices.items() if each != name}
        if config is None:
            inherited = _inherited(snapshot, one, name)
            return replace(one, devices=own, expanded_devices={**expanded, **inherited})
        return replace(
            one,
            devices={**own, name: config},
            expanded_devices={**expanded, name: config},
        )

    return _with_instance(snapshot, operation.place, operation.instance, changed)


def _inherited(snapshot: Snapshot, one: Instance, device: str) -> dict[str, Mapping[str, str]]:
    """The device as the profiles have it, learned from an instance that has the same profiles."""
    others = snapshot.runtime.instances if snapshot.runtime else ()
    return next(
        (
            {device: each.expanded_devices[device]}
            for each in others
            if each.profiles == one.profiles
            and device not in each.devices
            and device in each.expanded_devices
        ),
        {},
    )


def _with_instance(
    snapshot: Snapshot, place: Place, name: str, changed: Callable[[Instance], Instance]
) -> Snapshot:
    found = snapshot.instance(name)
    if snapshot.runtime is None or found is None:
        raise OperationError(f"{place}: there is no instance {name}; see lxc list")
    instances = tuple(
        changed(each) if each is found else each for each in snapshot.runtime.instances
    )
    return replace(snapshot, runtime=replace(snapshot.runtime, instances=instances))


def restart(snapshot: Snapshot, operation: RestartInstance) -> Snapshot:
    """Running again, with what is kept for it; what was only in its kernel is gone.

    Rules and routes of ours in a guest do not live through its restart; Docker writes its own again.
    """
    name, place = operation.instance, guest(operation.instance)
    running = _with_instance(
        snapshot, operation.place, name, lambda one: replace(one, status="Running")
    )
    namespace = snapshot.namespace(place)
    one = snapshot.instance(name)
    if namespace is None or one is None:
        return running
    bare = _forgetful(namespace)
    for link, address in _addresses(one):
        bare = _readdressed(bare, link, address)
    for key, value in one.expanded_config.items():
        if key.startswith(_KEPT_SYSCTL):
            bare = with_sysctl(bare, key.removeprefix(_KEPT_SYSCTL), value)
    kept = snapshot.persistence.get(place)
    if kept is not None and HOOK in one.expanded_config.get("raw.lxc", ""):
        for each in kept.filters:
            bare = set_ingress(bare, SetIngressFilter(place, each))
    return plugged(with_namespace(running, place, bare), one)


def _forgetful(namespace: Namespace) -> Namespace:
    kept = tuple(each for each in namespace.routes if each.protocol != str(PROTOCOL))
    namespace = without_table(replace(namespace, routes=kept))
    for tool in FAMILIES:
        if ruleset(namespace, tool):
            namespace = with_rules(namespace, tool, lambda text: without_chain(text, CHAIN))
    return namespace


def _addresses(one: Instance) -> Iterator[tuple[str, Address]]:
    """Fixed addresses of the instance's NICs, each with the name of its link in the guest."""
    for name, device in one.expanded_devices.items():
        for key in _ADDRESSES if device.get("type") == "nic" else ():
            try:
                yield device.get("name", name), ip_address(device.get(key, ""))
            except ValueError:
                continue


def _readdressed(namespace: Namespace, link: str, address: Address) -> Namespace:
    """The link with its new address in the place of the old one of that family."""
    old = next((each for each in namespace.addresses if _is_old(each, link, address)), None)
    if old is None or old.interface.ip == address:
        return namespace
    new = ip_interface(f"{address}/{old.interface.network.prefixlen}")
    was = old.interface.ip
    moved = with_address(without_address(namespace, link, old.interface), link, new, down=False)
    return replace(moved, routes=tuple(_with_source(each, was, address) for each in moved.routes))


def _is_old(found: LinkAddress, link: str, address: Address) -> bool:
    same = found.link == link and found.interface.version == address.version
    return same and found.scope == "global" and not found.secondary


def _with_source(route: Route, was: Address, now: Address) -> Route:
    return replace(route, source=now) if route.source == was else route
