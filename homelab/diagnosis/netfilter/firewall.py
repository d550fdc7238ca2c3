"""The rules of one namespace, compiled, and the walk of a packet through one hook."""

from collections.abc import Iterable
from functools import partial
from typing import Self

from homelab.diagnosis.netfilter import conntrack
from homelab.diagnosis.netfilter.conclusion import Blamed, Conclusion
from homelab.diagnosis.netfilter.door import Context, Traversal
from homelab.diagnosis.netfilter.evaluate import Doubt, Ending, Walk
from homelab.diagnosis.netfilter.nat import MANIPULATES, bind, rewrite
from homelab.diagnosis.netfilter.owner import docker_bridges
from homelab.diagnosis.netfilter.rules import Chain, Rule, Ruleset, Table
from homelab.diagnosis.netfilter.sources import read
from homelab.diagnosis.netfilter.stages import Stage, Stages
from homelab.diagnosis.packet import Packet
from homelab.model.kernel import Namespace
from homelab.model.place import Place


class Firewall:
    """All rules of one namespace.

    Hooks: prerouting, input, forward, output, postrouting; ``layer`` ip (the IP hooks, conntrack and
    NAT included), bridge (nft's family bridge, on frames of a bridge: ``iif`` and ``oif`` are then
    its ports) or netdev (hooks ingress and egress). A packet that enters another place, or the same
    place again, is first given to ``Packet.arriving()``: its conntrack entry, state and mark stay
    behind.
    """

    def __init__(self, namespace: Namespace, place: Place, ruleset: Ruleset) -> None:
        self.namespace = namespace
        self.place = place
        self.ruleset = ruleset
        self._stages = Stages(ruleset)
        self._blamed = Blamed(ruleset, docker_bridges(ruleset.tables))

    @classmethod
    def compile(cls, namespace: Namespace, place: Place) -> Self:
        return cls(namespace, place, read(namespace))

    def owner(self, rule: Rule) -> str:
        """Who wrote a rule, as far as its names tell."""
        return self._blamed.owner(rule)

    def traverse(self, hook: str, packet: Packet, context: Context, layer: str = "ip") -> Traversal:
        """What becomes of the packet at this hook, in the order of all priorities."""
        conclusion = Conclusion(packet, context.connections, self._blamed)
        for doubt in self._stages.doubts(packet.family, layer):
            conclusion.fork(doubt)
        for stage in self._stages.at(layer, packet.family, hook):
            conclusion.advance(partial(self._pass, stage, hook, context))
        return conclusion.traversal()

    def _pass(self, stage: Stage, hook: str, context: Context, packet: Packet) -> Iterable[Ending]:
        """How the packet leaves one stage of a hook."""
        if packet.is_arp and stage.kind != "filter":
            # nf_ct_bridge_pre in net/bridge/netfilter/nf_conntrack_bridge.c follows IP only.
            return [Ending("accept", packet)]
        if stage.kind == "track":
            loose = self.namespace.sysctls.get("net.netfilter.nf_conntrack_tcp_loose", "1") != "0"
            return self._tracked(conntrack.track(packet, context.connections, loose=loose))
        if stage.kind == "confirm":
            return [Ending("accept", conntrack.confirmed(packet))]
        if stage.kind == "nat":
            return self._translate(stage, hook, context, packet)
        table, chain = stage.chains[0]
        device = context.oif if hook == "egress" else context.iif
        if chain.hook and not chain.hook.hangs_on(device):
            return [Ending("accept", packet)]
        return Walk(table.chains, context).base(chain, packet)

    def _tracked(self, packet: Packet) -> Iterable[Ending]:
        """Where the table is full, a new connection may find no place (early_drop in nf_conntrack_core.c)."""
        entry = packet.connection
        opens = packet.state == "new" and entry is not None and not entry.confirmed
        if opens and conntrack.is_full(self.namespace.sysctls):
            doubt = Doubt("the table of connections is full", key=conntrack.LIMIT)
            return [Ending("accept", packet, doubt=doubt), Ending("drop", packet, None, doubt)]
        return [Ending("accept", packet)]

    def _translate(
        self, stage: Stage, hook: str, context: Context, packet: Packet
    ) -> Iterable[Ending]:
        """Nat chains see the first packet of a connection; the others are rewritten like it."""
        # nf_nat_inet_fn in net/netfilter/nf_nat_core.c
        entry = packet.connection
        if entry is None:
            return [Ending("accept", packet)]
        if packet.state != "new" or MANIPULATES[hook] in entry.bound:
            return [Ending("accept", rewrite(packet, hook))]
        return self._choose(list(stage.chains), hook, context, packet)

    def _choose(
        self, chains: list[tuple[Table, Chain]], hook: str, context: Context, packet: Packet
    ) -> Iterable[Ending]:
        """The first nat chain that translates decides; without one the packet stays as it is."""
        if not chains:
            return [self._bound(Ending("accept", packet), hook, context)]
        (table, chain), rest = chains[0], chains[1:]
        found: list[Ending] = []
        for ending in Walk(table.chains, context).base(chain, packet):
            if ending.verdict != "accept":
                found.append(ending)
            elif ending.translation is not None:
                found.append(self._bound(ending, hook, context))
            else:
                later = self._choose(rest, hook, context, ending.packet)
                found.extend(each.behind(ending.doubt) for each in later)
        return found

    def _bound(self, ending: Ending, hook: str, context: Context) -> Ending:
        wanted = ending.translation
        moved = bind(ending.packet, hook, wanted, context, self.namespace)
        if moved is None:
            doubt = ending.doubt or Doubt("what it translates to cannot be told", ending.rule)
            return ending._replace(doubt=doubt, verdict="unknown")
        return ending._replace(packet=moved)
