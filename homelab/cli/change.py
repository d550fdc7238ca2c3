"""`homelab plan`, `homelab apply` and `homelab destroy`."""

from dataclasses import replace

import click

from homelab.cli.carry import Terms, alone, carry_out, own_path
from homelab.cli.common import (
    inventory,
    inventory_option,
    inventory_or_none,
    is_asked_by_a_person,
    json_option,
    lines_of,
    observe,
    paint,
    say,
    snapshot_option,
    write_text,
)
from homelab.cli.lab import lab_of
from homelab.errors import ConflictError, UnsafePlanError
from homelab.load.journal import dump_plan, parse_plan, plan_digest
from homelab.model.inventory import Inventory
from homelab.model.plan import Applied
from homelab.report.documents import applied_document, as_json, plan_document
from homelab.report.expect_text import foreseen, foreseen_text
from homelab.report.plan_text import applied_text, foresight_text, plan_text
from homelab.system import Lab
from homelab.system.journal import Journal
from homelab.workflow import carrying, change, foresight, hands
from homelab.workflow.flows import SAMPLE

CHANGES = 1
ROLLED_BACK, STUCK, INTERRUPTED = 5, 6, 130
TO_CONFIRM = "type `homelab confirm` within {:g} s, or it is taken back"
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

probes_option = click.option(
    "--probes",
    type=click.IntRange(min=0, max=100_000),
    default=SAMPLE,
    show_default=True,
    metavar="N",
    help="Probe at most N flows before and after; 0: none.",
)


@click.command("plan")
@inventory_option
@snapshot_option
@json_option
@check_option
@only_option
@click.option("--commands", "typed", is_flag=True, help="Show the commands a person would type.")
@click.option("--out", metavar="FILE", help="Save the plan, for `homelab apply --plan FILE`.")
def plan_command(  # noqa: PLR0913 - one argument for each option
    *,
    path: str | None,
    file: str | None,
    as_document: bool,
    only_check: bool,
    only: tuple[str, ...],
    typed: bool,
    out: str | None,
) -> int:
    """Show what apply would change, and what will be reachable afterwards."""
    declared = inventory(path)
    taken, _ = observe(file, declared)
    planned = foresight.foresee(change.plan(change.Goal(declared, frozenset(only)), taken))
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
        show_plan(planned, typed=typed)
    change.refuse_obstacles(planned)
    if out is not None:
        write_text(out, dump_plan(planned.plan.operations()))
    return CHANGES if only_check and planned.plan else 0


def show_plan(planned: change.Planned, *, typed: bool = False) -> None:
    """The plan, and what will be reachable after it."""
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
@click.option("--plan", "saved", metavar="FILE", help="Only if it is still the plan saved there.")
@click.option(
    "--confirm-within",
    type=click.FloatRange(min=1, max=86400),
    metavar="SECONDS",
    help="Take it back unless `homelab confirm` comes in time.",
)
@click.option("--no-wait", is_flag=True, help="Fail at once if another homelab is at work.")
@probes_option
@click.option(
    "--adopt",
    "objects",
    metavar="OBJECT",
    multiple=True,
    help="Take this foreign thing over first, and make it as declared.",
)
def apply_command(  # noqa: PLR0913 - one argument for each option
    *,
    path: str | None,
    as_document: bool,
    yes: bool,
    only_check: bool,
    only: tuple[str, ...],
    force: bool,
    saved: str | None,
    confirm_within: float | None,
    no_wait: bool,
    probes: int,
    objects: tuple[str, ...],
) -> int:
    """Make the lab as declared, verify it, and go back if it does not hold.

    Without --yes it asks on a terminal; elsewhere it runs a plan that interrupts nothing, and
    refuses one that restarts a guest or reconnects containers. A change that touches the path of
    your own ssh session has to be confirmed within 60 seconds, unless you say otherwise.
    """
    declared = inventory(path)
    goal = change.Goal(declared, frozenset(only), adopt=frozenset(objects))
    if only_check:
        return _nothing_done(_planned(goal, lab_of(declared)), as_document=as_document)
    terms = Terms(
        "apply", declared, carrying.Consent(accident=force), confirm_within, probes=probes
    )
    with alone("apply", wait=not no_wait) as journal:
        system = lab_of(declared)
        planned = _planned(goal, system)
        if saved is not None:
            _refuse_other_plan(planned, saved)
        if not planned.plan:
            return _nothing_done(planned, as_document=as_document)
        planned = foresight.foresee(planned)
        terms = replace(terms, confirm_within=confirm_within or own_path(planned))
        terms = replace(terms, again=saved is None)
        agreed = yes or saved is not None
        return _change(journal, planned, system, terms, as_document=as_document, yes=agreed)


