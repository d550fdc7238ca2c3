"""What systemd is told of a service: that it is ready, that it lives, and what it does (sd_notify(3))."""

import os
import socket
from contextlib import suppress


def notify(**state: str) -> None:
    """``notify(READY="1", STATUS="…")``; without a service manager nobody is told, and nothing fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A first @ stands for the zero byte of an abstract socket (sd_notify(3)).
    target = "\0" + address[1:] if address.startswith("@") else address
    lines = (f"{name}={text.replace(chr(10), ' ')}" for name, text in state.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto("\n".join(lines).encode(errors="replace"), target)


def heartbeat() -> float | None:
    """Every how many seconds ``WATCHDOG=1`` is wanted: half the time after which systemd acts.

    None when no watchdog is set for this process (sd_watchdog_enabled(3)).
    """
    period, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not period.isdecimal() or int(period) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(period) / 2_000_000
