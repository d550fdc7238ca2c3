"""Who may open connections into a network, where that is not everybody: a chain in ``inet homelab``.

A drop is final in netfilter, whatever Docker's own chains accept, so one chain serves every generation
and both families. ``lan`` needs no such chain when ingress is open.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from ipaddress import ip_network
from typing import Any, Self

from homelab.model.inventory import Allow, ContainerNetwork, Ingress, Inventory
from homelab.model.operation import (
    AllowEntry,
    DeleteIngressFilter,
    IngressFilter,
    Operation,
    SetIngressFilter,
)
from homelab.model.place import Place, guest
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import bridge_name, local_guests

TABLE = "homelab"
PREFIX = "homelab:"


@dataclass(frozen=True, slots=True)
class GuardedNetwork(Resource):
    """Equal when the marks are equal: a mark has a digest of all that its chain says."""

    place: Place
    mark: str
    filter: IngressFilter

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GuardedNetwork) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[Place, str]:
        return self.place, self.mark

    @property
    def key(self) -> Key:
        return Key("ingress filter", self.mark.rpartition(":")[0])

    @property
    def guest(self) -> str | None:
        return self.place.partition(":")[2]

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        for each in local_guests(inventory):
            for network in each.networks:
                if network.ingress is not Ingress.OPEN:
                    wanted = _filter(network)
                    yield cls(guest(each.name), wanted.mark, wanted)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, here in snapshot.namespaces.items():
            for ruleset in here.rulesets:
                if ruleset.tool == "nft-json" and place.startswith("guest:"):
                    for there in _chains(ruleset.text):
                        yield cls(place, there.mark, there)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (SetIngressFilter(self.place, self.filter),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (DeleteIngressFilter(self.place, self.filter),)

    def describe(self) -> str:
        who = [_entry_text(each) for each in self.filter.entries]
        return f"lets in {', '.join(who) or 'nobody'}"


def _filter(network: ContainerNetwork) -> IngressFilter:
    entries = tuple(entry for allow in network.allow for entry in _entries(allow))
    bridge = bridge_name(network)
    content = f"{bridge} {[_entry_text(each) for each in entries]}"
    digest = blake2s(content.encode(), digest_size=4).hexdigest()
    return IngressFilter(
        f"ingress-{network.name}", bridge, f"{network.full_name}:{digest}", entries
    )


def _entries(allow: Allow) -> Iterator[AllowEntry]:
    for source in allow.sources:
        if not allow.ports:
            yield AllowEntry(source)
        for port in allow.ports:
            yield AllowEntry(source, port.protocol, (port.first, port.last))


def _entry_text(entry: AllowEntry) -> str:
    if entry.ports is None:
        return str(entry.source)
    first, last = entry.ports
    return f"{entry.source} {first}-{last}/{entry.protocol}"


def _chains(text: str) -> Iterator[IngressFilter]:
    """Our chains in what ``nft -j list ruleset`` printed, with all that is needed to make them again."""
    rules: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(text):
        rule = row.get("rule")
        if not isinstance(rule, dict) or (rule.get("family"), rule.get("table")) != ("inet", TABLE):
            continue
        rules.setdefault(str(rule.get("chain")), []).append(rule)
    for chain, ours in rules.items():
        mark = str(ours[0].get("comment", ""))
        bridge = _value(ours[0], "meta", "iifname")
        if mark.startswith(PREFIX) and isinstance(bridge, str):
            entries = tuple(each for rule in ours if (each := _read_entry(rule)))
            yield IngressFilter(chain, bridge, mark.removeprefix(PREFIX), entries)


def _rows(text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return [each for each in rows if isinstance(each, dict)]


def _value(rule: Mapping[str, Any], kind: str, name: str) -> Any:
    """The right side of the rule's match on one field, or None."""
    for each in rule.get("expr", ()):
        match = each.get("match", {})
        left = match.get("left", {})
        if isinstance(left, dict) and name in left.get(kind, {}).values():
            return match.get("right")
    return None


def _read_entry(rule: Mapping[str, Any]) -> AllowEntry | None:
    source = _value(rule, "payload", "saddr")
    if source is None:
        return None
    prefix = source.get("prefix", {}) if isinstance(source, dict) else {"addr": source}
    network = ip_network(f"{prefix['addr']}/{prefix.get('len', '')}".rstrip("/"))
    port = _value(rule, "payload", "dport")
    if port is None:
        return AllowEntry(network)
    first, last = port["range"] if isinstance(port, dict) else (port, port)
    return AllowEntry(network, _protocol(rule), (int(first), int(last)))


def _protocol(rule: Mapping[str, Any]) -> str | None:
    for each in rule.get("expr", ()):
        payload = each.get("match", {}).get("left", {}).get("payload", {})
        if payload.get("field") == "dport":
            return str(payload.get("protocol"))
    return None
