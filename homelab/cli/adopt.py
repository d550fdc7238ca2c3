"""`homelab adopt`."""

from collections.abc import Iterable

import click

from homelab.cli.carry import Terms, alone, carry_out
from homelab.cli.change import show_applied, show_plan
from homelab.cli.common import inventory, inventory_option, json_option, observe, say
from homelab.cli.lab import lab_of
from homelab.model.inventory import Inventory
from homelab.model.snapshot import Snapshot
from homelab.planning.adopt import adoptable
from homelab.planning.allocate import allocate
from homelab.report.documents import adoptable_document, as_json
from homelab.report.paint import plain
from homelab.report.plan_text import changes_in_words
from homelab.resources import KINDS
from homelab.workflow import change
from homelab.workflow.carrying import Consent


@click.command("adopt")
@click.argument("objects", nargs=-1, metavar="[OBJECT]...")
@inventory_option
@json_option
def adopt_command(*, objects: tuple[str, ...], path: str | None, as_document: bool) -> int:
    """Take foreign things over as they are: Docker networks, routes, and addresses of guests.

    Without OBJECT it lists what could be taken over. An OBJECT is KIND:NAME as it is listed, and one
    may be given as two words, `network web/apps` or `route 10.90.1.0/24`. Only a mark is added; what
    differs from the inventory is left to the next apply, which is told. From then on destroy removes
    it too.
    """
    declared = inventory(path)
    if not objects:
        taken, _ = observe(None, declared)
        return _listed(declared, taken, as_document=as_document)
    with alone("adopt") as journal:
        system = lab_of(declared)
        seen = system.read()
        named = _handles(objects, adoptable(allocate(declared, seen), seen, KINDS))
        goal = change.Goal(declared, adopt=named, as_it_is=True)
        change.refuse_unknown(goal, seen)
        planned = change.plan(goal, seen)
        if not as_document:
            show_plan(planned)
        terms = Terms("adopt", declared, Consent(disruption=True, accident=True), again=False)
        applied = carry_out(journal, planned, system, terms)
    code = show_applied(applied, planned, as_document=as_document)
    if applied.rollback is None and applied.after is not None:
        _tell_the_rest(declared, applied.after)
    return code


def _handles(words: tuple[str, ...], there: Iterable[str]) -> frozenset[str]:
    """What is meant by KIND:NAME …, or by KIND NAME with the last word of a kind."""
    if len(words) != 2 or ":" in words[0]:
        return frozenset(words)
    kind, name = words
    found = [each for each in there if each.partition(":")[0].endswith(kind)]
    return frozenset(each for each in found if each.partition(":")[2] == name) or frozenset(
        {f"{kind}:{name}"}
    )


def _listed(declared: Inventory, taken: Snapshot, *, as_document: bool) -> int:
    found = adoptable(declared, taken, KINDS)
    if as_document:
        click.echo(as_json(adoptable_document(found, taken)))
        return 0
    for handle, each in found.items():
        click.echo(f"{plain(handle):40}  {plain(each.new.describe())}")
    if not found:
        click.echo("nothing foreign stands where the inventory declares something")
    return 0


def _tell_the_rest(declared: Inventory, now: Snapshot) -> None:
    """What the next apply would change of the lab, of what was adopted or else."""
    rest = changes_in_words(change.plan(change.Goal(declared), now).plan)
    for each in rest:
        say(f"the next apply: {plain(each)}")
