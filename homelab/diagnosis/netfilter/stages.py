"""What a packet meets at each hook, in order: conntrack, nat, and every base chain by its priority."""

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.diagnosis.netfilter.evaluate import Doubt
from homelab.diagnosis.netfilter.nat import MANIPULATES
from homelab.diagnosis.netfilter.rules import Chain, Ruleset, Table

# NF_IP_PRI_CONNTRACK, _NAT_DST, _NAT_SRC and _CONNTRACK_CONFIRM of netfilter_ipv4.h. All nat chains
# of a hook run where NAT has its place: their own priority only orders them among themselves
# (nf_nat_register_fn in net/netfilter/nf_nat_core.c).
_TRACK = -200
_NAT = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
_CONFIRM = 1 << 31
_TRACKED_LAYERS = frozenset({"ip", "bridge"})
_TRACKED_HOOKS = frozenset({"prerouting", "output"})
_CONFIRMED_HOOKS = frozenset({"input", "postrouting"})
_FAMILIES = {
    ("ip", 4): frozenset({"ip", "inet"}),
    ("ip", 6): frozenset({"ip6", "inet"}),
    ("bridge", 4): frozenset({"bridge"}),
    ("bridge", 6): frozenset({"bridge"}),
    ("netdev", 4): frozenset({"netdev", "inet"}),
    ("netdev", 6): frozenset({"netdev", "inet"}),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """``kind`` is track, nat, confirm or filter; only nat has more than one chain."""

    kind: str
    priority: int
    chains: tuple[tuple[Table, Chain], ...] = ()


class Stages:
    """The stages of one ruleset, sorted once per hook."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._known: dict[tuple[str, int, str], tuple[Stage, ...]] = {}
        self._doubts: dict[tuple[int, str], tuple[Doubt, ...]] = {}

    def at(self, layer: str, version: int, hook: str) -> tuple[Stage, ...]:
        key = (layer, version, hook)
        if key not in self._known:
            # Of equal priority the newest comes first: nf_hook_entries_grow in net/netfilter/core.c.
            stages = [
                *reversed(tuple(self._filters(*key))),
                *(self._tracking(*key) if layer in _TRACKED_LAYERS else ()),
            ]
            self._known[key] = tuple(sorted(stages, key=lambda each: each.priority))
        return self._known[key]

    def doubts(self, version: int, layer: str) -> tuple[Doubt, ...]:
        """What was not read and concerns this packet: sources, and lines of a table."""
        key = (version, layer)
        if key not in self._doubts:
            self._doubts[key] = tuple(self._unread(version, layer))
        return self._doubts[key]

    def _unread(self, version: int, layer: str) -> Iterator[Doubt]:
        for each in self._ruleset.unread.get(version, ()):
            if layer == "ip" or each.source.startswith("nft"):
                yield Doubt(f"{each.source} could not be read: {each.reason}", key=each.source)
        for table in self._tables(layer, version):
            for problem in table.problems:
                yield Doubt(f"{table.tool}: {problem}", key=f"{table.tool}: {problem}")

    def _tables(self, layer: str, version: int) -> Iterator[Table]:
        families = _FAMILIES.get((layer, version), frozenset())
        return (each for each in self._ruleset.tables if each.family in families)

    def _chains(
        self, layer: str, version: int, hook: str
    ) -> Iterator[tuple[Table, Chain, int, str]]:
        for table in self._tables(layer, version):
            for chain in table.base_chains:
                if chain.hook is not None and chain.hook.name == hook:
                    yield table, chain, chain.hook.priority, chain.hook.kind

    def _filters(self, layer: str, version: int, hook: str) -> Iterator[Stage]:
        for table, chain, priority, kind in self._chains(layer, version, hook):
            if kind != "nat":
                yield Stage("filter", priority, ((table, chain),))

    def _tracking(self, layer: str, version: int, hook: str) -> Iterator[Stage]:
        """Conntrack is there when a table asks for it, NAT when any hook has a nat chain."""
        tables = list(self._tables(layer, version))
        if not any(each.tracks for each in tables):
            return
        if hook in _TRACKED_HOOKS:
            yield Stage("track", _TRACK)
        if hook in _CONFIRMED_HOOKS:
            yield Stage("confirm", _CONFIRM)
        kinds = {chain.hook.kind for each in tables for chain in each.base_chains if chain.hook}
        if hook in MANIPULATES and "nat" in kinds:
            chains = reversed(tuple(self._chains(layer, version, hook)))
            found = [each for each in chains if each[3] == "nat"]
            found.sort(key=lambda each: each[2])
            yield Stage("nat", _NAT[hook], tuple((table, chain) for table, chain, *_ in found))
