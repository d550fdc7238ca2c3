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
from homelab.model.place import HOST, Place

CODE = "not-observed"
TEXT = "remove the reason, and look again as root"
ELSEWHERE = "start LXD or Incus, or look on the machine that runs the guests"


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
    """Places and daemons that were not read, those for the same reason at once; the host's own first."""
    alike: dict[str, list[str]] = {}
    for source, reason in sorted(case.snapshot.unread.items(), key=lambda each: _rank(each[0])):
        if reason != NOT_RUNNING and not _is_explained(case, source, reason):
            alike.setdefault(reason, []).append(source)
    for reason, sources in alike.items():
        places = dict.fromkeys(_split(each)[0] for each in sources)
        names = (name for place in places for name in judged_names(case, place))
        yield Finding(
            CODE,
            "warning",
            next(iter(places)),
            f"{', '.join(sources)}: not observed, {reason}; nothing is concluded from it",
            fix=Fix(ELSEWHERE if f"{HOST}/lxd" in sources else TEXT),
            affects=tuple(dict.fromkeys(names)),
        )


def _rank(source: str) -> tuple[bool, str]:
    return not source.startswith(HOST), source


def _split(source: str) -> tuple[Place, str]:
    """``guest:web/docker`` is the place and what of it; ``container:web/app`` is a place alone."""
    if not source.endswith((SOURCE, "/lxd")):
        return Place(source), ""
    place, _, part = source.rpartition("/")
    return Place(place), part


def _is_explained(case: Case, source: str, reason: str) -> bool:
    place, part = _split(source)
    return (part == "docker" and is_silent(reason)) or status(case, place) is not None


NOT_RUNNING = "not running"
"""How the reader says that a guest is stopped: nothing was missed there."""

FAULT = Fault(CODE, "something could not be observed", __doc__, claims, tells, sees=sees)
