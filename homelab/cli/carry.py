"""One change from its first line in the journal to its end: done, taken back, or waiting to be confirmed."""

import getpass
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from homelab.cli.common import say, telling
from homelab.errors import ConflictError, OperationError
from homelab.load import journal as texts
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.plan import Applied
from homelab.model.revision import Ending, Intent, Outcome, Pending
from homelab.model.snapshot import Snapshot
from homelab.report.history_text import clock
from homelab.report.plan_text import changes_in_words
from homelab.system import System
from homelab.system.journal import Journal
from homelab.system.live import LiveSystem
from homelab.system.lock import locked
from homelab.system.watchdog import watch
from homelab.workflow import carrying, change
from homelab.workflow.rollback import Returned, go_back
from homelab.workflow.sending import probe_origin


@dataclass(frozen=True, slots=True)
class Terms:
    """On whose word a change is made, and within how many seconds somebody has to confirm it.

    ``again``: it may be planned anew when the lab changed under it.
    """

    command: str
    inventory: Inventory | None = None
    consent: carrying.Consent = field(default_factory=carrying.Consent)
    confirm_within: float | None = None
    again: bool = True


@contextmanager
def alone(command: str, *, wait: bool = True) -> Iterator[Journal]:
    """The journal, with nobody else changing the lab and nothing pending.

    A change that was cut short is taken back first; one that waits to be confirmed is an error.
    """
    with locked(f"homelab {command} of {who()}", wait=wait, tell=say):
        journal = Journal()
        pending = to_the_end(journal)
        if pending is not None:
            _settle(journal, pending)
        yield journal


def to_the_end(journal: Journal) -> Pending | None:
    """The change that is pending; one that only its last rename is missing gets that, and is none."""
    if not journal.is_pending():
        return None
    files = journal.read()
    pending = texts.parse_pending(files)
    if pending is not None and texts.ENDING in files:
        journal.end(pending.intent.revision)
        return None
    return pending


def _settle(journal: Journal, pending: Pending) -> None:
    intent = pending.intent
    if pending.waits and intent.confirm_by is not None and intent.confirm_by > time.time():
        raise ConflictError(
            f"revision {intent.revision} waits for `homelab confirm` until {clock(intent.confirm_by)}; "
            "confirm it, or `homelab rollback`, first"
        )
    say(f"{intent.command} of {clock(intent.begun)} was cut short: taking it back first")
    returned = take_back(journal, pending, "cut short")
    if returned.residue:
        raise OperationError(
            "the last change cannot be taken back completely; what remains: "
            f"{'; '.join(returned.residue)}; mend that, then `homelab rollback`"
        )


def take_back(journal: Journal, pending: Pending, because: str) -> Returned:
    """Bring back the lab as it was before a pending change; it becomes a revision when nothing remains."""
    system = LiveSystem(pending.inventory)
    tell = telling(pending.before)

    def run(operation: Operation) -> None:
        tell(operation)
        system.run(operation)

    returned = go_back(pending.before, pending.started, system, run)
    outcome = Outcome.INCOMPLETE if returned.residue else Outcome.ROLLED_BACK
    end(journal, pending.intent, Ending(outcome, time.time(), failure=because), system.read())
    return returned


def carry_out(
    journal: Journal, planned: change.Planned, system: LiveSystem, terms: Terms
) -> Applied:
    """Write down what is about to happen, do it, verify it, and write down how it ended."""
    carrying.refuse_without(terms.consent, planned)
    intent = _intent(journal, planned, terms)
    journal.begin(texts.opening(intent, planned.snapshot, system.inventory))
    if intent.confirm_by is not None:
        watch(intent.revision)
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    applied = carrying.apply(
        planned,
        system,
        carrying.Door(probe_origin(planned.snapshot, system.enterable()), system.probe),
        terms.consent,
        telling(planned.snapshot),
        lambda operation: journal.add(texts.STEPS, texts.dump_step(operation)),
    )
    _close(journal, intent, applied, system)
    return applied


def _intent(journal: Journal, planned: change.Planned, terms: Terms) -> Intent:
    now = time.time()
    return Intent(
        revision=journal.next_number(),
        command=terms.command,
        who=who(),
        begun=now,
        inventory=texts.digest(terms.inventory) if terms.inventory else "",
        changes=changes_in_words(planned.plan),
        confirm_by=now + terms.confirm_within if terms.confirm_within else None,
        session=os.environ.get("SSH_CONNECTION", ""),
    )


def _close(journal: Journal, intent: Intent, applied: Applied, system: System) -> None:
    if applied.rollback is None and intent.confirm_by is not None:
        journal.write(texts.APPLIED, "")
        return
    outcome = Outcome.APPLIED
    if applied.rollback is not None:
        outcome = Outcome.INCOMPLETE if applied.residue else Outcome.ROLLED_BACK
    after = applied.after if applied.after and applied.rollback is None else system.read()
    failure = applied.execution.failure or (
        "not as declared afterwards" if applied.rollback else ""
    )
    verified = f"{applied.kept - len(applied.lost)} of {applied.kept} flows kept"
    end(journal, intent, Ending(outcome, time.time(), verified, failure), after)


def end(journal: Journal, intent: Intent, ending: Ending, after: Snapshot) -> None:
    """A change that could not be taken back completely stays pending: the next command tries again."""
    if ending.outcome is Outcome.INCOMPLETE:
        return
    journal.write(texts.AFTER, texts.dump_snapshot(after))
    journal.write(texts.ENDING, texts.dump_ending(ending))
    journal.end(intent.revision)


def who() -> str:
    """The person behind the command, as far as it is known."""
    name = os.environ.get("SUDO_USER") or getpass.getuser()
    client = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return f"{name} from {client}" if client else name
