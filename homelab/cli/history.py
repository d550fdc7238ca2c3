"""`homelab confirm`, `homelab rollback` and `homelab history`."""

import os
import time

import click

from homelab.cli.carry import Terms, alone, carry_out, end, own_path, take_back, to_the_end
from homelab.cli.change import show_applied, show_plan
from homelab.cli.common import json_option, paint, say
from homelab.cli.lab import lab_of
from homelab.errors import ConflictError, UsageError
from homelab.load import journal as texts
from homelab.model.agent import End
from homelab.model.inventory import Inventory
from homelab.model.plan import Applied
from homelab.model.revision import Ending, Outcome, Pending, Revision
from homelab.model.snapshot import Snapshot
from homelab.report.documents import applied_document, as_json, rollback_document
from homelab.report.history_text import clock, history_document, history_text
from homelab.report.plan_text import rollback_text
from homelab.system.journal import Journal
from homelab.system.lock import locked
from homelab.workflow import carrying, change, foresight

STUCK = 6
NAME_ONE = "; to go back to before the last change: `homelab rollback {}`"


@click.command("history")
@json_option
def history_command(*, as_document: bool) -> int:
    """List what was changed on this lab, when, by whom, and how it ended."""
    journal = Journal()
    revisions, pending = _revisions(journal), texts.parse_pending(journal.read())
    if as_document:
        click.echo(as_json(history_document(revisions, pending)))
    else:
        click.echo(history_text(revisions, pending, paint()))
    return 0


def _revisions(journal: Journal) -> list[Revision]:
    return [texts.parse_revision(journal.read(each)) for each in journal.numbers()]


@click.command("confirm")
def confirm_command() -> int:
    """Keep the change that waits to be confirmed; without this it takes itself back."""
    with locked("homelab confirm", wait=True, tell=say):
        journal = Journal()
        pending = texts.parse_pending(journal.read())
        if pending is None or not pending.waits:
            raise ConflictError("nothing waits to be confirmed; see `homelab history`")
        refuse_old_session(pending)
        system = lab_of(pending.inventory)
        system.settle(pending.started, End.KEEP)
        after = system.read()
        end(journal, pending.intent, Ending(Outcome.APPLIED, time.time(), "confirmed"), after)
    click.echo(f"confirmed: revision {pending.intent.revision} stays")
    return 0


def refuse_old_session(pending: Pending) -> None:
    """A connection from before the change lives on in conntrack, and proves nothing."""
    session = os.environ.get("SSH_CONNECTION", "")
    if session and session == pending.intent.session:
        raise ConflictError(
            "this ssh connection was open before the change, so that it still works proves nothing; "
            "open a new one and type `homelab confirm` there"
        )


@click.command("rollback")
@click.argument("revision", type=click.IntRange(min=0), required=False)
@click.option("--yes", is_flag=True, help="Agree to everything the plan says.")
@json_option
@click.option("--unconfirmed", type=int, hidden=True)
def rollback_command(
    *, revision: int | None, yes: bool, as_document: bool, unconfirmed: int | None
) -> int:
    """Take back the change that is pending, or go to the lab as it was after REVISION.

    A change is pending while it is under way, when it was cut short, and until it is confirmed.
    REVISION is a number of `homelab history`; 0 is the lab before the first.
    """
    if unconfirmed is not None:
        return _when_time_is_over(unconfirmed)
    if revision is None:
        return _take_back_pending(as_document=as_document)
    with alone("rollback") as journal:
        to, declared = _target(journal, revision)
        system = lab_of(declared)
        planned = change.plan(change.Goal(Inventory(), back_to=to), system.read())
        if not planned.plan:
            same = "nothing to change: the lab is as it was then"
            document = applied_document(Applied(planned.plan), planned.snapshot, "unchanged")
            click.echo(as_json(document) if as_document else same)
            return 0
        planned = foresight.foresee(planned)
        if not as_document:
            show_plan(planned)
        consent = carrying.Consent(disruption=yes, accident=True)
        terms = Terms("rollback", None, consent, own_path(planned))
        applied = carry_out(journal, planned, system, terms)
    return show_applied(applied, planned, as_document=as_document)


def _target(journal: Journal, wanted: int) -> tuple[Snapshot, Inventory]:
    """The lab as it shall be again, and the inventory that tells how its routers are reached."""
    numbers = journal.numbers()
    if not numbers:
        raise UsageError("no history: there is nothing to go back to")
    first = numbers[0]
    if wanted == first - 1:
        files = journal.read(first)
        return texts.parse_before(files), texts.parse_inventory(files)
    if wanted not in numbers:
        kept = f"{first - 1} to {numbers[-1]}"
        raise UsageError(f"revision {wanted} is not kept; {kept} are, see `homelab history`")
    files = journal.read(wanted)
    return texts.parse_after(files), texts.parse_inventory(files)


def _take_back_pending(*, as_document: bool) -> int:
    with locked("homelab rollback", wait=True, tell=say):
        journal = Journal()
        pending = to_the_end(journal)
        if pending is not None:
            because = "not wanted after all" if pending.waits else "cut short"
            return _taken_back(journal, pending, because, as_document=as_document)
        last = max(journal.numbers(), default=0)
    if as_document:
        click.echo(as_json(rollback_document(None, (), (), ())))
    else:
        click.echo("nothing is pending" + (NAME_ONE.format(last - 1) if last else ""))
    return 0


def _taken_back(
    journal: Journal, pending: Pending, because: str, *, as_document: bool = False
) -> int:
    returned = take_back(journal, pending, because)
    told = returned.residue, returned.fates, returned.lost
    if as_document:
        click.echo(as_json(rollback_document(pending.intent.revision, *told)))
    else:
        click.echo(rollback_text(*told, paint(), f"revision {pending.intent.revision}"))
    return STUCK if returned.residue else 0


def _when_time_is_over(revision: int) -> int:
    """What the watchdog does: wait, and take back what nobody confirmed."""
    journal = Journal()
    pending = texts.parse_pending(journal.read())
    if pending is None or pending.intent.revision != revision:
        return 0
    by = pending.intent.confirm_by or 0.0
    while journal.is_pending() and time.time() < by:
        time.sleep(min(0.2, max(0.01, by - time.time())))
    with locked("homelab, since nobody confirmed", wait=True, tell=say):
        late = to_the_end(journal)
        if late is None or late.intent.revision != revision:
            return 0
        say(f"{clock(time.time())}: revision {revision} was not confirmed: taking it back")
        return _taken_back(journal, late, "not confirmed")
