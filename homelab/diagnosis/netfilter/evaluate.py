"""The walk of a packet through one base chain, with three values.

A match that nobody can tell is taken both ways. Packets that are equal afterwards go on as one, so that
the work grows with the rules and not with the ways through them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.rules import (
    Chain,
    Change,
    Choice,
    Match,
    Opaque,
    Rule,
    Translate,
    Translation,
    Verdict,
)
from homelab.diagnosis.packet import Connection, Packet

_MOST_PACKETS = 16
_DEEPEST = 48
"""The kernel allows 16 jumps (NFT_JUMP_STACK_SIZE); a file may hold more than the kernel took."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a fate hangs on: a rule, or a source (``key``) that could not be read."""

    what: str
    rule: Rule | None = None
    key: str | None = None


Live: TypeAlias = dict[Packet, Doubt | None]
"""The packets that may be here, each with the first doubt on its way."""


class Ending(NamedTuple):
    """One way to leave a base chain: accept, drop or reject, by this rule or policy."""

    verdict: str
    packet: Packet
    rule: Rule | None = None
    doubt: Doubt | None = None
    reject: str = ""
    translation: Translation | None = None

    def behind(self, doubt: Doubt | None) -> "Ending":
        """The same end after an earlier doubt."""
        return self if doubt is None else self._replace(doubt=doubt)


Way: TypeAlias = tuple[str, str, Packet | Connection | None, Translation | None, bool]


@dataclass(slots=True)
class Ends:
    """All ways to leave a chain: ``through`` its end or a return, or by a verdict."""

    through: Live = field(default_factory=dict)
    endings: dict[Way, Ending] = field(default_factory=dict)

    def add(self, ending: Ending) -> None:
        """Keep one ending of a kind: of drops the last, as it stands when doubts are False."""
        way = (
            ending.verdict,
            ending.reject,
            _goes_on(ending),
            ending.translation,
            ending.doubt is None,
        )
        before = self.endings.get(way)
        self.endings[way] = ending._replace(doubt=before.doubt) if before else ending


def _goes_on(ending: Ending) -> Packet | Connection | None:
    """What is left of the packet: itself, or the connection to which the answer to a rejected one belongs."""
    if ending.verdict == "accept":
        return ending.packet
    return ending.packet.connection if ending.verdict == "reject" else None


