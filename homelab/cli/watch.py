"""`homelab watch`: the lab stays as it was last applied."""

import signal

import click

from homelab.cli.common import say
from homelab.cli.keeping import Keeper
from homelab.system.events import Events
from homelab.system.journal import Journal
from homelab.system.notify import heartbeat, notify

IDLE = 60.0
"""How many seconds without an event before it is made sure that the process itself still lives."""


@click.command("watch")
def watch_command() -> int:
    """Keep the lab as it was last applied, until SIGTERM.

    It sleeps until a kernel, Docker or LXD tells of a change, and puts back what homelab owns and
    somebody took away. It removes nothing, interrupts nothing, and starts no fight.
    """
    keeper = Keeper(Journal(), Events())
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
