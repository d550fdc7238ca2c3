"""`homelab render`: the files that keep a lab over a reboot, as this machine needs them."""

import shutil
import sys
from pathlib import Path

import click

from homelab.cli.common import DEFAULTS, inventory_option
from homelab.errors import UsageError
from homelab.system.templates import render

FILES = ("apply.service", "watch.service", "networkd.conf")
UNSAFE = frozenset(" \t\n\"'\\%$;")
"""What a path in a unit would have to be quoted for: systemd.service(5), "Command lines"."""


@click.command("render")
@click.argument("file", type=click.Choice(FILES))
@inventory_option
def render_command(*, file: str, path: str | None) -> int:
    """Print a file for systemd: its first line says where it belongs.

    A template of the same name in /etc/homelab/templates wins over homelab's own.
    """
    values = {"program": _program(), "inventory": Path(path or DEFAULTS[-1]).absolute()}
    for each in values.values():
        if UNSAFE & set(str(each)):
            raise UsageError(f"{each}: a path with such characters cannot stand in a unit")
    click.echo(render(f"{file}.j2", values), nl=False)
    return 0


def _program() -> Path:
    """The command as it was installed, which a service finds without anybody's PATH."""
    beside = Path(sys.executable).with_name("homelab")
    found = beside if beside.exists() else Path(shutil.which("homelab") or "/usr/local/bin/homelab")
    return found.absolute()
