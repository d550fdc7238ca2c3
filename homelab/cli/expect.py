"""`homelab expect`."""

import click

from homelab.cli.common import (
    inventory,
    inventory_option,
    json_option,
    observe,
    paint,
    snapshot_option,
)
from homelab.diagnosis.expect import put_to_the_test
from homelab.report.documents import as_json
from homelab.report.expect_text import expect_document, expect_text
from homelab.workflow.look import expectations_code


@click.command("expect")
@inventory_option
@snapshot_option
@json_option
def expect_command(*, path: str | None, file: str | None, as_document: bool) -> int:
    """Test what the inventory expects of the network: who reaches whom, and who must not.

    Lists each entry of `expect` with its answer, and what speaks against it. Exits with 0 when all
    hold, 1 when one does not, 3 when one cannot be told. `diagnose` and `plan` look at them too.
    """
    declared = inventory(path)
    taken, _ = observe(file, declared)
    trials = put_to_the_test(declared, taken)
    click.echo(as_json(expect_document(trials)) if as_document else expect_text(trials, paint()))
    return expectations_code(trials)
