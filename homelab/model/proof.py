"""A real packet beside the model: what it met, and what the kernels on its way have counted of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from homelab.model.place import Address, Place
from homelab.model.trace import Target, Trace

KERNEL = "kernel"
"""Counters of /proc/net/snmp, snmp6 and netstat."""

LINK = "link"
"""Packets that a link has received (``in eth0``) or sent (``out eth0``)."""


class Counter(NamedTuple):
    """One counter of one place: ``source`` is link, kernel, or the tool that prints the rule.

    ``name`` is the rule as iptables-save prints it, behind its table (``filter: -P FORWARD DROP``), or
    family, table, chain and handle of a rule of nft.
    """

    at: Place
    source: str
    name: str


Counts: TypeAlias = Mapping[Counter, int]
"""A counter that could not be read is not there."""


class Wanted(NamedTuple):
    """What to read in one place: a table of a tool (nft: all of them); links and kernel where it is ""."""

    at: Place
    source: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """From where a real packet is sent: a socket of a place.

    Or, with ``source``, a packet that is written by hand onto ``link`` of the place, for ``mac`` at the
    link's other end.
    """

    place: Place
    link: str | None = None
    mac: str | None = None
    source: Address | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How far a counter rose while ``sent`` probes were sent that had to pass it."""

    counter: Counter
    before: int
    after: int
    sent: int

    @property
    def counted(self) -> bool:
        """Whether all of them can be in it; other packets may be, too."""
        return self.after - self.before >= self.sent

    def __str__(self) -> str:
        what = {LINK: f"packets {self.counter.name}", KERNEL: f"the kernel's {self.counter.name}"}
        named = what.get(self.counter.source, f"the counter of {self.counter.name}")
        stood = f"went from {self.before} to {self.after}"
        moved = stood if self.after != self.before else f"stayed at {self.before}"
        probes = "1 probe was" if self.sent == 1 else f"{self.sent} probes were"
        return f"{self.counter.at}: {named} {moved} while {probes} sent"


@dataclass(frozen=True, slots=True)
class Evidence:
    """``cause`` is the counter of what the model says ended the packet; ``way`` those of each step.

    ``way`` is in the order of the path, and ends with the first one that did not count the probes.
    """

    cause: Count | None = None
    way: tuple[Count, ...] = ()

    @property
    def last(self) -> Count | None:
        """Where the packets were last counted."""
        seen = [each for each in self.way if each.counted]
        return seen[-1] if seen else None

    @property
    def missing(self) -> Count | None:
        """The first step that did not count them."""
        return next((each for each in self.way if not each.counted), None)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the second witness shall see: ``count`` probes of a sender, in the places on their way."""

    sender: Sender
    target: Target
    source: Address | None
    places: tuple[Place, ...]
    count: int = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One line of ``nft monitor trace``: what a packet met in one chain, and the verdict of that."""

    at: Place
    packet: str
    family: str
    table: str
    chain: str
    text: str
    verdict: str

    @property
    def chain_name(self) -> str:
        return f"{self.family} {self.table} {self.chain}"


@dataclass(frozen=True, slots=True)
class Watched:
    """The probes' answers, what the kernels told, and which places could not be watched, and why."""

    answers: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    unwatched: Mapping[Place, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """The second witness, beside the model: ``verdict`` is agrees, differs or untold, ``text`` says why."""

    watched: Watched
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """``trace`` is what the model says of a packet from where the real one was sent.

    ``asked`` is the vantage for which the sender stands, who is None where there is none. ``said`` is
    what the packet met: answered, refused, unreachable, timeout, ``not possible: …`` or ``error: …``;
    ``answers`` what each of them met. ``verdict`` is agrees, disagrees, unknown (to the model) or not
    compared.
    """

    asked: str
    sender: Sender | None
    trace: Trace
    said: str
    verdict: str
    answers: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    told: Told | None = None

    @property
    def target(self) -> Target:
        return self.trace.target
