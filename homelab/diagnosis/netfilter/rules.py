"""The one internal form of all rules: steps that a packet meets, in rules, in chains, in tables."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.packet import Packet
from homelab.model.place import Address

Test: TypeAlias = Callable[[Packet, Context], bool | None]
"""True, False, or None when the model cannot tell."""


@dataclass(frozen=True, slots=True)
class Match:
    """The rule goes on when the test holds, and is left when it does not.

    ``asks`` is what it asks in its tool's words, without values: ``-m limit``, ``ct avgpkt``.
    """

    test: Test
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The packet (its mark, its connection's mark, its tracking) is changed; None: nobody can tell."""

    change: Callable[[Packet, Context], Packet | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``word`` is accept, drop, reject, return, continue, jump or goto; ``reject`` names the answer.

    A ``reject`` without family (``port-unreachable``) is answered in the packet's own family.
    """

    word: str
    chain: str = ""
    reject: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A verdict map: every verdict that is possible for the packet, None among them for no match."""

    pick: Callable[[Packet, Context], tuple[Verdict | None, ...]]


@dataclass(frozen=True, slots=True)
class Translation:
    """What a nat rule asks for.

    ``kind`` is dnat, snat, masquerade, redirect or netmap-dst and netmap-src (``low`` is then the
    first address and ``high`` the last of the net).
    """

    kind: str
    low: Address | None = None
    high: Address | None = None
    port: int | None = None
    last_port: int | None = None


@dataclass(frozen=True, slots=True)
class Translate:
    """A nat statement; ``find`` gives None when what it asks for cannot be told."""

    find: Callable[[Packet, Context], Translation | None]


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that may do anything with the packet; ``what`` names it.

    ``turns`` is what it may make of the packet where that goes on as another one.
    """

    what: str
    turns: Callable[[Packet], Packet] | None = field(default=None, compare=False)


Step: TypeAlias = Match | Change | Verdict | Choice | Translate | Opaque
Compile: TypeAlias = Callable[[], tuple[Step, ...]]


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule, or a chain's policy (``kind`` policy), as its tool prints it in ``text``.

    Its steps are compiled when the first packet meets it, and kept.
    """

    tool: str
    family: str
    table: str
    chain: str
    index: int
    text: str
    compile: Compile = field(repr=False)
    handle: int | None = None
    kind: str = "rule"
    comment: str = ""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return self.compile()

    @cached_property
    def gate(self) -> Test | None:
        """The first test, which most packets do not pass."""
        first = self.steps[0] if self.steps else None
        return first.test if isinstance(first, Match) else None


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a base chain hangs; ``devices`` only in family netdev and for ingress and egress."""

    name: str
    kind: str
    priority: int
    devices: tuple[str, ...] = ()

    def hangs_on(self, device: str | None) -> bool:
        """Whether the chain sees packets of that device; a name may end in a star."""
        return not self.devices or any(
            device == each or (each.endswith("*") and (device or "").startswith(each[:-1]))
            for each in self.devices
        )


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain; a base chain has a hook, and a policy."""

    name: str
    rules: tuple[Rule, ...] = ()
    hook: Hook | None = None
    policy: Rule | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """One table of one tool. ``problems`` are the lines that could not be read at all."""

    tool: str
    family: str
    name: str
    chains: Mapping[str, Chain]
    problems: tuple[str, ...] = ()

    @cached_property
    def base_chains(self) -> tuple[Chain, ...]:
        return tuple(each for each in self.chains.values() if each.hook is not None)

    @cached_property
    def tracks(self) -> bool:
        """Some rule needs conntrack; a nat chain alone does not switch it on."""
        # nf_ct_netns_get() is called by the expressions and targets themselves.
        rules = (rule for chain in self.chains.values() for rule in chain.rules)
        return any(_TRACKING.search(rule.text) for rule in rules)


@dataclass(frozen=True, slots=True)
class Unread:
    """A source of rules that exists and was not understood: whatever it says may hold."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All tables of one namespace; ``unread`` by IP version (4, 6)."""

    tables: tuple[Table, ...] = ()
    unread: Mapping[int, tuple[Unread, ...]] = field(default_factory=dict)

    def problems(self) -> Iterable[str]:
        return (each for table in self.tables for each in table.problems)


_TRACKING = re.compile(
    r"-m (?:conn\w+|state|helper) |-j (?:DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP|CONN\w+|SYNPROXY)\b"
    r"|-j CT --(?!notrack)|\b(?:ct|dnat|snat|masquerade|redirect|synproxy)\b"
    # What nft tells of an extension of iptables: its name, and of an empty one nothing.
    r"|\btarget \"?(?:DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP|CONN\w+|CT|SYNPROXY|untold)\b"
    r"|\bmatch \"?(?:conn\w+|state|helper)\b"
)
