"""`homelab render`: the files that keep a lab over a reboot, as this machine needs them."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from homelab.cli.common import DEFAULTS, inventory, inventory_option, observe, snapshot_option
from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.model.persistence import KeptRoute
from homelab.model.snapshot import Snapshot
from homelab.planning.allocate import allocate
from homelab.resources.host_route import HostRoute
from homelab.resources.router_route import RouterRoute
from homelab.system.kept_text import TEMPLATES, routes_text
from homelab.system.templates import render

FILES = ("apply.service", "watch.service", "networkd.conf")
ROUTES = {template.removesuffix(".j2"): keeper for keeper, template in TEMPLATES.items()}
UNSAFE = frozenset(" \t\n\"'\\%$;")
"""What a path in a unit would have to be quoted for: systemd.service(5), "Command lines"."""


@click.command("render")
@click.argument("wanted", metavar="FILE", type=click.Choice((*FILES, *ROUTES)))
@click.option("--router", "of_router", is_flag=True, help="The routes of the router, not the host.")
@snapshot_option
@inventory_option
def render_command(*, wanted: str, of_router: bool, path: str | None, file: str | None) -> int:
    """Print a file that brings a lab back at boot.

    Of the units and networkd.conf the first line says where it belongs. A template of the same name, with .j2 at
    its end, in /etc/homelab/templates wins over homelab's own.
    """
    if wanted in ROUTES:
        declared = inventory(path)
        seen, _ = observe(file, declared)
        click.echo(
            _routes(ROUTES[wanted], allocate(declared, seen), seen, of_router=of_router), nl=False
        )
        return 0
    values = {"program": _program(), "inventory": Path(path or DEFAULTS[-1]).absolute()}
    for each in values.values():
        if UNSAFE & set(str(each)):
            raise UsageError(f"{each}: a path with such characters cannot stand in a unit")
    click.echo(render(f"{wanted}.j2", values), nl=False)
    return 0


def _routes(keeper: str, declared: Inventory, seen: Snapshot, *, of_router: bool) -> str:
    kind = RouterRoute if of_router else HostRoute
    found = tuple(_kept(keeper, kind.desired(declared, seen)))
    if not found:
        raise UsageError("no route of homelab's own is wanted there; see `homelab plan`")
    return routes_text(keeper, found)


def _kept(keeper: str, live: Iterator[HostRoute] | Iterator[RouterRoute]) -> Iterator[KeptRoute]:
    for each in live:
        if each.via is not None and each.link:
            yield KeptRoute(each.destination, each.via, each.link, keeper, "")


def _program() -> Path:
    """The command as it was installed, which a service finds without anybody's PATH."""
    beside = Path(sys.executable).with_name("homelab")
    found = beside if beside.exists() else Path(shutil.which("homelab") or "/usr/local/bin/homelab")
    return found.absolute()
