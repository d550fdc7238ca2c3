"""The lab's history: who set out to change what, how far it came, and how it ended."""

from dataclasses import dataclass
from enum import Enum

from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target


class Outcome(Enum):
    """How a change ended. The first is the only one after which the lab is as the change wanted it."""

    APPLIED = "applied"
    ROLLED_BACK = "rolled back"
    INCOMPLETE = "not rolled back completely"


@dataclass(frozen=True, slots=True)
class Intent:
    """Written before the first operation.

    ``inventory`` is the SHA-256 of the inventory, "" where none was meant. ``begun`` and
    ``confirm_by`` are seconds since the epoch; ``confirm_by`` is None for a change that nobody has to
    confirm. ``session`` is the SSH_CONNECTION in which it was asked for.
    """

    revision: int
    command: str
    who: str
    begun: float
    inventory: str
    changes: tuple[str, ...]
    confirm_by: float | None = None
    session: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended, and what was seen of it afterwards."""

    outcome: Outcome
    ended: float
    verified: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that has not ended: under way, cut short, or waiting to be confirmed.

    ``inventory`` tells how its hosts and routers are reached. ``started`` has every operation that may
    have touched the lab, in order; the last one may not have. ``flows`` are those that worked before.
    """

    intent: Intent
    before: Snapshot
    inventory: Inventory
    started: tuple[Operation, ...]
    waits: bool = False
    flows: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """A change that has ended."""

    intent: Intent
    ending: Ending
