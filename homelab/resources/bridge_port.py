"""VLANs of a bridge's ports, and of the bridge itself; their mark is the word ``port`` in the alias of that link.

The kernel has no room for a mark at a row of ``bridge vlan``. So the link's alias says which VLANs are homelab's there,
and what each of them was before: ``port=+,20:-,1:up``: it was no port of any bridge (``+``), it was not in VLAN 20, and VLAN
1 was the one of its untagged frames. The alias lives as long as those rows do. A row that was right before is not ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeAlias

from homelab.model.host_links import DeclaredPort
from homelab.model.inventory import Host, Inventory
from homelab.model.kernel import BridgeVlan, Link, Namespace
from homelab.model.operation import Operation, SetPort
from homelab.model.place import HOST
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.model.wires import PORT, PortState, flat, marks, spelled, unspelled, with_mark
from homelab.resources.lab import local_host
from homelab.resources.wiring import (
    alias_of,
    bridges_of,
    in_the_alias,
    is_made,
    link_called,
    unfit,
    unreadable,
)

Rows: TypeAlias = tuple[tuple[int, str], ...]
"""VLAN id and how the row is spelled, sorted."""


@dataclass(frozen=True, slots=True)
class BridgePort(Resource):
    """``rows`` are those that are ours, ``was`` what each of them was; ``plugged``: it was no port before.

    ``made``: the inventory has the link, or the bridge, made.
    """

    bridge: str
    link: str
    rows: Rows
    was: Rows
    plugged: bool = False
    made: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def key(self) -> Key:
        return Key("bridge port", self.link)

    @property
    def guest(self) -> str | None:
        return None

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        host = local_host(inventory)
        ours = {each.link: each for each in cls.actual(snapshot)}
        for bridge in bridges_of(host):
            for port in bridge.ports:
                owned = ours.get(port.link)
                found = _wanted(inventory, snapshot, bridge.name, port, owned)
                if host is not None and (found.plugged or found.rows):
                    yield cls(*found.fields, _made(host, bridge.name, port.link))

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        here = snapshot.host_namespace
        for each in here.links if here else ():
            mark = marks(each.alias).words.get(PORT)
            if mark is not None:
                was = dict(_parsed(mark))
                now = {row.first: row for row in flat(each.vlans)}
                rows = tuple((vlan, spelled(now.get(vlan))) for vlan in sorted(was))
                bridge = _bridge_of(here, each) or ""
                yield cls(bridge, each.name, rows, _sorted(was), mark.startswith("+"))

    @property
    def fields(self) -> tuple[str, str, Rows, Rows, bool]:
        return self.bridge, self.link, self.rows, self.was, self.plugged

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        yield from unreadable(snapshot)
        yield from unfit(snapshot, "vlan_filtering")
        here = snapshot.host_namespace
        found, bridge = link_called(here, self.link), link_called(here, self.bridge)
        yield from in_the_alias(found, self._alias(snapshot))
        if here is None:
            return
        if bridge is not None and bridge.options.get("vlan_filtering") != "1":
            yield (
                f"host: {self.bridge} does not filter VLANs; `ip link set dev {self.bridge} type bridge "
                "vlan_filtering 1` puts every port into VLAN 1 first, and where it is configured"
            )
        if found is None and self.link not in self.made:
            yield f"host: there is no link {self.link} for bridge {self.bridge}; see ip link"
        elif found is not None and self.link != self.bridge:
            yield from self._unplugged(here, found)

    def _unplugged(self, here: Namespace, found: Link) -> Iterator[str]:
        """Why it cannot become a port."""
        master = _bridge_of(here, found)
        if master not in (None, self.bridge):
            yield (
                f"host: {self.link} is a port of {master}; `ip link set dev {self.link} nomaster`, "
                "and where it is configured"
            )
        if not found.up:
            yield (
                f"host: {self.link} is down; `ip link set dev {self.link} up`, and where it is configured"
            )
        addresses = [str(each.interface) for each in here.addresses if each.link == self.link]
        shown = [each for each in addresses if not each.startswith("fe80:")]
        if master is None and shown:
            yield (
                f"host: {self.link} has {', '.join(shown)}, and a port hears nothing for itself; "
                f"move it to {self.bridge} or a VLAN link on it first"
            )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (SetPort(HOST, self._set(_state(snapshot, self), snapshot), _state(snapshot, self)),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        now = _state(snapshot, self)
        return (SetPort(HOST, self._restored(now), now),)

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        now = _state(snapshot, old)
        back = old._restored(now)
        fresh = replace(back, bridge=now.bridge if old.plugged else back.bridge, vlans=back.vlans)
        return (SetPort(HOST, self._set(fresh, snapshot), now),)

    def _set(self, state: PortState, snapshot: Snapshot) -> PortState:
        rows = {each.first: each for each in state.vlans}
        for vlan, text in self.rows:
            row = unspelled(vlan, text)
            rows = {each: old for each, old in rows.items() if each != vlan}
            rows |= {vlan: row} if row else {}
        alias = self._alias(snapshot)
        return PortState(self.link, self.bridge, _values(rows), alias, state.arrival)

    def _restored(self, state: PortState) -> PortState:
        alias = with_mark(state.alias, PORT, None)
        if self.plugged:
            return PortState(self.link, None, (), alias, state.arrival)
        rows: dict[int, BridgeVlan | None] = {each.first: each for each in state.vlans}
        rows |= {vlan: unspelled(vlan, text) for vlan, text in self.was}
        kept = {vlan: each for vlan, each in rows.items() if each is not None}
        return replace(state, vlans=_values(kept), alias=alias)

    def _alias(self, snapshot: Snapshot) -> str:
        said = [*(["+"] if self.plugged else []), *(f"{vlan}:{text}" for vlan, text in self.was)]
        return with_mark(alias_of(snapshot, self.link), PORT, ",".join(said))

    def describe(self) -> str:
        words = {"t": "tagged", "tp": "tagged, PVID", "up": "untagged", "u": "untagged, no PVID"}
        said = ", ".join(f"VLAN {vlan} {words.get(text, 'none')}" for vlan, text in self.rows)
        return f"{self.bridge}: {said or 'no VLAN'}"


def _wanted(
    inventory: Inventory,
    snapshot: Snapshot,
    bridge: str,
    port: DeclaredPort,
    owned: BridgePort | None,
) -> BridgePort:
    """What has to be ours: rows that are not right by themselves, and those that are ours already."""
    here = snapshot.host_namespace
    found = link_called(here, port.link)
    is_port = port.link == bridge or (found is not None and _bridge_of(here, found) == bridge)
    now = {each.first: spelled(each) for each in flat(found.vlans)} if found and is_port else {}
    before = dict(owned.was) if owned else {}
    wanted = _declared(inventory, port)
    plugged = owned.plugged if owned else not is_port
    taken = {} if plugged else _without_pvid({**now, **before}, wanted)
    ours = {
        vlan: text
        for vlan, text in {**taken, **wanted}.items()
        if plugged or vlan in before or now.get(vlan, "-") != text
    }
    was = {vlan: before.get(vlan, now.get(vlan, "-")) for vlan in ours}
    if plugged:
        was = dict.fromkeys(ours, "-")
    return BridgePort(bridge, port.link, _sorted(ours), _sorted(was), plugged)


def _declared(inventory: Inventory, port: DeclaredPort) -> dict[int, str]:
    ids = {name: vlan.id for name in port.tagged if (vlan := inventory.vlan(name))}
    rows = dict.fromkeys(ids.values(), "t")
    native = inventory.vlan(port.untagged)
    return rows | ({native.id: "up"} if native else {})


def _without_pvid(rows: Mapping[int, str], wanted: Mapping[int, str]) -> dict[int, str]:
    """Rows of others that are no PVID any more, since another one shall be."""
    if "up" not in wanted.values():
        return {}
    return {
        vlan: text.removesuffix("p")
        for vlan, text in rows.items()
        if text.endswith("p") and vlan not in wanted
    }


def _state(snapshot: Snapshot, port: BridgePort) -> PortState:
    """The link as it is, or will be when the plan comes to its VLANs."""
    here = snapshot.host_namespace
    found, bridge = link_called(here, port.link), link_called(here, port.bridge)
    default = bridge.options.get("vlan_default_pvid", "0") if bridge else "0"
    arrival = int(default) if default.isdecimal() else 0
    master = _bridge_of(here, found) if found else None
    if port.link == port.bridge:
        master = port.link
    rows = flat(found.vlans) if found and master else ()
    return PortState(port.link, master, rows, alias_of(snapshot, port.link), arrival)


def _bridge_of(here: Namespace | None, link: Link) -> str | None:
    if link.kind == "bridge" and link.master is None:
        return link.name
    links = here.links if here else ()
    return next((each.name for each in links if each.index == link.master), None)


def _parsed(mark: str) -> Iterator[tuple[int, str]]:
    for each in mark.split(","):
        vlan, _, text = each.partition(":")
        if vlan.isdecimal() and text in ("-", "t", "tp", "u", "up"):
            yield int(vlan), text


def _sorted(rows: Mapping[int, str]) -> Rows:
    return tuple(sorted(rows.items()))


def _values(rows: Mapping[int, BridgeVlan]) -> tuple[BridgeVlan, ...]:
    return tuple(rows[vlan] for vlan in sorted(rows))


def _made(host: Host, *names: str) -> frozenset[str]:
    return frozenset(each for each in names if is_made(host, each))
