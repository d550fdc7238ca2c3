"""`homelab init`."""

import os
from pathlib import Path

import click

from homelab.cli.common import inventory_option, json_option, observe, say, snapshot_option
from homelab.errors import UsageError
from homelab.load.draft import written
from homelab.load.inventory import parse_inventory
from homelab.model.inventory import Inventory
from homelab.model.snapshot import Snapshot
from homelab.report.documents import as_json
from homelab.report.paint import plain
from homelab.workflow.drafting import draft

FOLDER = Path("inventory")
NAME = "homelab.yaml"


@click.command("init")
@inventory_option
@snapshot_option
@json_option
def init_command(*, path: str | None, file: str | None, as_document: bool) -> int:
    """Write an inventory from what runs on this host.

    It goes to PATH of -i, or to inventory/homelab.yaml; `-i -` prints it. Nothing that is there is
    overwritten. A plan for it changes nothing: networks that are not homelab's are written with
    `managed: false`, until you take that away.
    """
    target = _target(path)
    taken, _ = observe(file, None)
    text, left_out = written(draft(taken))
    found = parse_inventory([("inventory", text.encode())], "inventory")
    if target is not None:
        _write(target, text)
    if as_document:
        click.echo(as_json(_document(found, left_out, target)))
    elif target is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"{plain(str(target))}: {_size(found)}; next: `homelab plan`{_named(path)}")
    _tell(taken, left_out, quiet=as_document)
    return 0


def _target(path: str | None) -> Path | None:
    """Where to write; ``UsageError`` if something is there already."""
    if path == "-":
        return None
    target = Path(path) if path else FOLDER / NAME
    if path is None and FOLDER.is_dir() and any(FOLDER.iterdir()):
        raise UsageError(
            f"{FOLDER}/ has an inventory already, and init overwrites nothing; "
            "write another one with `homelab init -i FILE`, or look at this one with `homelab check`"
        )
    if target.is_dir():
        target /= NAME
    if os.path.lexists(target):
        raise UsageError(
            f"{plain(str(target))} is there already, and init overwrites nothing; name another file with -i"
        )
    return target


def _write(target: Path, text: str) -> None:
    """Write a new file, never through what somebody put there meanwhile."""
    try:
        if target.parent == FOLDER:
            FOLDER.mkdir(exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"{plain(str(target))}: {error.strerror}; name a file in a folder you can write to"
        ) from error


def _document(
    found: Inventory, left_out: tuple[str, ...], target: Path | None
) -> dict[str, object]:
    rows = [
        {
            "guest": each.guest,
            "network": each.name,
            "subnets": [str(one) for one in each.subnets],
            "managed": each.managed,
        }
        for each in found.networks
    ]
    return {
        "schema": "homelab.init/1",
        "file": str(target) if target else None,
        "guests": [each.name for each in found.guests],
        "networks": rows,
        "left_out": list(left_out),
    }


def _size(found: Inventory) -> str:
    managed = sum(each.managed for each in found.networks)
    as_they_are = len(found.networks) - managed
    return (
        f"{len(found.guests)} guests, {len(found.networks)} networks, "
        f"{managed} of them homelab's, {as_they_are} left as they are"
    )


def _named(path: str | None) -> str:
    return f" with `-i {plain(path)}`" if path else ""


def _tell(taken: Snapshot, left_out: tuple[str, ...], *, quiet: bool) -> None:
    """What the inventory does not have, and why."""
    for each in () if quiet else left_out:
        say(f"left out: {plain(each)}")
    for place, reason in () if quiet else sorted(taken.unread.items()):
        say(f"not observed: {plain(place)}: {plain(reason)}")