def _planned(goal: change.Goal, system: Lab) -> change.Planned:
    seen = system.read()
    if goal.adopt:
        change.refuse_unknown(goal, seen)
    planned = change.plan(goal, seen)
    change.refuse_obstacles(planned)
    return planned


def _refuse_other_plan(planned: change.Planned, saved: str) -> None:
    wanted = parse_plan("".join(lines_of(saved)), saved)
    if wanted != plan_digest(planned.plan.operations()):
        raise ConflictError(
            f"{saved}: the lab or the inventory is not what this plan was made for; "
            "look at `homelab plan` again"
        )


@click.command("destroy")
@inventory_option
@json_option
@yes_option
def destroy_command(*, path: str | None, as_document: bool, yes: bool) -> int:
    """Remove all that homelab owns on this lab, and nothing else."""
    declared = inventory_or_none(path) or Inventory()
    terms = Terms("destroy", declared, carrying.Consent(accident=True))
    with alone("destroy") as journal:
        system = lab_of(declared)
        planned = change.plan(change.Goal(declared, removal=True), system.read())
        if not planned.plan:
            return _nothing_done(planned, as_document=as_document)
        if not yes and not is_asked_by_a_person():
            show_plan(planned)
            raise UnsafePlanError("destroy removes all of the above; run it again with --yes")
        return _change(journal, planned, system, terms, as_document=as_document, yes=yes)


def _nothing_done(planned: change.Planned, *, as_document: bool) -> int:
    if as_document:
        outcome = "would change" if planned.plan else "unchanged"
        click.echo(as_json(applied_document(Applied(planned.plan), planned.snapshot, outcome)))
    else:
        click.echo(plan_text(planned.plan, planned.snapshot, paint()))
    return CHANGES if planned.plan else 0


def _change(
    journal: Journal,
    planned: change.Planned,
    system: Lab,
    terms: Terms,
    *,
    as_document: bool,
    yes: bool,
) -> int:
    if not as_document:
        show_plan(planned)
    agreed = yes or _asked()
    _refuse_cut_off(planned, agreed=agreed)
    terms = replace(terms, consent=replace(terms.consent, disruption=agreed))
    applied = carry_out(journal, planned, system, terms)
    moved = _moved(planned, applied, system) if terms.again else None
    if moved is not None:
        say(f"{applied.execution.failure}: the lab changed meanwhile; once more")
        terms = replace(terms, again=False)
        return _change(journal, moved, system, terms, as_document=as_document, yes=yes)
    code = show_applied(applied, planned, as_document=as_document)
    if applied.rollback is None and terms.confirm_within:
        say(TO_CONFIRM.format(terms.confirm_within))
    return code


def _moved(planned: change.Planned, applied: Applied, system: Lab) -> change.Planned | None:
    """The plan for the lab as it is now, if an operation failed and was taken back, and it is another one.

    A container may start by itself between a look and an operation, and is then in the way of it.
    """
    failure = applied.execution.failure
    if failure in (None, hands.INTERRUPTED) or applied.residue:
        return None
    now = change.plan(planned.goal, system.read())
    other = now.plan.operations() != planned.plan.operations() and not now.obstacles
    return foresight.foresee(now) if other and now.plan else None


def _asked() -> bool:
    """On a terminal the user decides; elsewhere only a plan that interrupts nothing goes on."""
    if not is_asked_by_a_person():
        return False
    if not click.confirm("apply this?", default=False, err=True):
        raise click.Abort
    return True


def _refuse_cut_off(planned: change.Planned, *, agreed: bool) -> None:
    lost, spoiled = foresight.cut_off(planned), foresight.spoiled(planned)
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


def show_applied(applied: Applied, planned: change.Planned, *, as_document: bool) -> int:
    """Say what came of it; the exit code."""
    if as_document:
        outcome = "applied"
        if applied.rollback is not None:
            outcome = "not rolled back completely" if applied.residue else "rolled back"
        click.echo(as_json(applied_document(applied, planned.snapshot, outcome)))
    else:
        click.echo(applied_text(applied, paint()))
    return code_of(applied)


def code_of(applied: Applied) -> int:
    """The exit code of a change."""
    if applied.rollback is None:
        return 0
    if applied.residue:
        return STUCK
    return INTERRUPTED if applied.execution.failure == hands.INTERRUPTED else ROLLED_BACK
