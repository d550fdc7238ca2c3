"""A place or a source could not be read, so nothing is concluded from it.

Seen as: a network's verdict is "unknown", or a trace ends with the name of what was not read.

Look: run as root, and see which sources are named under `unread`:

    homelab snapshot -o lab.json

Why: no permission to enter a network namespace, a daemon that is hung or answers in words that are not
understood, a program that crashes. nft 1.0.6 was seen to crash on rulesets with named sets or maps
that nft 1.1.7 wrote. An answer that is empty because the program failed is never taken for
"no rules".

Fix: remove the reason that is named. As another user than root, only the host's own namespace can be
read. A guest that is stopped or whose Docker is down has a finding of its own.

Opens: nothing.

Undo: nothing to undo.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told
from homelab.checks.guest_down import status
from homelab.checks.lab import judged_names
from homelab.checks.seen import Group, Seen
from homelab.checks.silence import SOURCE, is_silent
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place

CODE = "not-observed"
TEXT = "remove the reason, and look again as root"


def claims(seen: Seen) -> bool:
    """The model does not know because nobody read it, not because it could not tell."""
    if seen.cause.kind != "unmodelled":
        return False
    unread = seen.here.unread if seen.here else {}
    place = seen.here is None and seen.at in seen.snapshot.unread
    words = any(
        each in seen.cause.text for each in ("not read", "not observed", "could not be read")
    )
    return (seen.cause.key or "") in unread or place or words


def tells(group: Group) -> Told:
    seen = group[0]
    reason = seen.snapshot.unread.get(seen.at)
    why = f": {reason}" if reason and reason not in seen.cause.text else ""
    return Told(
        f"{seen.at}: what becomes of {_aims(group)} depends on what was not observed, "
        f"{seen.cause.text}{why}",
        Fix(TEXT),
    )


def _aims(group: Group) -> str:
    return ", ".join(dict.fromkeys(str(each.trace.target) for each in group))


def sees(case: Case) -> Iterator[Finding]:
    """Places and daemons that were not read; a place that is not running has nothing to read."""
    for source, reason in sorted(case.snapshot.unread.items()):
        place, _, part = (
            source.rpartition("/") if source.endswith((SOURCE, "/lxd")) else (source, "", "")
        )
        explained = (part == "docker" and is_silent(reason)) or status(
            case, Place(place)
        ) is not None
        if not explained and reason != NOT_RUNNING:
            yield Finding(
                CODE,
                "warning",
                Place(place),
                f"{source}: not observed, {reason}; nothing is concluded from it",
                fix=Fix(TEXT),
                affects=judged_names(case, Place(place)),
            )


NOT_RUNNING = "not running"
"""How the reader says that a guest is stopped: nothing was missed there."""

FAULT = Fault(CODE, "something could not be observed", __doc__, claims, tells, sees=sees)
