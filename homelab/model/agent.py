"""What is said between a homelab and the agent on another host: three calls and their answers, as values."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import Place
from homelab.model.proof import Counts, Sender, Wanted
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target

PROTOCOL = "homelab.agent/1"


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of an agent. ``version`` is homelab's own: a snapshot is read by the same one only."""

    version: str
    host: str
    schema: str = PROTOCOL


@dataclass(frozen=True, slots=True)
class Read:
    """Observe this host; ``inventory`` says which guests should be there, and what runs them."""

    inventory: Inventory = field(default_factory=Inventory)


class End(Enum):
    """How a change ends on one host: it stays, it waits to be confirmed, or it never was."""

    KEEP = "keep"
    WAIT = "wait"
    BACK = "take back"


@dataclass(frozen=True, slots=True)
class Change:
    """What the journal of this host says of a change. ``confirm_within`` is in seconds from its first call."""

    command: str = "agent"
    who: str = ""
    changes: tuple[str, ...] = ()
    confirm_within: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Operations in order; the first call opens a change, and ``end`` ends it.

    With no operations and no change open, ``keep`` confirms the one that waits, and ``take back`` takes
    back the one that is pending.
    """

    operations: tuple[Operation, ...] = ()
    change: Change = Change()
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Real packets from one sender."""

    sender: Sender
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Real packets from all senders at once; then ``counters`` are read."""

    questions: tuple[Question, ...] = ()
    counters: tuple[Wanted, ...] = ()
    timeout: float = 1.0


Call: TypeAlias = Read | Run | Ask


@dataclass(frozen=True, slots=True)
class Seen:
    """``enterable`` are the places from which a real packet can be sent."""

    snapshot: Snapshot
    enterable: tuple[Place, ...] = ()


class State(Enum):
    """Where the change stands after a call."""

    NONE = "none"
    OPEN = "open"
    KEPT = "kept"
    WAITS = "waits"
    BACK = "taken back"


@dataclass(frozen=True, slots=True)
class Ran:
    """How many of the operations went through, why the next did not, and what could not be taken back."""

    done: int
    state: State
    failure: str | None = None
    residue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Met:
    """What the packets of each question met, in order, and what the counters showed then."""

    met: tuple[tuple[str, ...], ...] = ()
    counts: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The call was not understood, or not done at all."""

    error: str


Answer: TypeAlias = Seen | Ran | Met | Trouble
