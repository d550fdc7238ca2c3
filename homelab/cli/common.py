"""What every command needs: its options, the inventory, the snapshot, and how it says things."""

import functools
import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from homelab.cli.lab import lab_of
from homelab.cli.names import Names, keep
from homelab.cli.progress import steps
from homelab.errors import InventoryError, UsageError
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import guest_of
from homelab.model.snapshot import Snapshot
from homelab.report.commands import commands
from homelab.report.paint import Paint
from homelab.system import Lab
from homelab.system.files import write_whole

SELDOM = 200_000
"""Objects after which garbage is looked for: what a command makes of a snapshot lives to its end too."""

DEFAULTS = (Path("inventory"), Path("/etc/homelab/inventory"))


def inventory_option(command: Callable[..., int]) -> Callable[..., int]:
    """``-i PATH`` is understood before and after the command's name."""

    @click.option("-i", "--inventory", "path", metavar="PATH", help="Inventory file or folder.")
    @functools.wraps(command)
    def wrapped(*, path: str | None, **arguments: object) -> int:
        return command(path=path or click.get_current_context().obj, **arguments)

    return wrapped


json_option = click.option("--json", "as_document", is_flag=True, help="Print a JSON document.")
snapshot_option = click.option(
    "--snapshot", "file", metavar="FILE", help="Work on a saved snapshot, offline."
)


def find_inventory(path: str | None) -> Path | None:
    """The inventory's path: the one given, else the first default that exists, else None."""
    if path is not None:
        return Path(path)
    return next((each for each in DEFAULTS if each.exists()), None)


def inventory_or_none(path: str | None) -> Inventory | None:
    """None when no inventory was given and none is at the default places."""
    found = find_inventory(path)
    if found is None:
        return None
    from homelab.load.inventory import load_inventory  # noqa: PLC0415 - pydantic costs start-up time

    return load_inventory(found)


def inventory(path: str | None) -> Inventory:
    loaded = inventory_or_none(path)
    if loaded is None:
        raise InventoryError(
            (
                "no inventory: neither ./inventory nor /etc/homelab/inventory exists; name one with -i",
            )
        )
    return loaded


def saved_snapshot(file: str) -> Snapshot:
    """Of a big snapshot millions of values live to the end: nothing is gained by looking for garbage there."""
    from homelab.load.snapshot import load_snapshot  # noqa: PLC0415 - pydantic costs start-up time

    gc.disable()
    try:
        return load_snapshot(Path(file))
    finally:
        gc.freeze()
        gc.set_threshold(SELDOM)
        gc.enable()


def observe(file: str | None, declared: Inventory | None) -> tuple[Snapshot, Lab | None]:
    """The saved snapshot, or the lab as it is now together with the system that read it."""
    if file:
        return saved_snapshot(file), None
    system = lab_of(declared)
    taken = system.read()
    keep(names_of(taken))
    return taken, system


def names_of(taken: Snapshot) -> Names:
    """What a shell may complete from now on."""
    daemons = [(guest_of(place) or place, daemon) for place, daemon in taken.daemons.items()]
    containers = [(inside, each) for inside, daemon in daemons for each in daemon.containers]
    attached = (one for _, each in containers for one in each.attachments)
    return {
        "guests": tuple(
            guest_of(each) or "" for each in taken.namespaces if each.startswith("guest:")
        ),
        "networks": tuple(
            f"{inside}/{each.name}" for inside, one in daemons for each in one.networks
        ),
        "containers": tuple(f"{inside}/{each.name}" for inside, each in containers),
        "places": (*taken.namespaces, *taken.aliases),
        "addresses": tuple(str(each.ipv4) for each in attached if each.ipv4),
    }


def is_asked_by_a_person() -> bool:
    """Whether somebody sits at a terminal and can answer; a service may have no standard input at all."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def paint() -> Paint:
    return Paint(sys.stdout.isatty() and "NO_COLOR" not in os.environ)


def telling(seen: Snapshot) -> Callable[[Operation], None]:
    """Progress, for people, on stderr: each operation as the command that a person would type."""
    step = steps(say)

    def tell(operation: Operation) -> None:
        for line in commands(operation, seen)[-1:]:
            with suppress(OSError, ValueError):
                step(operation.place, line)

    return tell


def say(text: str) -> None:
    """A line on stderr; a terminal that is gone does not keep a change from coming to its end."""
    with suppress(OSError, ValueError):
        click.echo(text, err=True)


def lines_of(file: str) -> Iterator[str]:
    """The lines of a file, or of standard input for ``-``, as they come in.

    A byte that is not UTF-8 is kept as half of a surrogate pair, so that it spoils its own line only.
    """
    if file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        yield from sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8", errors="surrogateescape") as lines:
            yield from lines
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error


def write_text(file: str, text: str) -> None:
    """Write a file whole, readable by its owner only."""
    try:
        write_whole(Path(file), text, 0o600)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
