"""A guest's NIC, on what it is, in which VLANs, and its fixed addresses: keys of the device in LXD or Incus.

They hand addresses out by DHCP: ``ipv6.address`` is refused unless the network has ``ipv6.dhcp.stateful``
(validateConfig of LXD's device/nic_bridged.go). A device of a profile gets a copy of the guest's own.

For every key K that we set, ``user.homelab.was.device.DEVICE.K`` has the value before, ``unset`` when there
was none, or ``inherited`` when only a profile had the device: that is the mark, and what delete restores.
An address that was right before is not ours and is left alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self, TypeAlias

from homelab.model.inventory import Guest, Inventory
from homelab.model.lxc import Instance
from homelab.model.operation import (
    ForgetConnections,
    Operation,
    RestartInstance,
    SetInstanceConfig,
    SetInstanceDevice,
)
from homelab.model.place import HOST, ROUTER, Address, guest
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.instance import DEVICE, UNSET, WAS
from homelab.resources.lab import local_guests
from homelab.resources.moving import forget_addresses
from homelab.resources.nic_keys import PLACED, is_replugged, placing

INHERITED = "inherited"
KEYS = {4: "ipv4.address", 6: "ipv6.address"}
Keys: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class GuestAddress(Resource):
    """``keys`` are those of the device that we set, ``was`` what each of them was before.

    ``restart``: the guest may be restarted for them; else it has them from its next start on.
    """

    name: str
    device: str
    keys: Keys
    was: Keys
    restart: bool = field(default=True, compare=False)

    @property
    def key(self) -> Key:
        return Key("guest nic", f"{self.name} {self.device}")

    @property
    def guest(self) -> str | None:
        return self.name

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        if snapshot.is_plain:
            return
        marked = {(each.name, each.device): dict(each.was) for each in cls.actual(snapshot)}
        for each in local_guests(inventory):
            instance, device = snapshot.instance(each.name), each.nic.name
            if instance is None:
                continue
            now = instance.expanded_devices.get(device, {})
            ours = marked.get((each.name, device), {})
            keys = {
                key: address
                for key, address in _wanted(inventory, each, snapshot)
                if key in ours or now.get(key, UNSET) != address
            }
            own = None if INHERITED in ours.values() else instance.devices.get(device)
            was = {key: ours.get(key) or _before(own, key) for key in keys}
            if keys:
                yield cls(each.name, device, _sorted(keys), _sorted(was), each.restart)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for instance in snapshot.runtime.instances if snapshot.runtime else ():
            for device, was in _marks(instance).items():
                there = instance.devices.get(device, {})
                keys = {key: there.get(key, UNSET) for key in was}
                yield cls(instance.name, device, _sorted(keys), _sorted(was))

    @classmethod
    def adoptable(
        cls, inventory: Inventory, snapshot: Snapshot
    ) -> Iterator[tuple[Self, tuple[Operation, ...]]]:
        """Addresses that the guest's own device has already; destroy takes them away like any of ours."""
        for each in local_guests(inventory):
            instance, device = snapshot.instance(each.name), each.nic.name
            if instance is None or snapshot.is_plain:
                continue
            own, ours = instance.devices.get(device, {}), _marks(instance).get(device, {})
            keys = {key: own[key] for key in KEYS.values() if key in own and key not in ours}
            if keys:
                was = dict.fromkeys(keys, UNSET)
                found = cls(each.name, device, _sorted(keys), _sorted(was), each.restart)
                yield found, found._mark({}, was)

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        instance = snapshot.instance(self.name)
        if instance and self.device not in instance.expanded_devices:
            yield (
                f"guest {self.name}: it has no device {self.device}; write the right `nic.name`, "
                f"or `lxc config device add {self.name} {self.device} nic …`"
            )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (*self._mark({}, dict(self.was)), *self._set(dict(self.keys), snapshot))

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        """The guest keeps its address until it asks for one again: nothing is restarted."""
        instance = snapshot.instance(self.name)
        own = instance.devices.get(self.device) if instance else None
        unmark = self._mark(dict(self.was), {})
        if own is None:
            return unmark
        if INHERITED in dict(self.was).values():
            return (SetInstanceDevice(HOST, self.name, self.device, None, own), *unmark)
        return (self._device(own, own, dict(self.was)), *unmark)

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        mark = self._mark(dict(old.was), dict(self.was))
        return (*mark, *self._set({**dict(old.was), **dict(self.keys)}, snapshot))

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        if not self._restart(snapshot):
            return None
        values = " and ".join(
            value for key, value in self.keys if value != UNSET and key != "nictype"
        )
        return f"guest {self.name} restarts for {values}: its containers are down for some seconds"

    def describe(self) -> str:
        keys = ", ".join(f"{key} = {address}" for key, address in self.keys)
        return keys if self.restart else f"{keys}, from the guest's next start on"

    def _mark(self, before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Operation, ...]:
        names = {key: f"{WAS}{DEVICE}{self.device}.{key}" for key in {**before, **now}}
        changed = [key for key in sorted(names) if before.get(key) != now.get(key)]
        config = {names[key]: now.get(key) for key in changed}
        was = {names[key]: before.get(key) for key in changed}
        return (SetInstanceConfig(HOST, self.name, config, was),) if changed else ()

    def _set(self, keys: Mapping[str, str], snapshot: Snapshot) -> tuple[Operation, ...]:
        instance = snapshot.instance(self.name)
        if instance is None:
            return ()
        own = instance.devices.get(self.device)
        base = own if own is not None else instance.expanded_devices.get(self.device, {})
        changed = (self._device(own, base, keys), *self._restart(snapshot))
        return (*changed, *self._forgotten(base, snapshot))

    def _forgotten(
        self, base: Mapping[str, str], snapshot: Snapshot
    ) -> tuple[ForgetConnections, ...]:
        """What the host tracks of the guest's address before, if the guest is restarted and has another."""
        if not self._restart(snapshot):
            return ()
        before = (base.get(key) for key, address in self.keys if base.get(key) != address)
        return forget_addresses(snapshot, (HOST, ROUTER), filter(None, map(_address, before)))

    def _device(
        self, own: Mapping[str, str] | None, base: Mapping[str, str], keys: Mapping[str, str]
    ) -> SetInstanceDevice:
        changed = {**base, **keys}
        config = {key: each for key, each in changed.items() if each not in (UNSET, INHERITED)}
        return SetInstanceDevice(HOST, self.name, self.device, config, own)

    def _restart(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        """A guest that runs with these addresses already needs none."""
        instance, here = snapshot.instance(self.name), snapshot.namespace(guest(self.name))
        if instance is None or not instance.is_running or not self.restart:
            return ()
        there = {str(each.interface.ip) for each in here.addresses} if here else set()
        keys, now = dict(self.keys), instance.expanded_devices.get(self.device, {})
        addresses = (address for key, address in self.keys if key in KEYS.values())
        has_all = there.issuperset(addresses) and not is_replugged(keys, now)
        return () if has_all else (RestartInstance(HOST, self.name),)


def _wanted(inventory: Inventory, declared: Guest, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Where the NIC is, and what a managed network can hand out of the addresses that were declared."""
    instance = snapshot.instance(declared.name)
    now = instance.expanded_devices.get(declared.nic.name, {}) if instance else {}
    yield from placing(inventory, declared.nic, now)
    if not declared.networks:
        return
    networks = snapshot.runtime.networks if snapshot.runtime else ()
    config = next((each.config for each in networks if each.name == declared.nic.network), {})
    four, six = declared.address(4), declared.address(6)
    if four is not None and declared.nic.network is not None:
        yield KEYS[4], str(four)
    if six is not None and config.get("ipv6.dhcp.stateful") == "true":
        yield KEYS[6], str(six)


def _address(text: str | None) -> Address | None:
    try:
        return ip_address(text) if text else None
    except ValueError:
        return None


def _before(own: Mapping[str, str] | None, key: str) -> str:
    """A copy that we made of a profile's device is none of the guest's own."""
    return INHERITED if own is None else own.get(key, UNSET)


def _marks(instance: Instance) -> dict[str, dict[str, str]]:
    """What each device's keys of ours were before. The name of a device may have dots in it."""
    found: dict[str, dict[str, str]] = {}
    for name, was in sorted(instance.config.items()):
        for key in (*KEYS.values(), *PLACED):
            if name.startswith(f"{WAS}{DEVICE}") and name.endswith(f".{key}"):
                device = name.removeprefix(f"{WAS}{DEVICE}").removesuffix(f".{key}")
                found.setdefault(device, {})[key] = was
    return found


def _sorted(keys: Mapping[str, str]) -> Keys:
    return tuple(sorted(keys.items()))
