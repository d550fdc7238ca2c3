"""What a signal does that wants a change to end: the first one ends it, and nothing ends its way back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from homelab.cli.common import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible(what: str) -> Iterator[None]:
    """The first of the signals says ``what`` and raises ``KeyboardInterrupt``; later ones do nothing."""

    def interrupt(_: int, __: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        say(what)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
