"""Who may open connections into a network, where that is not everybody: a chain in ``inet homelab``.

A drop is final in netfilter, whatever Docker's own chains accept, so one chain serves every generation
and both families. ``lan`` needs no such chain when ingress is open.
The table stands in the guest, whose root may write into it: what is not as we write it is not ours.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from ipaddress import ip_network
from typing import Self, TypeAlias

from homelab.model.inventory import Allow, ContainerNetwork, Ingress, Inventory
from homelab.model.operation import (
    AllowEntry,
    DeleteIngressFilter,
    IngressFilter,
    Operation,
    SetIngressFilter,
)
from homelab.model.place import Network, Place, guest
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import bridge_in, local_guests

Row: TypeAlias = Mapping[str, object]

TABLE = "homelab"
EVERYWHERE = {"ipv4": ip_network("0.0.0.0/0"), "ipv6": ip_network("::/0")}

# The names that we write: of a chain, of a bridge, and in a comment.
_CHAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,127}")
_LINK = re.compile(r"[A-Za-z0-9_.:-]{1,15}")
_MARK = re.compile(r"homelab:([A-Za-z0-9_./:-]{1,119})")

FRAME = 3
"""Rules of a chain besides its entries: from the bridge, replies, and the drop."""


@dataclass(frozen=True, slots=True)
class GuardedNetwork(Resource):
    """Equal when the marks are: a mark has a digest of all that its chain says.

    ``rules`` is how many the chain has: somebody who took one out, or put one in, left the mark.
    """

    place: Place
    mark: str
    filter: IngressFilter
    rules: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GuardedNetwork) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[Place, str, int]:
        return self.place, self.mark, self.rules

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
                    wanted = _filter(network, bridge_in(network, snapshot))
                    rules = FRAME + len(wanted.entries)
                    yield cls(guest(each.name), wanted.mark, wanted, rules)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, here in snapshot.namespaces.items():
            for ruleset in here.rulesets:
                if ruleset.tool == "nft-json" and place.startswith("guest:"):
                    for there, rules in _chains(ruleset.text):
                        if place == guest(there.mark.partition("/")[0]):
                            yield cls(place, there.mark, there, rules)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (SetIngressFilter(self.place, self.filter),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (DeleteIngressFilter(self.place, self.filter),)

    def describe(self) -> str:
        who = ", ".join(map(_entry_text, self.filter.entries)) or "nobody"
        is_whole = self.rules == FRAME + len(self.filter.entries)
        return f"lets in {who}" + ("" if is_whole else ", with rules taken out or put in")


def _filter(network: ContainerNetwork, bridge: str) -> IngressFilter:
    entries = tuple(entry for allow in network.allow for entry in _entries(allow))
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


def _chains(text: str) -> Iterator[tuple[IngressFilter, int]]:
    """Our chains in what ``nft -j list ruleset`` printed, each with the number of its rules."""
    rules: dict[str, list[Row]] = {}
    for row in _rows(text):
        rule = row.get("rule")
        if isinstance(rule, dict) and (rule.get("family"), rule.get("table")) == ("inet", TABLE):
            rules.setdefault(str(rule.get("chain")), []).append(rule)
    for chain, ours in rules.items():
        marked = next((each for each in ours if _MARK.fullmatch(str(each.get("comment")))), {})
        mark = _MARK.fullmatch(str(marked.get("comment")))
        fields = _fields(marked)
        bridge = str(fields.get("iifname") or fields.get("oifname"))
        if mark and _CHAIN.fullmatch(chain) and _LINK.fullmatch(bridge):
            entries = tuple(each for rule in ours if (each := _entry(_fields(rule))))
            yield IngressFilter(chain, bridge, mark[1], entries), len(ours)


def _rows(text: str) -> list[Row]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    rows = document.get("nftables") if isinstance(document, dict) else None
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []


def _fields(rule: Row) -> dict[str, object]:
    """What the rule's matches ask: field → value; ``protocol`` is that of the ports."""
    found: dict[str, object] = {}
    expressions = rule.get("expr")
    for each in expressions if isinstance(expressions, list) else ():
        match = _inner(each, "match")
        left = _inner(match, "left")
        field = _inner(left, "payload").get("field") or _inner(left, "meta").get("key")
        found[str(field)] = match.get("right")
        if field == "dport":
            found["protocol"] = _inner(left, "payload").get("protocol")
    return found


def _inner(row: object, key: str) -> Row:
    inner = row.get(key) if isinstance(row, dict) else None
    return inner if isinstance(inner, dict) else {}


def _entry(fields: Row) -> AllowEntry | None:
    """The entry that a rule lets in; None for a rule of another kind."""
    source = _source(fields)
    if source is None or "dport" not in fields:
        return AllowEntry(source) if source else None
    port, protocol = fields["dport"], fields["protocol"]
    span = port.get("range") if isinstance(port, dict) else [port, port]
    if not isinstance(span, list) or [type(each) for each in span] != [int, int]:
        return None
    return AllowEntry(source, str(protocol), (span[0], span[1]))


def _source(fields: Row) -> Network | None:
    """How nft prints it: a lone address as text, and all addresses as a match of the family."""
    if "saddr" not in fields:
        return EVERYWHERE.get(str(fields.get("nfproto")))
    prefix = _inner(fields, "saddr").get("prefix") or {"addr": fields["saddr"]}
    words = [prefix.get("addr"), prefix.get("len")] if isinstance(prefix, dict) else []
    try:
        return ip_network("/".join(str(each) for each in words if each is not None))
    except ValueError:
        return None
