"""`homelab diagnose`."""

from dataclasses import dataclass
from pathlib import Path

import click

from homelab.cli.carry import Terms, alone, carry_out, own_path
from homelab.cli.change import TO_CONFIRM, code_of
from homelab.cli.common import (
    inventory_option,
    inventory_or_none,
    json_option,
    observe,
    paint,
    say,
    snapshot_option,
    write_text,
)
from homelab.cli.lab import lab_of
from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.report.diagnosis_text import diagnosis_text
from homelab.report.documents import as_json, diagnosis_document
from homelab.report.html import html
from homelab.report.paint import Paint, plain
from homelab.report.plan_text import applied_text, changes_in_words
from homelab.report.proof import proof_document, proofs_text
from homelab.report.since import recalled
from homelab.report.svg import svg
from homelab.system import Lab
from homelab.system.journal import Journal
from homelab.workflow.carrying import Consent
from homelab.workflow.change import Planned
from homelab.workflow.drawing import draw
from homelab.workflow.flows import SAMPLE
from homelab.workflow.look import Diagnosis, diagnose, exit_code
from homelab.workflow.mending import plan_fixes
from homelab.workflow.probing import Compared, compare_again

DISAGREEMENT = 4
PAGE_LIMIT = 64 * 1024 * 1024


@click.command("diagnose")
@inventory_option
@snapshot_option
@json_option
@click.option("--no-probe", is_flag=True, help="Send no packet; the model alone judges.")
@click.option(
    "--fix",
    "mend",
    is_flag=True,
    help="Run the fixes that are found, as one change, then look again.",
)
@click.option("--html", "page", metavar="FILE", help="Write a report for a browser there, too.")
def diagnose_command(
    *,
    path: str | None,
    file: str | None,
    as_document: bool,
    no_probe: bool,
    mend: bool,
    page: str | None,
) -> int:
    """Find every unreachable container network; name the hop and the rule, and the smallest fix.

    Needs no inventory. Real packets (an echo request or a TCP connection to each container) are sent
    from the place nearest to the LAN that can be entered, and compared with the model. Nothing is
    changed on any host; what is counted of the packets is read before and after.
    """
    if mend and file:
        raise UsageError("--fix changes a live lab; it does not go with --snapshot")
    declared = inventory_or_none(path) or Inventory()
    show = Show(as_document, page)
    if mend:
        return _mended(declared, show, no_probe=no_probe)
    taken, system = observe(file, declared)
    return _shown(diagnose(declared, taken), system, show, no_probe=no_probe)


@dataclass(frozen=True, slots=True)
class Show:
    """How the answer is told; ``page`` is the file of a report for a browser."""

    as_document: bool = False
    page: str | None = None


def _shown(diagnosis: Diagnosis, system: Lab | None, show: Show, *, no_probe: bool) -> int:
    compared = Compared(diagnosis)
    if system is not None and not no_probe:
        live = system
        compared = compare_again(diagnosis, live, lambda: diagnose(live.inventory, live.read()))
    _show(compared, show)
    return DISAGREEMENT if compared.disagree else exit_code(compared.diagnosis)


def _mended(declared: Inventory, show: Show, *, no_probe: bool) -> int:
    """Carry out the fixes as one change, with all that a change has, and look again."""
    with alone("diagnose --fix") as journal:
        system = lab_of(declared)
        diagnosis = diagnose(declared, system.read())
        planned = plan_fixes(diagnosis)
        code = 0
        if planned.plan:
            code = _carried_out(journal, planned, system, no_probe=no_probe)
            diagnosis = diagnose(declared, system.read())
    seen = _shown(diagnosis, system, show, no_probe=no_probe)
    return code or seen


def _carried_out(journal: Journal, planned: Planned, system: Lab, *, no_probe: bool) -> int:
    """0, or the exit code of a change that was taken back; all is said on stderr."""
    for each in changes_in_words(planned.plan):
        say(plain(each))
    consent = Consent(disruption=True, accident=True)
    probes = 0 if no_probe else SAMPLE
    terms = Terms("diagnose --fix", system.inventory, consent, own_path(planned), probes=probes)
    applied = carry_out(journal, planned, system, terms)
    say(applied_text(applied, Paint()))
    if applied.rollback is None and terms.confirm_within:
        say(TO_CONFIRM.format(terms.confirm_within))
    return code_of(applied)


def _show(compared: Compared, show: Show) -> None:
    case, findings = compared.diagnosis.case, compared.diagnosis.findings
    if show.page is not None:
        before = recalled(_page_before(show.page))
        write_text(show.page, html(case, findings, _picture(compared.diagnosis), before))
        say(f"{plain(show.page)}: the report for a browser")
    if show.as_document:
        probes = [proof_document(each) for each in compared.proofs]
        click.echo(as_json(diagnosis_document(case, findings, probes, compared.left_out)))
        return
    click.echo(diagnosis_text(case, findings, paint()))
    if compared.proofs:
        click.echo(proofs_text(compared.proofs, compared.left_out, paint()))


def _page_before(file: str) -> str:
    """The report that stands there, as far as one does: what changed since then is told."""
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as page:
            return page.read(PAGE_LIMIT)
    except OSError:
        return ""


def _picture(diagnosis: Diagnosis) -> str | None:
    """The lab as SVG; none where the library that lays it out is not installed."""
    try:
        return svg(draw(diagnosis))
    except ImportError:
        say("without a picture, which needs `pip install 'homelab-net[graph]'`")
        return None
