"""One process that keeps a lab as it was last applied: events in, repairs out, each through the journal."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from homelab.cli.carry import who
from homelab.cli.common import say
from homelab.cli.lab import refuse_far
from homelab.diagnosis.judge import judge
from homelab.errors import ConflictError, OperationError, UnreadableError
from homelab.load import journal as texts
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import HOST, ROUTER, Place, guest_of
from homelab.model.plan import Change, State
from homelab.model.resource import Key
from homelab.model.revision import Intent, Outcome
from homelab.model.snapshot import Snapshot
from homelab.planning.allocate import allocate
from homelab.planning.restraint import NOTHING, counted, forgiven
from homelab.report.history_text import clock
from homelab.report.keeping_text import fight_text, left_text, repaired_text, status_text
from homelab.report.plan_text import changes_in_words
from homelab.system.events import Event, Events
from homelab.system.journal import Journal
from homelab.system.live import LiveSystem
from homelab.system.lock import HeldError, locked
from homelab.system.metrics import Metrics
from homelab.workflow.keeping import Drift, Repaired, drift, owned, repair

PAUSE = 1.0
"""How many seconds until it is looked again whether another homelab has ended its change."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The last change that went through: what the lab shall be like."""

    revision: int
    inventory: Inventory
    wanted: State


def last_applied(journal: Journal) -> Applied:
    """The newest revision that was applied; ``ConflictError`` where there is none."""
    for number in reversed(journal.numbers()):
        files = journal.read(number)
        if texts.parse_revision(files).ending.outcome is Outcome.APPLIED:
            wanted = owned(texts.parse_after(files))
            return Applied(number, texts.parse_inventory(files), wanted)
    raise ConflictError("nothing was applied here yet; run `homelab apply` first")


