"""What Docker in LXC needs of its guest, kept by LXD or Incus: nesting, and forwarding from the start.

For every key K that we set, ``user.homelab.was.K`` has the value before, ``unset`` when there was none:
that is the mark, and what delete restores. A value that was right before is not ours and is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from homelab.model.inventory import Guest, Inventory
from homelab.model.lxc import MARK, Instance
from homelab.model.operation import Operation, RestartInstance, SetInstanceConfig
from homelab.model.place import HOST
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.kept_filter import has_hooks, hook
from homelab.resources.lab import local_guests

WAS = f"{MARK}was."
SYSCTL = "sysctl."
DEVICE = "device."
"""Marks that start so, behind ``WAS``, belong to other kinds."""

UNSET = "unset"
NESTING = "security.nesting"
RAW = "raw.lxc"
FORWARD = {
    4: "linux.sysctl.net.ipv4.ip_forward",
    6: "linux.sysctl.net.ipv6.conf.all.forwarding",
}


@dataclass(frozen=True, slots=True)
class GuestSetting(Resource):
    """One configuration key of a guest.

    ``restart``: the guest may be restarted for it; else it takes effect at the guest's next start.
    """

    name: str
    setting: str
    value: str
    was: str
    restart: bool = field(default=True, compare=False)

    @property
    def key(self) -> Key:
        return Key("guest setting", f"{self.name} {self.setting}")

    @property
    def guest(self) -> str | None:
        return self.name

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        if snapshot.is_plain:
            return
        ours = {each.key: each for each in cls.actual(snapshot)}
        for each in local_guests(inventory):
            instance = snapshot.instance(each.name)
            if instance is None or not each.networks:
                continue
            for setting, value in (*_settings(each), *_hooks(each, instance, snapshot)):
                owned = ours.get(Key("guest setting", f"{each.name} {setting}"))
                if owned is not None or instance.expanded_config.get(setting) != value:
                    was = owned.was if owned else instance.config.get(setting, UNSET)
                    yield cls(each.name, setting, value, was, each.restart)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for instance in snapshot.runtime.instances if snapshot.runtime else ():
            for key, was in sorted(instance.config.items()):
                setting = key.removeprefix(WAS)
                if key.startswith(WAS) and not setting.startswith((SYSCTL, DEVICE)):
                    yield cls(instance.name, setting, instance.config.get(setting, UNSET), was)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (self._mark(None, self.was), *self._set(snapshot))

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (self._change(self.was, snapshot), self._mark(self.was, None))

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return self._set(snapshot)

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        if not self._restart(snapshot):
            return None
        return f"guest {self.name} restarts for {self.setting}: its containers are down for some seconds"

    def describe(self) -> str:
        late = "" if self.restart or self._is_live else ", from the guest's next start on"
        return f"{self.setting} = {self.value}{late}"

    @property
    def _is_live(self) -> bool:
        """Forwarding and filters are set in the running guest as well (forwarding.py, ingress_filter.py)."""
        return self.setting in (*FORWARD.values(), RAW)

    def _mark(self, before: str | None, now: str | None) -> Operation:
        key = WAS + self.setting
        return SetInstanceConfig(HOST, self.name, {key: now}, {key: before})

    def _set(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (self._change(self.value, snapshot), *self._restart(snapshot))

    def _change(self, value: str, snapshot: Snapshot) -> Operation:
        instance = snapshot.instance(self.name)
        now = instance.config.get(self.setting) if instance else None
        new = None if value == UNSET else value
        return SetInstanceConfig(HOST, self.name, {self.setting: new}, {self.setting: now})

    def _restart(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        instance = snapshot.instance(self.name)
        if instance is None or not instance.is_running or not self.restart or self._is_live:
            return ()
        return (RestartInstance(HOST, self.name),)


def _settings(wanted: Guest) -> Iterator[tuple[str, str]]:
    yield NESTING, "true"
    families = {subnet.version for network in wanted.networks for subnet in network.subnets}
    yield from ((FORWARD[family], "1") for family in sorted(families))


def _hooks(wanted: Guest, instance: Instance, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """A line of ours behind those that are there, of a profile too: an instance's own value hides it."""
    line = hook(wanted)
    if line is not None and has_hooks(snapshot):
        there = instance.expanded_config.get(RAW, "").splitlines()
        yield RAW, "\n".join([*(each for each in there if each != line), line])
