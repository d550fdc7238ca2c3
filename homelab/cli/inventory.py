"""`homelab check` and `homelab schema`."""

from pathlib import Path

import click

from homelab.cli.common import find_inventory, inventory, inventory_option, json_option
from homelab.report.documents import as_json


@click.command("check")
@inventory_option
@json_option
def check_command(*, path: str | None, as_document: bool) -> int:
    """Validate the inventory, offline: overlaps, exhausted pools, unknown names.

    Prints every problem as FILE:LINE:COLUMN and exits with 2 if one of them is an error.
    """
    from homelab.workflow.check import check  # noqa: PLC0415 - see LazyCommands

    declared = inventory(path)
    problems = check(declared)
    errors = sum(each.severity == "error" for each in problems)
    if as_document:
        rows = [
            {"where": str(each.where), "severity": each.severity, "problem": each.text}
            for each in problems
        ]
        click.echo(as_json({"schema": "homelab.check/1", "problems": rows}))
    else:
        for each in problems:
            click.echo(f"{each.where}: {each.severity}: {each.text}")
        if not errors:
            found = find_inventory(path) or Path()
            size = f"{len(declared.guests)} guests, {len(declared.networks)} networks"
            click.echo(f"{found}: valid ({size}); next: `homelab plan`")
    return 2 if errors else 0


@click.command("schema")
def schema_command() -> int:
    """Print the JSON Schema of the inventory (for editors)."""
    from homelab.load.schema import schema  # noqa: PLC0415 - see LazyCommands

    click.echo(as_json(schema()))
    return 0
