"""The guest is not running.

Seen as: nothing of it answers, neither its own address nor any container.

Look, on the host:

    lxc list
    lxc info --show-log NAME

Why: it was stopped, it does not start with the host (`boot.autostart`), or it failed to start: its log names
a missing bridge or device, a full disk, or a limit. What would run in it cannot be seen while it is down,
so nothing is said about it.

Fix: start it.

    lxc start NAME                      # incus start NAME

Docker starts the containers that have a restart policy. Routes on the host through the guest stay in place
meanwhile; accepts of homelab's in the guest's own rules are put back by `homelab apply`.

Opens: what was open before.

Undo: `lxc stop NAME`.
"""

from collections.abc import Iterator

from homelab.checks.advice import started
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import declared_names
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import is_lost_at_host
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place, guest, guest_of

CODE = "guest-down"


def status(case: Case, place: Place) -> str | None:
    """What LXD or Incus says of a guest that does not run; None for one that does, or is not known."""
    instance = case.snapshot.instance(guest_of(place) or "")
    if instance is None or instance.is_running or case.snapshot.namespace(place) is not None:
        return None
    return instance.status.casefold() or "not running"


def claims(seen: Seen) -> bool:
    return status(seen.case, seen.place) is not None and (
        is_lost_at_host(seen) or seen.at == seen.place
    )


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.place}: the guest is {status(seen.case, seen.place)}, so {seen.aim} leads nowhere",
        _fix(seen.case, seen.place),
        at=seen.place,
        severity="error",
    )


def _fix(case: Case, place: Place) -> Fix:
    return Fix(f"start {place}", commands=(started(case, place),))


def sees(case: Case) -> Iterator[Finding]:
    for each in case.inventory.guests:
        place = guest(each.name)
        said = status(case, place)
        if said is not None:
            yield Finding(
                CODE,
                "error",
                place,
                f"{place}: the guest is {said}, and the inventory wants its networks reached",
                fix=_fix(case, place),
                affects=declared_names(case, each.name),
            )


FAULT = Fault(CODE, "a guest is not running", __doc__, claims, tells, by_place, sees)