class Keeper:
    """Looks where something happened, and puts back what went.

    ``blocked``: another homelab changes the lab, or a change waits to be confirmed.
    """

    def __init__(self, journal: Journal, events: Events, metrics: Metrics | None = None) -> None:
        self.journal, self.events, self.metrics = journal, events, metrics
        self.applied = last_applied(journal)
        refuse_far(self.applied.inventory)
        self.system = LiveSystem(self.applied.inventory)
        self.snapshot = Snapshot()
        self.found = Drift()
        self.tally = NOTHING
        self.newest = max(journal.numbers())
        self.takers: dict[Place, str] = {}
        self.blamed: dict[Key, str] = {}
        self.told: frozenset[tuple[Key, bool]] = frozenset()
        self.blocked = self.pending_told = False
        self.repairs = 0
        self.woken = time.monotonic()
        self.due: float | None = None

    def begin(self) -> None:
        """See the lab for the first time, and put back what went while nobody watched."""
        self._read()
        self._settle()

    def status(self) -> str:
        if self.blocked:
            return "waiting until another change of this lab has ended"
        wanted, astray = len(self.applied.wanted), len(self.found.keys())
        return status_text(self.applied.revision, wanted, self.repairs, astray)

    def turn(self, longest: float) -> bool:
        """Wait for something to happen, and answer it; whether to go on."""
        wait = longest if self.due is None else min(longest, max(0.0, self.due - time.monotonic()))
        burst = self.events.next(wait)
        if burst is None:
            return False
        self.woken = time.monotonic()
        if not self.blocked and burst and not self._is_current():
            self.blocked = True
        if self.blocked:
            self._try_again()
        elif burst or (self.due is not None and self.due <= time.monotonic()):
            self._look(burst)
            self._settle()
        return True

    def _try_again(self) -> None:
        """What happened while another homelab was at work is seen when it has ended, all at once."""
        if self.due is not None and self.due > time.monotonic():
            return
        try:
            with locked("homelab watch", wait=False, tell=say):
                self.blocked = self.journal.is_pending()
        except OperationError:
            self.blocked = True
        if self.blocked:
            self._wait_for_pending()
            return
        self.pending_told = False
        self.applied, self.newest = last_applied(self.journal), max(self.journal.numbers())
        self.due = None
        self.system.inventory = self.applied.inventory
        self.tally = NOTHING
        self.begin()

    def _wait_for_pending(self) -> None:
        self.due = time.monotonic() + PAUSE
        if self.journal.is_pending() and not self.pending_told:
            say(
                "a change is pending, see `homelab history`; nothing is put back until it has ended"
            )
            self.pending_told = True

    def _look(self, burst: Sequence[Event]) -> None:
        """Read again what the events touched."""
        self.takers |= {each.place: each.who for each in burst if each.who}
        whole = {each.place for each in burst if each.whole}
        if whole:
            # A guest or a daemon that starts has lost what only a kernel held: that is no fight.
            guests = {guest_of(each) for each in whole}
            again = {key for key, each in self.applied.wanted.items() if each.guest in guests}
            self.tally = forgiven(self.tally, frozenset(again))
            self._read()
            return
        self._read_places({each.place for each in burst} or self._places())

    def _read(self) -> None:
        """All of the lab; the kernels once more as soon as nothing that happens in them is missed."""
        self.snapshot = self.system.read()
        doors = {place: self.system.doors[place] for place in self._places()}
        for place, why in self.events.follow(doors).items():
            say(f"{place}: what happens there is not heard: {why}")
        self.snapshot = self._seen_again(self._places())

    def _read_places(self, places: set[Place]) -> None:
        try:
            self.snapshot = self.system.look_again(self.snapshot, places)
        except UnreadableError:
            self._read()

    def _seen_again(self, places: set[Place]) -> Snapshot:
        try:
            return self.system.look_again(self.snapshot, places)
        except UnreadableError:
            return self.snapshot

    def _places(self) -> set[Place]:
        """Where something of homelab's own may be."""
        return {
            place
            for place, door in self.system.doors.items()
            if door.ssh is None and (place in (HOST, ROUTER) or place.startswith("guest:"))
        }

    def _settle(self) -> None:
        known = self.found.keys()
        self.found = drift(self.applied.wanted, self.snapshot, self.tally, time.monotonic())
        self._count_new(self.found.keys() - known)
        if self.found.repairs:
            self._repair()
        waiting = (*self.found.later.values(), *self.found.fought.values())
        if not self.blocked:
            self.due = min(waiting, default=None)
        self._tell()
        self._measure()

    def _repair(self) -> None:
        try:
            with locked("homelab watch", wait=False, tell=say):
                self.blocked = not self._is_current()
                if not self.blocked:
                    self._carry_out()
        except HeldError:
            self.blocked = True
        except OperationError as error:
            say(str(error))
            self.blocked = True
        if self.blocked:
            self.due = time.monotonic() + PAUSE

    def _is_current(self) -> bool:
        """Whether no other homelab has changed the lab since it was read, or is about to."""
        return not self.journal.is_pending() and max(self.journal.numbers()) == self.newest

    def _carry_out(self) -> None:
        plan = self.found.repairs
        intent = Intent(
            revision=self.journal.next_number(),
            command="watch",
            who=who(),
            begun=time.time(),
            inventory="",
            changes=changes_in_words(plan),
        )
        self.journal.begin(texts.opening(intent, self.snapshot, self.applied.inventory))
        done = [(each, repair(each, self.system.run, self._note)) for each in plan.changes]
        if not any(result.stuck for _, result in done):
            # The lab is again as a revision has it: this is none of its own.
            self.journal.forget()
        self._count(done)

    def _note(self, operation: Operation) -> None:
        self.journal.add(texts.STEPS, texts.dump_step(operation))

    def _count(self, done: Sequence[tuple[Change, Repaired]]) -> None:
        now = time.monotonic()
        self.tally = counted(self.tally, frozenset(each.key for each, _ in done), now)
        for change, result in done:
            self.repairs += result.failure is None
            self.blamed[change.key] = self._taker(change)
            say(repaired_text(change, result.failure, self.blamed[change.key]))
            if self.metrics:
                outcome = "failed" if result.failure else "done"
                self.metrics.repaired(change.key.kind, outcome, now - self.woken)
        self.takers.clear()
        places = {each.place for change, _ in done for each in change.operations}
        self._read_places(places & self._places())
        self.found = drift(self.applied.wanted, self.snapshot, self.tally, now)

    def _taker(self, change: Change) -> str:
        return self.takers.get(change.operations[0].place, "") if change.operations else ""

    def _tell(self) -> None:
        """What is left alone, each once for as long as it stays so."""
        known, self.told = (
            self.told,
            frozenset(
                (
                    *((key, False) for key in self.found.left),
                    *((key, True) for key in self.found.fought),
                )
            ),
        )
        wall = time.time() - time.monotonic()
        for key, is_fight in sorted(self.told - known):
            if is_fight:
                until = clock(wall + self.found.fought[key])
                say(fight_text(key, self.tally[key], self.blamed.get(key, ""), until))
            else:
                say(left_text(key, self.found.left[key]))

    def _count_new(self, keys: frozenset[Key]) -> None:
        if self.metrics is not None:
            for key in keys:
                self.metrics.found(key.kind)

    def _measure(self) -> None:
        if self.metrics is None:
            return
        found = self.found
        astray = {"left": len(found.left), "fought": len(found.fought), "later": len(found.later)}
        declared = allocate(self.applied.inventory, self.snapshot)
        judged = judge(declared, self.snapshot)
        reachable = {each.name: each.reachable for each in judged if each.declared}
        self.metrics.stands(astray, reachable)
