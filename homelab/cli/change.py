"""`homelab plan`, `homelab apply` and `homelab destroy`."""

import signal
import sys

import click

from homelab.cli.common import (
    inventory,
    inventory_option,
    inventory_or_none,
    json_option,
    observe,
    paint,
    snapshot_option,
    telling,
)
from homelab.errors import UnsafePlanError
from homelab.model.inventory import Inventory
from homelab.model.plan import Applied
from homelab.report.documents import applied_document, as_json, plan_document
from homelab.report.expect_text import foreseen, foreseen_text
from homelab.report.plan_text import applied_text, foresight_text, plan_text
from homelab.system.journal import Journal
from homelab.system.live import LiveSystem
from homelab.workflow import change
from homelab.workflow.look import probe_origin

CHANGES = 1
ROLLED_BACK, STUCK, INTERRUPTED = 5, 6, 130
yes_option = click.option("--yes", is_flag=True, help="Agree to everything the plan says.")
check_option = click.option(
    "--check",
    "only_check",
    is_flag=True,
    help="Change nothing; exit 1 if there is something to do.",
)
only_option = click.option("--only", metavar="GUEST", multiple=True, help="Only these guests.")
force_option = click.option(
    "--force", is_flag=True, help="Also a plan that removes most of what is there."
)


@click.command("plan")
@inventory_option
@snapshot_option
@json_option
@check_option
@only_option
@click.option("--commands", "typed", is_flag=True, help="Show the commands a person would type.")
def plan_command(
    *,
    path: str | None,
    file: str | None,
    as_document: bool,
    only_check: bool,
    only: tuple[str, ...],
    typed: bool,
) -> int:
    """Show what apply would change, and what will be reachable afterwards."""
    declared = inventory(path)
    taken, _ = observe(file, declared)
    planned = change.foresee(change.plan(change.Goal(declared, frozenset(only)), taken))
    if as_document:
        rows = [
            {"guest": each.name.guest, "network": each.name.network, "reachable": each.reachable}
            for each in planned.after
        ]
        document = plan_document(planned.plan, taken, rows, planned.obstacles)
        click.echo(
            as_json(document | {"expectations": foreseen(planned.trials, planned.trials_after)})
        )
    else:
        _show_plan(planned, typed=typed)
    change.refuse_obstacles(planned)
    return CHANGES if only_check and planned.plan else 0


def _show_plan(planned: change.Planned, *, typed: bool = False) -> None:
    click.echo(plan_text(planned.plan, planned.snapshot, paint(), with_commands=typed))
    if planned.plan:
        click.echo()
        click.echo(foresight_text(planned.before, planned.after, paint()))
        if planned.trials_after:
            click.echo()
            click.echo(foreseen_text(planned.trials, planned.trials_after, paint()))


@click.command("apply")
@inventory_option
@json_option
@yes_option
@check_option
@only_option
@force_option
def apply_command(
    *,
    path: str | None,
    as_document: bool,
    yes: bool,
    only_check: bool,
    only: tuple[str, ...],
    force: bool,
) -> int:
    """Make the lab as declared, verify it, and go back if it does not hold.

    Without --yes it asks on a terminal; elsewhere it runs a plan that interrupts nothing, and
    refuses one that restarts a guest or reconnects containers.
    """
    declared = inventory(path)
    taken, system = observe(None, declared)
    planned = change.plan(change.Goal(declared, frozenset(only)), taken)
    change.refuse_obstacles(planned)
    if only_check or not planned.plan or system is None:
        return _nothing_done(planned, as_document=as_document)
    planned = change.foresee(planned)
    return _change(planned, system, as_document=as_document, yes=yes, force=force)


@click.command("destroy")
@inventory_option
@json_option
@yes_option
def destroy_command(*, path: str | None, as_document: bool, yes: bool) -> int:
    """Remove all that homelab owns on this lab, and nothing else."""
    declared = inventory_or_none(path) or Inventory()
    system = LiveSystem(declared)
    planned = change.plan(change.Goal(declared, removal=True), system.read())
    if not planned.plan:
        return _nothing_done(planned, as_document=as_document)
    if not yes and not sys.stdin.isatty():
        _show_plan(planned)
        raise UnsafePlanError("destroy removes all of the above; run it again with --yes")
    return _change(planned, system, as_document=as_document, yes=yes, force=True)


def _nothing_done(planned: change.Planned, *, as_document: bool) -> int:
    if as_document:
        outcome = "would change" if planned.plan else "unchanged"
        click.echo(as_json(applied_document(Applied(planned.plan), planned.snapshot, outcome)))
    else:
        click.echo(plan_text(planned.plan, planned.snapshot, paint()))
    return CHANGES if planned.plan else 0


def _change(
    planned: change.Planned, system: LiveSystem, *, as_document: bool, yes: bool, force: bool
) -> int:
    if not as_document:
        _show_plan(planned)
    agreed = yes or _asked()
    _refuse_cut_off(planned, agreed=agreed)
    consent = change.Consent(disruption=agreed, accident=force)
    change.refuse_without(consent, planned)
    journal = Journal()
    if journal.pending() is not None:
        click.echo("the last change was cut short; this one goes on from what is there", err=True)
    journal.begin(planned.snapshot, planned.plan.operations())
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    origin = probe_origin(planned.snapshot, system.enterable())
    applied = change.apply(
        planned,
        system,
        change.Door(origin, system.probe),
        consent,
        telling(planned.snapshot),
    )
    journal.end()
    _show_applied(applied, planned, as_document=as_document)
    if applied.rollback is None:
        return 0
    if applied.residue:
        return STUCK
    return INTERRUPTED if applied.execution.failure == change.INTERRUPTED else ROLLED_BACK


def _asked() -> bool:
    """On a terminal the user decides; elsewhere only a plan that interrupts nothing goes on."""
    if not sys.stdin.isatty():
        return False
    if not click.confirm("apply this?", default=False, err=True):
        raise click.Abort
    return True


def _refuse_cut_off(planned: change.Planned, *, agreed: bool) -> None:
    lost, spoiled = change.cut_off(planned), change.spoiled(planned)
    if lost and not agreed:
        raise UnsafePlanError(
            f"the plan would cut off what works now: {', '.join(lost)}; "
            "run again with --yes if that is intended"
        )
    if spoiled and not agreed:
        raise UnsafePlanError(
            f"the plan would end what the inventory expects and what holds now: {'; '.join(spoiled)}; "
            "run again with --yes if that is intended, and change the expectation"
        )


def _show_applied(applied: Applied, planned: change.Planned, *, as_document: bool) -> None:
    if not as_document:
        click.echo(applied_text(applied, paint()))
        return
    outcome = "applied"
    if applied.rollback is not None:
        outcome = "not rolled back completely" if applied.residue else "rolled back"
    click.echo(as_json(applied_document(applied, planned.snapshot, outcome)))
