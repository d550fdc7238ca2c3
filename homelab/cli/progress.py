"""Progress of a change, for people: on a terminal with the time and the place, elsewhere a plain line."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from homelab.model.place import Place
from homelab.report.paint import plain

if TYPE_CHECKING:
    from rich.console import Console

Say = Callable[[str], None]
Step = Callable[[Place, str], None]


def steps(say: Say) -> Step:
    """How each step of a change is told."""
    if not sys.stderr.isatty():
        return lambda _, line: say(f"  {plain(line)}")
    from rich.console import Console  # noqa: PLC0415 - 60 ms, and only a terminal needs it

    return on_terminal(Console(stderr=True, highlight=False, soft_wrap=True))


def on_terminal(console: "Console", clock: Callable[[], float] = time.monotonic) -> Step:
    """Seconds since the change began, the guest or other place, and the command a person would type."""
    from rich.text import Text  # noqa: PLC0415 - as above

    begun = clock()

    def step(place: Place, line: str) -> None:
        # Text, and no markup: a name in square brackets stays a name.
        console.print(
            Text.assemble(
                (f"{clock() - begun:6.1f} s  ", "dim"),
                (f"{plain(place):16}", "bold"),
                f"  {plain(line)}",
            )
        )

    return step
