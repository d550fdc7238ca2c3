"""`homelab snapshot`."""

import os
import tempfile
from pathlib import Path

import click

from homelab.cli.common import inventory_option, inventory_or_none, observe, snapshot_option
from homelab.errors import UsageError
from homelab.load.redact import redact
from homelab.load.snapshot import dump_snapshot


@click.command("snapshot")
@inventory_option
@snapshot_option
@click.option("-o", "--output", metavar="FILE", help="Write there (mode 0600) instead of stdout.")
@click.option(
    "--redact",
    "hide",
    is_flag=True,
    help="Exchange names and addresses for others, leave out secrets.",
)
@click.option("--json", "_as_document", is_flag=True, help="A snapshot is JSON in any case.")
def snapshot_command(
    *, path: str | None, file: str | None, output: str | None, hide: bool, _as_document: bool
) -> int:
    """Write the facts of the whole lab into one file, for `--snapshot` and for bug reports."""
    taken, _ = observe(file, inventory_or_none(path))
    text = dump_snapshot(redact(taken) if hide else taken)
    if output is None or output == "-":
        click.echo(text)
        return 0
    write_private(Path(output), text)
    for place, reason in sorted(taken.unread.items()):
        click.echo(f"not observed: {place}: {reason}", err=True)
    places = f"{len(taken.namespaces)} places, {len(taken.daemons)} Docker daemons"
    click.echo(f"{output}: {places}; next: `homelab diagnose --snapshot {output}`", err=True)
    return 0


def write_private(file: Path, text: str) -> None:
    """Replace the file at once, readable by its owner only; a failure leaves the old one."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text + "\n")
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}; name a file in a folder you can write"
        ) from error
