"""One change from its first line in the journal to its end: done, taken back, or waiting to be confirmed."""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import click

from homelab.cli.common import say, telling
from homelab.cli.interrupts import interruptible
from homelab.cli.lab import lab_of
from homelab.errors import ConflictError, OperationError
from homelab.load import journal as texts
from homelab.model.agent import Change, End
from homelab.model.inventory import Inventory
from homelab.model.inverse import standing
from homelab.model.operation import Operation
from homelab.model.plan import Applied, Execution
from homelab.model.revision import Ending, Intent, Outcome, Pending
from homelab.model.snapshot import Snapshot
from homelab.report.history_text import clock
from homelab.report.paint import Paint
from homelab.report.plan_text import changes_in_words, rollback_text
from homelab.system import Lab
from homelab.system.journal import Journal
from homelab.system.lock import locked
from homelab.system.watchdog import watch
from homelab.workflow import carrying, change, flows, foresight, hands
from homelab.workflow.hands import Hands
from homelab.workflow.rollback import Returned, go_back
from homelab.workflow.sending import probe_origin

OWN_PATH = 60.0
"""How many seconds there are to confirm a change of one's own path."""

GUESTS_AT_ONCE = 16

PAUSE = 0.5
"""Seconds between two tries of a flow that does not answer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On whose word a change is made, and within how many seconds somebody has to confirm it.

    ``again``: it may be planned anew when the lab changed under it. ``probes`` is how many flows are probed before and after it; 0: none.
    """

    command: str
    inventory: Inventory | None = None
    consent: carrying.Consent = field(default_factory=carrying.Consent)
    confirm_within: float | None = None
    again: bool = True
    probes: int = flows.SAMPLE


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
    say(rollback_text(returned.residue, returned.fates, returned.lost, Paint()))
    if returned.residue:
        raise OperationError(
            "the last change cannot be taken back completely; what remains: "
            f"{'; '.join(returned.residue)}; mend that, then `homelab rollback`"
        )


def take_back(journal: Journal, pending: Pending, because: str) -> Returned:
    """Bring back the lab as it was before a pending change; it becomes a revision when nothing remains."""
    system = lab_of(pending.inventory)
    system.settle(pending.started, End.BACK)
    tell = telling(pending.before)

    def run(operation: Operation) -> None:
        tell(operation)
        system.run(operation)

    returned = go_back(pending.before, standing(pending.started), system, run)
    returned = replace(returned, residue=(*returned.residue, *_not_ended(system, End.KEEP)))
    outcome = Outcome.INCOMPLETE if returned.residue else Outcome.ROLLED_BACK
    door = door_of(system, pending.before, len(pending.flows))
    lost = flows.lost(pending.flows, door, pending.started)
    kept = _kept(len(pending.flows), len(lost))
    end(journal, pending.intent, Ending(outcome, time.time(), kept, because), system.read())
    return replace(returned, lost=lost)


def door_of(system: Lab, snapshot: Snapshot, most: int) -> flows.Door:
    """How flows are probed on the lab; nothing that is asked twice is asked twice at once."""
    origin = probe_origin(snapshot, system.enterable())
    return flows.Door(origin, system.probe, most, lambda: time.sleep(PAUSE))


def carry_out(journal: Journal, planned: change.Planned, system: Lab, terms: Terms) -> Applied:
    """Write down what is about to happen, do it, verify it, and write down how it ended.

    The first signal that wants the process to end takes the change back; it cannot be cut short.
    """
    carrying.refuse_without(terms.consent, planned)
    intent = _intent(journal, planned, terms)
    with interruptible("interrupted: taking back what was done of it"):
        try:
            return _carried_out(journal, planned, system, intent, terms)
        except KeyboardInterrupt:
            system.close()
            return _interrupted(journal, planned, intent)
        except OperationError:
            forget_unless_begun(journal)
            raise


def forget_unless_begun(journal: Journal) -> None:
    """A change that failed before its first operation (no room for its flows, no watchdog) is none."""
    pending = texts.parse_pending(journal.read())
    if pending is not None and not pending.started:
        journal.forget()


def _carried_out(
    journal: Journal,
    planned: change.Planned,
    system: Lab,
    intent: Intent,
    terms: Terms,
) -> Applied:
    journal.begin(texts.opening(intent, planned.snapshot, system.inventory))
    if intent.confirm_by is not None:
        watch(intent.revision)
    witness = carrying.Witness(
        telling(planned.snapshot),
        lambda steps: journal.add(texts.STEPS, "\n".join(map(texts.dump_step, steps))),
        lambda working: journal.write(texts.FLOWS, texts.dump_flows(working)),
    )
    door = door_of(system, planned.snapshot, terms.probes)
    system.begin(Change(intent.command, intent.who, intent.changes, terms.confirm_within))
    applied = carrying.apply(planned, system, door, terms.consent, witness, hands_of(system))
    if applied.rollback is not None:
        left = _not_ended(system, End.BACK)
        applied = replace(applied, residue=(*applied.residue, *left))
    elif left := _not_ended(system, End.WAIT if intent.confirm_by else End.KEEP):
        system.close()
        return _undone(journal, planned, "; ".join(left))
    _close(journal, intent, applied, system)
    return applied


def _not_ended(system: Lab, end: End) -> tuple[str, ...]:
    """Why the change did not end on other hosts as it should."""
    try:
        system.finish(end)
    except OperationError as error:
        return (str(error),)
    return ()


def hands_of(system: Lab) -> Hands:
    """Guests side by side: their daemons know nothing of each other."""
    return Hands(GUESTS_AT_ONCE, system.run_batch)


def _interrupted(journal: Journal, planned: change.Planned, intent: Intent) -> Applied:
    """Take back a change that a signal ended between two operations, if it was not complete."""
    pending = to_the_end(journal)
    if pending is None:
        if intent.revision in journal.numbers():
            say(f"too late to interrupt: revision {intent.revision} is complete, and stays")
        raise click.Abort
    return _undone(journal, planned, hands.INTERRUPTED)


def _undone(journal: Journal, planned: change.Planned, because: str) -> Applied:
    """The change taken back by its journal."""
    pending = texts.parse_pending(journal.read())
    if pending is None:
        raise OperationError(because)
    returned = take_back(journal, pending, because)
    return Applied(
        planned.plan,
        Execution(pending.started, because),
        rollback=returned.execution,
        residue=returned.residue,
        fates=returned.fates,
        still_lost=returned.lost,
        kept=len(pending.flows),
    )


def own_path(planned: change.Planned) -> float | None:
    """Within how many seconds a change has to be confirmed that touches the path of this session."""
    client = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    if not client or not foresight.touches_path_to(planned, client):
        return None
    say(f"this touches the path of your own session from {client}: it has to be confirmed")
    return OWN_PATH


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


def _close(journal: Journal, intent: Intent, applied: Applied, system: Lab) -> None:
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
    lost = applied.still_lost if applied.rollback is not None else applied.lost
    verified = _kept(applied.kept, len(lost))
    if applied.fresh:
        verified += f", {applied.fresh - len(applied.silent)} of {applied.fresh} new ones answer"
    end(journal, intent, Ending(outcome, time.time(), verified, failure), after)


def _kept(flows_before: int, lost: int) -> str:
    return f"{flows_before - lost} of {flows_before} flows kept"


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