class Walk:
    """The walk through the chains of one table, for one context."""

    def __init__(self, chains: Mapping[str, Chain], context: Context) -> None:
        self._chains = chains
        self._context = context
        self._memo: dict[tuple[str, Packet, int | None], Ends | None] = {}
        self._depth = 0

    def base(self, chain: Chain, packet: Packet) -> Iterable[Ending]:
        """How the packet leaves a base chain; what falls off its end meets the policy."""
        ends = self._chain(chain, packet)
        if chain.policy is not None:
            for each, doubt in ends.through.items():
                self._rule(chain.policy, each, doubt, ends, {})
        return ends.endings.values()

    def _chain(self, chain: Chain, packet: Packet) -> Ends:
        ends = Ends()
        live: Live = {packet: None}
        for rule in chain.rules:
            gate = rule.gate
            if gate and len(live) == 1 and gate(next(iter(live)), self._context) is False:
                continue
            after: Live = {}
            for each, doubt in live.items():
                self._rule(rule, each, doubt, ends, after)
            live = after
            if len(live) > _MOST_PACKETS:
                live = _collapsed(live, rule, ends)
            if not live:
                break
        for each, doubt in live.items():
            ends.through.setdefault(each, doubt)
        return ends

    def _rule(
        self, rule: Rule, packet: Packet, doubt: Doubt | None, ends: Ends, after: Live
    ) -> None:
        """One packet meets one rule; ``after`` takes what goes on to the next."""
        mine = Ends()
        goes_on: Live = {}
        self._steps(rule, packet, mine, goes_on)
        if not mine.endings and not mine.through and len(goes_on) == 1:
            goes_on = dict.fromkeys(goes_on)
        for each, found in goes_on.items():
            after.setdefault(each, doubt or found)
        for each, found in mine.through.items():
            ends.through.setdefault(each, doubt or found)
        for ending in mine.endings.values():
            ends.add(ending.behind(doubt))

    def _steps(self, rule: Rule, packet: Packet, ends: Ends, goes_on: Live) -> None:
        doubt: Doubt | None = None
        for step in rule.steps:
            if isinstance(step, Match):
                holds = step.test(packet, self._context)
                if holds is None:
                    doubt = doubt or Doubt(
                        f"whether {step.asks or 'it'} matches cannot be told", rule
                    )
                if not holds:
                    goes_on.setdefault(packet, doubt)
                if holds is False:
                    return
            elif isinstance(step, Change):
                changed = step.change(packet, self._context)
                if changed is None:
                    doubt = doubt or Doubt("what it sets cannot be told", rule)
                    self._anything(rule, packet, doubt, ends, goes_on)
                    return
                packet = changed
            else:
                self._decide(rule, step, (packet, doubt), ends, goes_on)
                return
        goes_on.setdefault(packet, doubt)

    def _decide(
        self,
        rule: Rule,
        step: Verdict | Choice | Translate | Opaque,
        here: tuple[Packet, Doubt | None],
        ends: Ends,
        goes_on: Live,
    ) -> None:
        """The step that ends the rule: a verdict, a choice of verdicts, a translation."""
        packet, doubt = here
        if isinstance(step, Verdict):
            self._verdict(rule, step, here, ends, goes_on)
        elif isinstance(step, Choice):
            picked = step.pick(packet, self._context)
            if len(picked) > 1:
                doubt = doubt or Doubt("which element matches cannot be told", rule)
            for each in dict.fromkeys(picked):
                self._verdict(rule, each or _CONTINUE, (packet, doubt), ends, goes_on)
        elif isinstance(step, Translate):
            found = step.find(packet, self._context)
            if found is None:
                doubt = doubt or Doubt("what it translates to cannot be told", rule)
                self._anything(rule, packet, doubt, ends, goes_on)
            elif found.kind == "none":
                goes_on.setdefault(packet, doubt)
            else:
                ends.add(Ending("accept", packet, rule, doubt, translation=found))
        else:
            doubt = doubt or Doubt(step.what, rule)
            self._anything(rule, packet, doubt, ends, goes_on)
            if step.turns is not None:
                goes_on.setdefault(step.turns(packet), doubt)

    def _anything(
        self, rule: Rule, packet: Packet, doubt: Doubt, ends: Ends, goes_on: Live
    ) -> None:
        """The rule may drop the packet, accept it, or let it go on."""
        ends.add(Ending("drop", packet, rule, doubt))
        ends.add(Ending("accept", packet, rule, doubt))
        goes_on.setdefault(packet, doubt)

    def _verdict(
        self,
        rule: Rule,
        step: Verdict,
        here: tuple[Packet, Doubt | None],
        ends: Ends,
        goes_on: Live,
    ) -> None:
        packet, doubt = here
        if step.word == "return":
            ends.through.setdefault(packet, doubt)
        elif step.word == "continue":
            goes_on.setdefault(packet, doubt)
        elif step.word in {"jump", "goto"}:
            self._jump(rule, step, here, ends, goes_on)
        else:
            ends.add(Ending(step.word, packet, rule, doubt, _answer(step.reject, packet)))

    def _jump(
        self,
        rule: Rule,
        step: Verdict,
        here: tuple[Packet, Doubt | None],
        ends: Ends,
        goes_on: Live,
    ) -> None:
        """What falls off the other chain comes back behind a jump, and leaves this chain after a goto."""
        packet, doubt = here
        target = self._chains.get(step.chain)
        found = self._enter(target, packet) if target else None
        if found is None:
            why = (
                "jumps in a circle, or too deep" if target else "jumps to a chain that is not there"
            )
            self._anything(rule, packet, doubt or Doubt(why, rule), ends, goes_on)
            return
        back = goes_on if step.word == "jump" else ends.through
        for each, other in found.through.items():
            back.setdefault(each, doubt or other)
        for ending in found.endings.values():
            ends.add(ending.behind(doubt))

    def _enter(self, chain: Chain, packet: Packet) -> Ends | None:
        """The ends of a chain for this packet, kept; None for a circle: it is in the chain already."""
        key = (chain.name, packet, packet.mss)
        if key in self._memo:
            return self._memo[key]
        if self._depth >= _DEEPEST:
            return None
        self._memo[key] = None
        self._depth += 1
        ends = self._memo[key] = self._chain(chain, packet)
        self._depth -= 1
        return ends


_CONTINUE = Verdict("continue")


def _collapsed(live: Live, rule: Rule, ends: Ends) -> Live:
    """Too many different packets to follow: the first goes on, and anything may become of it."""
    doubt = Doubt("too many ways lead through it", rule)
    packet = next(iter(live))
    ends.add(Ending("drop", packet, rule, doubt))
    ends.add(Ending("accept", packet, rule, doubt))
    return {packet: doubt}


_ANSWERS = {
    4: {"no-route": "net-unreachable", "addr-unreachable": "host-unreachable"},
    6: {"admin-prohibited": "adm-prohibited", "host-unreachable": "addr-unreachable"},
}


def _answer(word: str, packet: Packet) -> str:
    """The answer's full name, where the rule leaves the family to the packet."""
    if not word or word.startswith(("tcp-", "icmp")):
        return word
    prefix = "icmp-" if packet.family == 4 else "icmp6-"
    return prefix + _ANSWERS[packet.family].get(word, word)
