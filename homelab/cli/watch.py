"""`homelab watch`: the lab stays as it was last applied."""

import signal
from ipaddress import ip_address

import click

from homelab.cli.common import say
from homelab.cli.keeping import Keeper
from homelab.errors import UsageError
from homelab.system.events import Events
from homelab.system.journal import Journal
from homelab.system.metrics import Metrics
from homelab.system.notify import heartbeat, notify

IDLE = 60.0
"""How many seconds without an event before it is made sure that the process itself still lives."""


@click.command("watch")
@click.option(
    "--metrics",
    "where",
    metavar="[ADDRESS:]PORT",
    help="Serve metrics for Prometheus there (address: 127.0.0.1 unless given).",
)
def watch_command(*, where: str | None) -> int:
    """Keep the lab as it was last applied, until SIGTERM.

    It sleeps until a kernel, Docker or LXD tells of a change, and puts back what homelab owns and
    somebody took away. It removes nothing, interrupts nothing, and starts no fight.
    """
    keeper = Keeper(Journal(), Events(), Metrics(*_address(where)) if where else None)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: keeper.events.stop())
    keeper.begin()
    notify(READY="1", STATUS=keeper.status())
    say(keeper.status())
    beat = heartbeat() or IDLE
    while keeper.turn(beat):
        notify(WATCHDOG="1", STATUS=keeper.status())
    notify(STOPPING="1")
    return 0


def _address(text: str) -> tuple[str, int]:
    """``9100``, ``10.0.0.2:9100`` or ``[::1]:9100``."""
    address, _, port = text.rpartition(":")
    try:
        found, number = ip_address(address.strip("[]") or "127.0.0.1"), int(port)
    except ValueError:
        number = 0
    if not 0 < number < 1 << 16:
        raise UsageError(f"--metrics {text}: expected [ADDRESS:]PORT")
    return str(found), number
