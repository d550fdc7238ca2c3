"""What an agent does for each call: look, change with a journal of its own, and send packets."""

import os
import time
from contextlib import ExitStack

from homelab.cli.carry import alone, end, take_back, to_the_end, who
from homelab.cli.common import say
from homelab.cli.history import refuse_old_session
from homelab.errors import ConflictError, OperationError
from homelab.load import journal as texts
from homelab.model.agent import Answer, Ask, Change, End, Met, Ran, Read, Run, Seen, State
from homelab.model.batches import batches
from homelab.model.operation import Operation
from homelab.model.revision import Ending, Intent, Outcome
from homelab.model.snapshot import Snapshot
from homelab.system.journal import Journal
from homelab.system.live import LiveSystem
from homelab.system.lock import locked
from homelab.system.watchdog import watch

GONE = "the connection ended in the middle of the change"


class Session:
    """One connection. A change that is open when it ends is taken back."""

    def __init__(self) -> None:
        self._system = LiveSystem()
        self._seen: Snapshot | None = None
        self._held = ExitStack()
        self._journal: Journal | None = None

    @property
    def is_open(self) -> bool:
        return self._journal is not None

    def answer(self, call: Read | Run | Ask) -> Answer:
        """Raises ``HomelabError`` for a call of which nothing was done."""
        match call:
            case Read():
                return self._read(call)
            case Ask():
                return self._ask(call)
            case Run():
                return self._run(call)

    def close(self, because: str = GONE) -> tuple[str, ...]:
        """What of an open change could not be taken back."""
        if self._journal is None:
            return ()
        say(f"{because}: taking back what was done of it")
        return self._taken_back(self._journal, because)

    def _read(self, call: Read) -> Seen:
        self._system = LiveSystem(call.inventory)
        self._seen = self._system.read()
        return Seen(self._seen, self._system.enterable())

    def _ask(self, call: Ask) -> Met:
        if self._seen is None:
            self._seen = self._system.read()
        questions = {each.sender: each.targets for each in call.questions}
        met = self._system.ask(questions, call.timeout)
        counts = self._system.count(call.counters) if call.counters else {}
        return Met(tuple(met[each.sender] for each in call.questions), counts)

    def _run(self, call: Run) -> Ran:
        if not call.operations and not self.is_open and call.end is not None:
            return self._settled(call.end)
        journal = self._journal or self._opened(call.change)
        done, failure = self._carried_out(journal, call.operations)
        if failure is not None or call.end is None:
            return Ran(done, State.OPEN, failure)
        state, residue = self._ended(journal, call.end)
        return Ran(done, state, residue=residue)

    def _settled(self, wanted: End) -> Ran:
        """A change of an earlier connection: confirmed, or taken back."""
        if wanted is End.BACK:
            return _taken_back_pending()
        with locked("homelab agent", wait=True, tell=say):
            journal = Journal()
            pending = to_the_end(journal)
            if pending is None or not pending.waits or wanted is not End.KEEP:
                raise ConflictError("nothing waits to be confirmed here; see `homelab history`")
            refuse_old_session(pending)
            after = LiveSystem(pending.inventory).read()
            ending = Ending(Outcome.APPLIED, time.time(), "confirmed")
            end(journal, pending.intent, ending, after)
        return Ran(0, State.KEPT)

    def _opened(self, change: Change) -> Journal:
        """The journal of a new change: nobody else changes this host until it ends."""
        with ExitStack() as stack:
            journal = stack.enter_context(alone(f"agent ({change.command})"))
            before = self._seen or self._system.read()
            intent = _intent(journal, change)
            journal.begin(texts.opening(intent, before, self._system.inventory))
            stack.callback(_forget_unbegun, journal)
            if intent.confirm_by is not None:
                watch(intent.revision)
            self._held = stack.pop_all()
        self._journal = journal
        return journal

    def _carried_out(
        self, journal: Journal, operations: tuple[Operation, ...]
    ) -> tuple[int, str | None]:
        done = 0
        for batch in batches(operations):
            try:
                journal.add(texts.STEPS, "\n".join(map(texts.dump_step, batch)))
                self._system.run_batch(batch)
            except OperationError as error:
                return done, str(error)
            done += len(batch)
        return done, None

    def _ended(self, journal: Journal, wanted: End) -> tuple[State, tuple[str, ...]]:
        pending = texts.parse_pending(journal.read())
        if wanted is End.BACK or pending is None:
            return State.BACK, self._taken_back(journal, "not wanted after all")
        if wanted is End.WAIT and pending.intent.confirm_by is not None:
            journal.write(texts.APPLIED, "")
            self._release()
            return State.WAITS, ()
        self._seen = self._system.read()
        end(journal, pending.intent, Ending(Outcome.APPLIED, time.time()), self._seen)
        self._release()
        return State.KEPT, ()

    def _taken_back(self, journal: Journal, because: str) -> tuple[str, ...]:
        pending = texts.parse_pending(journal.read())
        residue = take_back(journal, pending, because).residue if pending else ()
        self._release()
        return residue

    def _release(self) -> None:
        self._journal = None
        self._held.close()


def _forget_unbegun(journal: Journal) -> None:
    """A change of which no operation was begun is none: no watchdog, or a call without operations."""
    files = journal.read()
    if files and texts.STEPS not in files and texts.APPLIED not in files:
        journal.forget()


def _taken_back_pending() -> Ran:
    with locked("homelab agent", wait=True, tell=say):
        journal = Journal()
        pending = to_the_end(journal)
        if pending is None:
            return Ran(0, State.NONE)
        residue = take_back(journal, pending, "the change was taken back").residue
    return Ran(0, State.BACK, residue=residue)


def _intent(journal: Journal, change: Change) -> Intent:
    now = time.time()
    by = now + change.confirm_within if change.confirm_within else None
    return Intent(
        revision=journal.next_number(),
        command=change.command,
        who=change.who or who(),
        begun=now,
        inventory="",
        changes=change.changes,
        confirm_by=by,
        session=os.environ.get("SSH_CONNECTION", ""),
    )
