"""`homelab explain`."""

import difflib

import click

from homelab.checks import CHECKS
from homelab.cli.common import json_option
from homelab.errors import UsageError
from homelab.report.documents import as_json


@click.command("explain")
@click.argument("code", required=False)
@json_option
def explain_command(*, code: str | None, as_document: bool) -> int:
    """Print the page of one fault; without CODE, list them all."""
    pages = {each.code: each for each in CHECKS}
    if code is None:
        if as_document:
            rows = [{"code": each.code, "title": each.title} for each in CHECKS]
            click.echo(as_json({"schema": "homelab.faults/1", "faults": rows}))
            return 0
        width = max(map(len, pages))
        for each in CHECKS:
            click.echo(f"{each.code:{width}}  {each.title}")
        return 0
    if code not in pages:
        near = difflib.get_close_matches(code, pages, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UsageError(f"{code}: no such fault; {hint}`homelab explain` lists them all")
    check = pages[code]
    if as_document:
        page = {"code": check.code, "title": check.title, "page": check.page}
        click.echo(as_json({"schema": "homelab.fault/1", **page}))
        return 0
    click.echo(f"{check.code}: {check.title}\n\n{check.page.strip()}")
    return 0
