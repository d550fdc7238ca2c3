"""`homelab doctor`."""

from collections.abc import Sequence
from importlib.metadata import version

import click

from homelab.cli.common import inventory_option, inventory_or_none, json_option, paint
from homelab.model.ability import Ability, Need
from homelab.report.doctor_text import doctor_document, doctor_text
from homelab.report.documents import as_json
from homelab.system.abilities import abilities
from homelab.system.whereabouts import local_host


@click.command("doctor")
@inventory_option
@json_option
def doctor_command(*, path: str | None, as_document: bool) -> int:
    """Say what this machine can and cannot do, and why; nothing is changed.

    Exits with 1 when something is missing without which no diagnosis is possible here, with 3 when that
    cannot be told.
    """
    declared = inventory_or_none(path)
    here = local_host(declared) if declared else None
    found = abilities(here.runtime if here else "auto")
    if as_document:
        click.echo(as_json(doctor_document(found, version("homelab-net"))))
    else:
        click.echo(doctor_text(found, paint()))
    return code(found)


def code(found: Sequence[Ability]) -> int:
    needed = {each.works for each in found if each.need is Need.READING}
    if False in needed:
        return 1
    return 3 if None in needed else 0
