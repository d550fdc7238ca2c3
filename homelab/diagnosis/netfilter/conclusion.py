"""The fates of one packet at one hook, gathered stage by stage, and the one answer they add up to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from homelab.diagnosis.netfilter.conntrack import Connections, table
from homelab.diagnosis.netfilter.door import Blame, Traversal
from homelab.diagnosis.netfilter.evaluate import Doubt, Ending, Live
from homelab.diagnosis.netfilter.owner import owner
from homelab.diagnosis.netfilter.rules import Rule, Ruleset
from homelab.diagnosis.packet import Packet

_MOST_PACKETS = 16


@dataclass(frozen=True, slots=True)
class Blamed:
    """Makes a rule into what a cause tells of it."""

    ruleset: Ruleset
    bridges: frozenset[str]
    owners: dict[Rule, str] = field(default_factory=dict)
    """The answers so far: the owner of a policy is looked for in all rules of its chain."""

    def rule(self, rule: Rule, kind: str, text: str) -> Blame:
        return Blame(
            kind=kind,
            text=text,
            family=rule.family,
            table=rule.table,
            chain=rule.chain,
            handle=rule.handle,
            rule=rule.text,
            owner=self.owner(rule),
            tool=rule.tool,
        )

    def owner(self, rule: Rule) -> str:
        if rule not in self.owners:
            self.owners[rule] = self._owner(rule)
        return self.owners[rule]

    def _owner(self, rule: Rule) -> str:
        holders = (
            each.chains.get(rule.chain)
            for each in self.ruleset.tables
            if (each.tool, each.family, each.name) == (rule.tool, rule.family, rule.table)
        )
        return owner(rule, next(holders, None), self.bridges)

    def doubt(self, doubt: Doubt) -> Blame:
        if doubt.rule is None:
            return Blame(kind="unmodelled", text=doubt.what, key=doubt.key)
        rule = doubt.rule
        where = f"{rule.family} {rule.table} {rule.chain}"
        return self.rule(rule, "unmodelled", f"{doubt.what}: {where}: {rule.text}")


class Conclusion:
    """The packets still on their way, and the drops and rejects so far."""

    def __init__(self, packet: Packet, connections: Connections, blamed: Blamed) -> None:
        self._connections = connections
        self._blamed = blamed
        self._live: Live = {packet: None}
        self._ends: list[Ending] = []
        self._notes: list[str] = []

    def fork(self, doubt: Doubt) -> None:
        """Something unread may drop the packet, or not."""
        for packet, before in self._live.items():
            self._ends.append(Ending("drop", packet, None, before or doubt))
            self._live[packet] = before or doubt

    def advance(self, stage: Callable[[Packet], Iterable[Ending]]) -> None:
        """Take every packet that is still here through one stage."""
        after: Live = {}
        for packet, doubt in self._live.items():
            for found in stage(packet):
                ending = found.behind(doubt)
                if ending.verdict == "accept":
                    after.setdefault(ending.packet, ending.doubt)
                    self._note(ending, packet)
                else:
                    self._ends.append(ending)
        if len(after) == 1 and not self._ends:
            after = dict.fromkeys(after)
        self._live = after if len(after) <= _MOST_PACKETS else self._collapsed(after)

    def _collapsed(self, live: Live) -> Live:
        packet, doubt = next((each, doubt) for each, doubt in live.items() if doubt)
        self._ends.append(Ending("unknown", packet, None, doubt))
        return {packet: doubt}

    def _note(self, ending: Ending, before: Packet) -> None:
        rule = ending.rule
        if rule is None or rule.kind == "policy":
            return
        where = f"{rule.family} {rule.table} {rule.chain}"
        self._notes.append(f"{_event(ending, before)} by {where}: {rule.text}")

    def traversal(self) -> Traversal:
        """Definite where all fates agree; else unknown, naming the first doubt."""
        if not self._ends and len(self._live) == 1:
            packet = next(iter(self._live))
            return Traversal(
                "accept", packet, table(self._connections, packet), notes=tuple(self._notes)
            )
        decisive = self._decisive()
        return self._stopped(*decisive) if decisive else self._undecided()

    def _decisive(self) -> tuple[Ending, Rule] | None:
        """Where all fates are the same, the one that needs no doubtful rule; else None."""
        verdicts = {each.verdict for each in self._ends}
        if self._live or len(verdicts) != 1 or "unknown" in verdicts or self._answers_differ():
            return None
        ruled = [(each, each.rule) for each in reversed(self._ends) if each.rule]
        sound = [each for each in ruled if not _hangs_on(each[0])]
        certain = [each for each in sound if each[0].doubt is None]
        return next(iter((*certain[::-1], *sound, *ruled)), None)

    def _answers_differ(self) -> bool:
        """What answers a rejected packet belongs to its connection: another mark there, another fate of the answer."""
        rejected = [each for each in self._ends if each.verdict == "reject"]
        return len({(each.reject, each.packet.connection) for each in rejected}) > 1

    def _stopped(self, ending: Ending, rule: Rule) -> Traversal:
        text = f"{ending.verdict} by {rule.family} {rule.table} {rule.chain}: {rule.text}"
        return Traversal(
            ending.verdict,
            ending.packet,
            self._connections,
            self._blamed.rule(rule, rule.kind, text),
            ending.reject or None,
            tuple(self._notes),
        )

    def _undecided(self) -> Traversal:
        doubts = [each.doubt for each in self._ends] + list(self._live.values())
        doubt = next((each for each in doubts if each), Doubt("nothing is left of the packet"))
        packet = next(iter(self._live), self._ends[0].packet if self._ends else None)
        return Traversal(
            "unknown",
            packet or next(iter(self._live)),
            self._connections,
            self._blamed.doubt(doubt),
            notes=tuple(self._notes),
        )


def _hangs_on(ending: Ending) -> bool:
    return ending.doubt is not None and ending.doubt.rule is ending.rule


def _event(ending: Ending, before: Packet) -> str:
    after = ending.packet
    if ending.translation is None:
        return "accepted"
    if before.destination != after.destination or before.dport != after.dport:
        return f"destination translated to {_end(after.destination, after.dport)}"
    if before.source != after.source or before.sport != after.sport:
        return f"source translated to {_end(after.source, after.sport)}"
    return "translated to what it was"


def _end(address: object, port: int) -> str:
    text = str(address)
    if not port:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"
