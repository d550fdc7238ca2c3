"""What Docker in LXC needs of its guest, kept by LXD or Incus: nesting, forwarding, a fixed address.

For every key K that we set, ``user.homelab.was.K`` has the value before, ``unset`` when there was none:
that is the mark, and what delete restores; ``inherited`` for a device that only a profile had. A value that was right before is not ours and is left alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from homelab.model.inventory import Guest, Inventory
from homelab.model.lxc import MARK, Instance
from homelab.model.operation import Operation, RestartInstance, SetInstanceConfig, SetInstanceDevice
from homelab.model.place import HOST, guest
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import local_guests

WAS = f"{MARK}was."
SYSCTL_WAS = f"{WAS}sysctl."
UNSET = "unset"
INHERITED = "inherited"
DEVICE = "device."
NESTING = "security.nesting"
FORWARD = {
    4: "linux.sysctl.net.ipv4.ip_forward",
    6: "linux.sysctl.net.ipv6.conf.all.forwarding",
}


@dataclass(frozen=True, slots=True)
class GuestSetting(Resource):
    """One configuration key of a guest, or (``device.eth0.ipv4.address``) one key of a device."""

    name: str
    setting: str
    value: str
    was: str

    @property
    def key(self) -> Key:
        return Key("guest setting", f"{self.name} {self.setting}")

    @property
    def guest(self) -> str | None:
        return self.name

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        ours = {each.key: each for each in cls.actual(snapshot)}
        for each in local_guests(inventory):
            instance = snapshot.instance(each.name)
            if instance is None or not each.networks:
                continue
            for setting, value in _settings(each):
                owned = ours.get(Key("guest setting", f"{each.name} {setting}"))
                now = _value(instance, setting, expanded=True)
                if owned is not None or now != value:
                    was = owned.was if owned else _before(instance, setting)
                    yield cls(each.name, setting, value, was)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for instance in snapshot.runtime.instances if snapshot.runtime else ():
            for key, was in sorted(instance.config.items()):
                if key.startswith(WAS) and not key.startswith(SYSCTL_WAS):
                    setting = key.removeprefix(WAS)
                    yield cls(instance.name, setting, _value(instance, setting) or UNSET, was)

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        device = self._device()
        instance = snapshot.instance(self.name)
        if device and instance and device[0] not in instance.expanded_devices:
            yield (
                f"guest {self.name}: it has no device {device[0]}; "
                f"write the right `nic.name`, or `lxc config device add {self.name} {device[0]} nic …`"
            )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        mark = SetInstanceConfig(
            HOST, self.name, {WAS + self.setting: self.was}, {WAS + self.setting: None}
        )
        return (mark, *self._set(self.value, snapshot), *self._restart(snapshot))

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        key = WAS + self.setting
        unmark = SetInstanceConfig(HOST, self.name, {key: None}, {key: self.was})
        return (*self._set(self.was, snapshot), unmark)

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (*self._set(self.value, snapshot), *self._restart(snapshot))

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        if not self._restart(snapshot):
            return None
        return f"guest {self.name} restarts for {self.setting}: its containers are down for some seconds"

    def describe(self) -> str:
        return f"{self.setting} = {self.value}"

    def _device(self) -> tuple[str, str] | None:
        if not self.setting.startswith(DEVICE):
            return None
        device, _, key = self.setting.removeprefix(DEVICE).partition(".")
        return device, key

    def _set(self, value: str, snapshot: Snapshot) -> tuple[Operation, ...]:
        instance = snapshot.instance(self.name)
        if instance is None:
            return ()
        device = self._device()
        if device is None:
            new = None if value == UNSET else value
            was = instance.config.get(self.setting)
            return (SetInstanceConfig(HOST, self.name, {self.setting: new}, {self.setting: was}),)
        return (_device_change(instance, *device, value),)

    def _restart(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        """Nesting and addresses take effect at the next start; forwarding is set live as well."""
        instance = snapshot.instance(self.name)
        if instance is None or not instance.is_running or self.setting.startswith("linux.sysctl."):
            return ()
        here = snapshot.namespace(guest(self.name))
        addresses = {str(each.interface.ip) for each in here.addresses} if here else set()
        return () if self.value in addresses else (RestartInstance(HOST, self.name),)


def _settings(wanted: Guest) -> Iterator[tuple[str, str]]:
    yield NESTING, "true"
    families = {subnet.version for network in wanted.networks for subnet in network.subnets}
    yield from ((FORWARD[family], "1") for family in sorted(families))
    if wanted.nic.network is not None:
        address = wanted.address(4)
        if address is not None:
            yield f"{DEVICE}{wanted.nic.name}.ipv4.address", str(address)


def _before(instance: Instance, setting: str) -> str:
    """What a mark records: the value that the instance itself had."""
    device, _, _ = setting.removeprefix(DEVICE).partition(".")
    if setting.startswith(DEVICE) and device not in instance.devices:
        return INHERITED
    return _value(instance, setting) or UNSET


def _value(instance: Instance, setting: str, *, expanded: bool = False) -> str | None:
    if not setting.startswith(DEVICE):
        return (instance.expanded_config if expanded else instance.config).get(setting)
    device, _, key = setting.removeprefix(DEVICE).partition(".")
    devices = instance.expanded_devices if expanded else instance.devices
    return devices.get(device, {}).get(key)


def _device_change(instance: Instance, device: str, key: str, value: str) -> SetInstanceDevice:
    """The device with one key changed; a device of a profile gets a copy of the guest's own."""
    own = instance.devices.get(device)
    if value == INHERITED:
        return SetInstanceDevice(HOST, instance.name, device, None, own)
    base: Mapping[str, str] = own if own is not None else instance.expanded_devices.get(device, {})
    changed = {name: each for name, each in base.items() if name != key}
    if value != UNSET:
        changed[key] = value
    return SetInstanceDevice(HOST, instance.name, device, changed, own)
