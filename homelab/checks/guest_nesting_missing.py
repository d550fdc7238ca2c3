"""The guest runs Docker without `security.nesting`.

Seen as: dockerd does not start, or containers do not: errors about mounting proc or overlay, about AppArmor, or
about writing below /proc/sys.

Look, on the host:

    lxc config show NAME --expanded | grep nesting

Why: LXD and Incus keep a guest from mounting what a container runtime has to mount unless the key is true.
How much breaks depends on kernel, AppArmor and the Docker release, so a guest without it may seem
to work until an update of any of them. A kernel without AppArmor does not enforce it at all.

Fix: set the key and restart the guest; its containers are down for some seconds.

    lxc config set NAME security.nesting=true
    lxc restart NAME

For a guest in the inventory, `homelab apply --yes` does both, and remembers what the key was.

Opens: nothing in the network. Inside of the guest its root may mount more: do not run strangers in it.

Undo: `lxc config unset NAME security.nesting`, and restart.
"""

from collections.abc import Iterator

from homelab.checks.advice import APPLY, kept, started
from homelab.checks.fault import Fault
from homelab.checks.lab import judged_names
from homelab.checks.silence import is_silent
from homelab.model.finding import Case, Finding, Fix
from homelab.model.lxc import Instance
from homelab.model.place import Place, guest

CODE = "guest-nesting-missing"
KEY = "security.nesting"
TRUE = ("true", "1", "yes", "on")


def sees(case: Case) -> Iterator[Finding]:
    runtime = case.snapshot.runtime
    is_known = runtime is not None and runtime.name != "lxc"
    for each in runtime.instances if runtime and is_known else ():
        place = guest(each.name)
        wanted = place in case.snapshot.daemons or bool(judged_names(case, place))
        if wanted and each.expanded_config.get(KEY, "").casefold() not in TRUE:
            yield _finding(case, place, each)


def _finding(case: Case, place: Place, instance: Instance) -> Finding:
    broken = is_silent(case.snapshot.unread.get(f"{place}/docker", ""))
    said = instance.expanded_config.get(KEY)
    return Finding(
        CODE,
        "error" if broken else "warning",
        place,
        f"{place}: Docker runs in it and {KEY} is {said or 'not set'}, which may keep Docker from "
        "mounting and from writing sysctls",
        fix=Fix(f"set {KEY}=true and restart {place}", commands=_commands(case, instance)),
        affects=judged_names(case, place),
    )


def _commands(case: Case, instance: Instance) -> tuple[str, ...]:
    runtime = case.snapshot.runtime
    can_apply = runtime is not None and not runtime.is_plain
    if can_apply and case.inventory.guest(instance.name) is not None:
        return (APPLY,)
    place = guest(instance.name)
    return kept(case, place, KEY, "true"), started(case, place, again=True)


FAULT = Fault(CODE, "a guest with Docker lacks nesting", __doc__, sees=sees)
