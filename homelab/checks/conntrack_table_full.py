"""The table of connections is full, or nearly so: new connections are dropped, old ones go on.

Seen as: some connections work and new ones hang, on and off; the kernel's log says "nf_conntrack: table full, dropping
packet".

Look, in the place that is named:

    sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max

Why: wherever a rule asks for connection state, or NAT is used, each connection takes an entry, also after it has ended,
until its timeout. A full table drops what would be new, unless an entry without an answer can be given up
(kernel, nf_conntrack-sysctl). The limit is the machine's; each namespace counts for itself.

Fix: double the limit; 64-bit kernels need about 320 bytes an entry. If a scan, a crawler or a torrent fills the
table, look for that instead: `conntrack -L`.

    sysctl -w net.netfilter.nf_conntrack_max=NUMBER

Opens: nothing.

Undo: set the key to what it was.
"""

from collections.abc import Iterator

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command, judged_names
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Case, Finding, Fix
from homelab.model.kernel import Namespace
from homelab.model.place import HOST, ROUTER, Place

CODE = "conntrack-table-full"
COUNT = "net.netfilter.nf_conntrack_count"
LIMIT = "net.netfilter.nf_conntrack_max"
NEARLY = 0.9
"""Share of the limit from which on the end is near."""


def _numbers(here: Namespace | None) -> tuple[int, int] | None:
    """Entries and limit; None where they were not observed, and a limit of 0 is none."""
    shown = [here.sysctls.get(key, "") for key in (COUNT, LIMIT)] if here else []
    if not all(each.isdecimal() for each in shown) or not shown or int(shown[1]) == 0:
        return None
    return int(shown[0]), int(shown[1])


def claims(seen: Seen) -> bool:
    return seen.cause.key == LIMIT


def _fix(case: Case, place: Place, limit: int) -> Fix:
    """Only the machine's first namespace may write the limit."""
    text = f"raise {LIMIT} to {2 * limit}"
    words = ("sysctl", "-w", f"{LIMIT}={2 * limit}")
    at = ROUTER if place == ROUTER else HOST
    return Fix(f"{text} on {at}", commands=(command(case, at, *words),))


def tells(group: Group) -> Told:
    seen, numbers = group[0], _numbers(group[0].here)
    count, limit = numbers or (0, 0)
    own = seen.at in (HOST, ROUTER)
    fix = sysctl_fix(seen, LIMIT, str(2 * limit)) if own else _fix(seen.case, seen.at, limit)
    return Told(
        f"{seen.at}: its table of connections is full, {count} of {limit}; new ones for {aims(group)} may be dropped",
        fix,
    )


def sees(case: Case) -> Iterator[Finding]:
    for place, here in sorted(case.snapshot.namespaces.items()):
        numbers = _numbers(here)
        if numbers is not None and numbers[0] >= NEARLY * numbers[1]:
            count, limit = numbers
            text = f"{place}: its table of connections has {count} entries of at most {limit}"
            yield Finding(
                CODE,
                "warning",
                place,
                f"{text}; a full one drops new connections",
                fix=_fix(case, place, limit),
                affects=judged_names(case, place),
            )


FAULT = Fault(CODE, "the table of connections is full", __doc__, claims, tells, by_place, sees)
