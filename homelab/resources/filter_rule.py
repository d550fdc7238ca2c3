"""Accepts of our own in iptables, where options do not suffice: Docker up to 27, and a host that drops.

A guest's FORWARD policy becomes DROP whenever dockerd switches forwarding on itself, so the accept is
there for every network that lets somebody in, whatever the policy is at this moment.
An accept counts only while the first rule of its parent jumps to our chain: a rule that somebody put
in front is met before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2s
from typing import Self

from homelab.model.docker import Daemon
from homelab.model.inventory import ContainerNetwork, Ingress, Inventory
from homelab.model.kernel import Namespace
from homelab.model.operation import AddFilterRule, DeleteFilterRule, FilterRule, Operation
from homelab.model.place import HOST, Network, Place, guest, guest_of
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.resources.lab import NAT_UNPROTECTED, local_guests, running_guests
from homelab.resources.saved_rules import USER_CHAIN, chain_policy, has_chain, our_rules

TOOLS = {4: ("iptables-nft", "iptables-legacy"), 6: ("ip6tables-nft", "ip6tables-legacy")}
FIX = "fix-"
"""Start of the purpose of a rule that `diagnose --fix` made: it stays until destroy."""


@dataclass(frozen=True, slots=True)
class OpenFilter(Resource):
    """``effective``: it accepts, and the jump to our chain is the first rule of its parent.

    ``jump`` is the number of that rule; 0: there is none.
    """

    place: Place
    rule: FilterRule
    effective: bool = True
    jump: int = field(default=1, compare=False)

    @property
    def key(self) -> Key:
        return Key("filter rule", f"{self.place} {self.rule.tool} {self.rule.mark}")

    @property
    def guest(self) -> str | None:
        return guest_of(self.place) or self.rule.mark.partition("/")[0]

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        for each, daemon in running_guests(inventory, snapshot):
            for network in each.networks:
                if network.ingress is not Ingress.NONE:
                    yield from cls._in_guest(network, daemon, snapshot)
        for each in local_guests(inventory):
            for network in each.networks:
                yield from cls._in_host(network, snapshot)
        fixes = (each for each in cls.actual(snapshot) if f":{FIX}" in each.rule.mark)
        yield from (replace(each, effective=True, jump=1) for each in fixes)

    @classmethod
    def _in_guest(
        cls, network: ContainerNetwork, daemon: Daemon, snapshot: Snapshot
    ) -> Iterator[Self]:
        place = guest(network.guest)
        here = snapshot.namespace(place)
        if here is None or daemon.major >= NAT_UNPROTECTED:
            return
        for subnet in network.subnets:
            where = _parent(here, subnet.version)
            if where is not None:
                tool, parent = where
                yield cls(place, _accept(tool, parent, network, "in", destination=subnet))

    @classmethod
    def _in_host(cls, network: ContainerNetwork, snapshot: Snapshot) -> Iterator[Self]:
        here = snapshot.host_namespace
        for subnet in network.subnets if here else ():
            where = _parent(here, subnet.version) if here else None
            if where is not None:
                tool, parent = where
                yield cls(HOST, _accept(tool, parent, network, "in", destination=subnet))
                yield cls(HOST, _accept(tool, parent, network, "out", source=subnet))

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        for place, here in snapshot.namespaces.items():
            for ruleset in here.rulesets:
                for rule, effective, jump in our_rules(ruleset):
                    yield cls(place, rule, effective, jump)

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (AddFilterRule(self.place, self.rule, 1 if self.effective else self.jump),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return (DeleteFilterRule(self.place, self.rule),)

    def describe(self) -> str:
        ends = (("from", self.rule.source), ("to", self.rule.destination))
        between = " ".join(f"{word} {end}" for word, end in ends if end)
        where = f"{self.rule.table} {self.rule.parent}"
        return f"accept {between} in {where}" + ("" if self.effective else ", behind other rules")


def _parent(here: Namespace, family: int) -> tuple[str, str] | None:
    """The tool and chain in which an accept counts; None where nothing can drop."""
    for tool in TOOLS[family]:
        if has_chain(here.rulesets, tool, "filter", USER_CHAIN):
            return tool, USER_CHAIN
    for tool in TOOLS[family]:
        if chain_policy(here.rulesets, tool, "filter", "FORWARD") == "DROP":
            return tool, "FORWARD"
    return None


def _accept(
    tool: str,
    parent: str,
    network: ContainerNetwork,
    purpose: str,
    *,
    source: Network | None = None,
    destination: Network | None = None,
) -> FilterRule:
    content = f"{tool} {parent} {source} {destination}"
    digest = blake2s(content.encode(), digest_size=4).hexdigest()
    mark = f"{network.full_name}:{purpose}:{digest}"
    return FilterRule(tool, "filter", parent, mark, source, destination)
