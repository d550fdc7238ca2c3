"""A link on the way is down, has no carrier, or is gone.

Seen as: routes are there, and nothing passes; `ip route` may say `linkdown`.

Look, in the place that is named:

    ip -br link
    bridge link

Why: the link was set down, a cable or a virtual machine's port is unplugged, or a bridge has no port that is up,
which makes its carrier vanish: Docker's bridge of a network without running containers is such a one. A
route that names a link which was deleted goes with it; one whose link comes back under a new index
does not come back by itself.

Fix: bring the link up where it is down:

    ip link set LINK up

A link without carrier waits for its other end: start the guest or container, plug the cable, or attach
the port to the bridge.

Opens: what was reachable by it before.

Undo: `ip link set LINK down`.
"""

from collections.abc import Hashable

from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix

CODE = "host-link-down"


def claims(seen: Seen) -> bool:
    return seen.cause.kind == "link" or _bridge_down(seen) is not None


def _bridge_down(seen: Seen) -> str | None:
    """The judged network's own bridge: with it goes its route, and packets take the next best one."""
    bridge = seen.network.bridge if seen.network and seen.at == seen.place else None
    links = seen.here.links if seen.here and seen.cause.kind == "route" else ()
    return next((each.name for each in links if each.name == bridge and not each.up), None)


def _named(seen: Seen) -> str | None:
    """The link at which the packet ended: one that the place has, as far as that is known."""
    named = (_bridge_down(seen), seen.cause.key, seen.cause.oif, seen.cause.iif)
    links = {each.name for each in (seen.here.links if seen.here else ())}
    return next((each for each in named if each in links), seen.cause.oif or seen.cause.iif)


def alike(seen: Seen) -> Hashable:
    """One link down is one fault, whomever its packets were for."""
    return _named(seen) or seen.cause.text


def tells(group: Group) -> Told:
    seen, name = group[0], _named(group[0])
    links = {each.name: each for each in (seen.here.links if seen.here else ())}
    link = links.get(name or "")
    is_down = link is not None and not link.up
    lines = (
        (command(seen.case, seen.at, "ip", "link", "set", link.name, "up"),)
        if link and is_down
        else ()
    )
    text = (
        f"bring {name} of {seen.at} up"
        if is_down
        else f"see what {name} of {seen.at} is plugged into"
    )
    return Told(
        f"{seen.at}: packets for {aims(group)} end at a link, {seen.cause.text}",
        Fix(text, commands=lines),
    )


FAULT = Fault(CODE, "a link on the way is down", __doc__, claims, tells, alike)
