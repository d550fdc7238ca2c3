"""`homelab diagnose`."""

import click

from homelab.cli.common import (
    inventory_option,
    inventory_or_none,
    json_option,
    observe,
    paint,
    snapshot_option,
    telling,
)
from homelab.errors import OperationError, UsageError
from homelab.model.inventory import Inventory
from homelab.report.diagnosis_text import diagnosis_text
from homelab.report.documents import as_json, diagnosis_document
from homelab.report.paint import plain
from homelab.report.proof import proof_document, proofs_text
from homelab.system.live import LiveSystem
from homelab.workflow.carrying import run_fix
from homelab.workflow.look import Diagnosis, diagnose, exit_code, fixes
from homelab.workflow.probing import Compared, compare_again

DISAGREEMENT = 4


@click.command("diagnose")
@inventory_option
@snapshot_option
@json_option
@click.option("--no-probe", is_flag=True, help="Send no packet; the model alone judges.")
@click.option("--fix", "mend", is_flag=True, help="Run the fixes that are found, then look again.")
def diagnose_command(
    *, path: str | None, file: str | None, as_document: bool, no_probe: bool, mend: bool
) -> int:
    """Find every unreachable container network; name the hop and the rule, and the smallest fix.

    Needs no inventory. Real packets (an echo request or a TCP connection to each container) are sent
    from the place nearest to the LAN that can be entered, and compared with the model. Nothing is
    changed on any host; what is counted of the packets is read before and after.
    """
    if mend and file:
        raise UsageError("--fix changes a live lab; it does not go with --snapshot")
    declared = inventory_or_none(path) or Inventory()
    taken, system = observe(file, declared)
    diagnosis = diagnose(declared, taken)
    if mend and system is not None and fixes(diagnosis.findings):
        diagnosis = _mend(diagnosis, declared, system)
    compared = Compared(diagnosis)
    if system is not None and not no_probe:
        live = system
        compared = compare_again(diagnosis, live, lambda: diagnose(declared, live.read()))
    _show(compared, as_document=as_document)
    return DISAGREEMENT if compared.disagree else exit_code(compared.diagnosis)


def _mend(diagnosis: Diagnosis, declared: Inventory, system: LiveSystem) -> Diagnosis:
    for fix in fixes(diagnosis.findings):
        click.echo(f"fix: {plain(fix.text)}", err=True)
        execution = run_fix(fix.operations, system, telling(diagnosis.case.snapshot))
        if execution.failure is not None:
            raise OperationError(f"{execution.failure}; what was done of this fix is taken back")
    return diagnose(declared, system.read())


def _show(compared: Compared, *, as_document: bool) -> None:
    case, findings = compared.diagnosis.case, compared.diagnosis.findings
    if as_document:
        probes = [proof_document(each) for each in compared.proofs]
        click.echo(as_json(diagnosis_document(case, findings, probes, compared.left_out)))
        return
    click.echo(diagnosis_text(case, findings, paint()))
    if compared.proofs:
        click.echo(proofs_text(compared.proofs, compared.left_out, paint()))
