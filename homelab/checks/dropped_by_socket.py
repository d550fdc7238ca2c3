"""The packet came up in a place where nobody takes it, and that place is no container.

Seen as: "connection refused" from an address that was meant to be a container's.

Look, in the place that is named:

    ip -br address
    ss -ltn

Why: the address belongs to that place itself: a gateway's address was asked instead of a container's, two
places have one address, or an address translation led here. The gateway address of a Docker
network answers ping whatever becomes of the containers behind it.

Fix: where a rule translated the address, take it out or narrow it, in the configuration of whoever wrote it. Else ask
for the container's own address; `homelab trace` takes its name too:

    homelab trace lan NAME

Opens: nothing.

Undo: nothing to undo.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix
from homelab.model.trace import Hop

CODE = "dropped-by-socket"


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "socket"


def tells(group: Group) -> Told:
    seen, translated = group[0], _translated(group[0])
    led = f"; {translated.at}: {translated.text}" if translated else ""
    narrow = f"narrow what leads it here ({translated.text}), or " if translated else ""
    return Told(
        f"{seen.at}: {seen.trace.target} comes up here, where nobody takes it, {seen.cause.text}{led}",
        Fix(
            f"{narrow}see what {seen.at} has and where it listens",
            commands=(command(seen.case, seen.at, "ss", "-ltnu"),),
        ),
    )


def _translated(seen: Seen) -> Hop | None:
    """Where a rule gave the packet another destination, if one did."""
    told = (each for each in seen.trace.forward if each.text.startswith("destination translated"))
    return next(told, None)


FAULT = Fault(CODE, "nobody takes the packet", __doc__, claims, tells)
