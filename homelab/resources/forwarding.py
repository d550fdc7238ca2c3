"""Forwarding, live: in the host and in every guest with container networks.

The kernel forwards IPv4 when ``conf.IFACE.forwarding`` of the input interface is set, which
``net.ipv4.ip_forward`` sets for all; IPv6 by ``conf.all.forwarding`` (ip-sysctl in the kernel's documentation).
A host's value is kept, and marked, in a file of our own; a guest's is kept by LXD (see instance.py).
Switching IPv6 forwarding on makes a link ignore router advertisements unless accept_ra is 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

from homelab.model.inventory import Inventory
from homelab.model.kernel import Namespace
from homelab.model.lxc import MARK, typed_key
from homelab.model.operation import (
    ForgetSysctl,
    KeepSysctl,
    Operation,
    SetInstanceConfig,
    SetSysctl,
)
from homelab.model.place import HOST, Place, guest, guest_of
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import local_guests

KEYS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
WAS = f"{MARK}was.sysctl."


@dataclass(frozen=True, slots=True)
class Forwarding(Resource):
    """One sysctl that we set; ``was`` is what it was before."""

    place: Place
    setting: str
    value: str
    was: str

    @property
    def key(self) -> Key:
        return Key("forwarding", f"{self.place} {self.setting}")

    @property
    def guest(self) -> str | None:
        return guest_of(self.place)

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        families: dict[Place, set[Literal[4, 6]]] = {}
        for each in local_guests(inventory):
            versions = {subnet.version for network in each.networks for subnet in network.subnets}
            families.setdefault(guest(each.name), set()).update(versions)
            families.setdefault(HOST, set()).update(versions)
        ours = {each.key: each for each in cls.actual(snapshot)}
        for place, versions in sorted(families.items()):
            here = snapshot.namespace(place)
            for setting, value in _settings(here, versions) if here else ():
                now = here.sysctls.get(setting, "0") if here else "0"
                owned = ours.get(Key("forwarding", f"{place} {setting}"))
                if owned is not None or now != value:
                    yield cls(place, setting, value, owned.was if owned else now)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        host = snapshot.host_namespace
        for setting, (value, was) in sorted(snapshot.kept_sysctls.items()):
            now = host.sysctls.get(setting, value) if host else value
            yield cls(HOST, setting, now, was)
        for instance in snapshot.runtime.instances if snapshot.runtime else ():
            here = snapshot.namespace(guest(instance.name))
            for key, was in sorted(instance.config.items()):
                if key.startswith(WAS) and here is not None:
                    setting = key.removeprefix(WAS)
                    yield cls(guest(instance.name), setting, here.sysctls.get(setting, ""), was)

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        """Plain LXC and Proxmox have no place for a mark, so what is set in a guest stays its owner's."""
        if self.place != HOST and snapshot.is_plain:
            name = guest_of(self.place) or ""
            typed = typed_key(snapshot.runtime, name, f"linux.sysctl.{self.setting}", self.value)
            yield (
                f"guest {name}: {self.setting} is {self._now(snapshot)}, and no API keeps it; "
                f"`{typed}`, and start the guest again"
            )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        now = self._now(snapshot)
        return (*self._mark(), SetSysctl(self.place, self.setting, self.value, now))

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        now = self._now(snapshot)
        back = SetSysctl(self.place, self.setting, self.was, now)
        return (back, *self._unmark(now)) if now != self.was else self._unmark(now)

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (SetSysctl(self.place, self.setting, self.value, self._now(snapshot)),)

    def describe(self) -> str:
        return f"{self.setting} = {self.value}"

    def _now(self, snapshot: Snapshot) -> str:
        here = snapshot.namespace(self.place)
        return here.sysctls.get(self.setting, self.was) if here else self.was

    def _mark(self) -> tuple[Operation, ...]:
        if self.place == HOST:
            return (KeepSysctl(HOST, self.setting, self.value, self.was),)
        key = WAS + self.setting
        return (SetInstanceConfig(HOST, self.guest or "", {key: self.was}, {key: None}),)

    def _unmark(self, now: str) -> tuple[Operation, ...]:
        if self.place == HOST:
            return (ForgetSysctl(HOST, self.setting, self.value, self.was),)
        key = WAS + self.setting
        return (SetInstanceConfig(HOST, self.guest or "", {key: None}, {key: self.was}),)


def _settings(here: Namespace, families: set[Literal[4, 6]]) -> Iterator[tuple[str, str]]:
    """What has to be set, accept_ra before the forwarding that would switch it off."""
    if 6 in families:
        advertised = {
            hop.link
            for each in here.routes
            if each.destination.version == 6 and each.destination.prefixlen == 0
            for hop in each.hops
            if each.protocol in ("9", "ra")
        }
        for link in sorted(filter(None, advertised)):
            yield f"net.ipv6.conf.{link}.accept_ra", "2"
    for family in sorted(families):
        yield KEYS[family], "1"
