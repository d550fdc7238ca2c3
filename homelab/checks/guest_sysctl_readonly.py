"""The guest's `/proc/sys` is read-only: nothing in it, Docker included, can set what it needs.

Seen as: dockerd warns that it cannot write below `/proc/sys/net`, or does not start; `sysctl -w` in the guest says
"Read-only file system".

Look, in the guest:

    grep /proc/sys /proc/self/mountinfo

Why: LXC mounts `/proc/sys` read-only into privileged guests (`lxc.mount.auto: proc:mixed`) and leaves only
`/proc/sys/net` writable. A `raw.lxc` of somebody's, an image or a container in between may take that away too
(lxc.container.conf(5)). dockerd must set `ip_forward` and keys of its bridges.

Fix: the key is set from the host, which sees the guest's network namespace without its mounts. For Docker's own writes
the mount has to become writable, and the guest to be restarted:

    lxc config set NAME raw.lxc "lxc.mount.auto = proc:rw sys:mixed"

Opens: what the key opens; with a writable mount the guest's root sets its own network keys.

Undo: set the key to what it was; `lxc config unset NAME raw.lxc`.
"""

from collections.abc import Iterator
from dataclasses import replace

from homelab.checks.advice import kept, started, sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_forwarding_off import is_forwarding
from homelab.checks.lab import judged_names
from homelab.checks.seen import Group, Seen
from homelab.checks.silence import silent
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place

CODE = "guest-sysctl-readonly"
RAW = "lxc.mount.auto = proc:rw sys:mixed"


def claims(seen: Seen) -> bool:
    here = seen.here is not None and seen.here.read_only_sysctls
    return seen.in_guest and here and is_forwarding(seen)


def tells(group: Group) -> Told:
    seen = group[0]
    key = seen.cause.key or "net.ipv4.ip_forward"
    fix = sysctl_fix(seen, key, "1")
    text = (
        f"{fix.text}, from the host; then make /proc/sys writable: {_writable(seen.case, seen.at)}"
    )
    return Told(
        f"{seen.at}: {key} is 0, and nothing in the guest can set it, its /proc/sys/net is read-only",
        replace(fix, text=text),
    )


def _writable(case: Case, place: Place) -> str:
    return kept(case, place, "raw.lxc", RAW)


def sees(case: Case) -> Iterator[Finding]:
    quiet = {place for place, _ in silent(case)}
    for place, here in sorted(case.snapshot.namespaces.items()):
        if here.read_only_sysctls and (place in case.snapshot.daemons or place in quiet):
            restart = started(case, place, again=True)
            yield Finding(
                CODE,
                "warning",
                place,
                f"{place}: Docker runs in it, and its /proc/sys/net is read-only, so Docker cannot set what it needs",
                fix=Fix("make /proc/sys writable", commands=(_writable(case, place), restart)),
                affects=judged_names(case, place),
            )


FAULT = Fault(CODE, "a guest's /proc/sys is read-only", __doc__, claims, tells, sees=sees)
