"""A network ACL of LXD or Incus drops what no rule of it allows.

Seen as: guests on one managed network lose some or all traffic; some ports answer and others do not.

Look, on the host:

    lxc network get lxdbr0 security.acls
    lxc network acl show NAME
    nft list table inet lxd             # chain acl.lxdbr0

Why: as soon as a network has an ACL, what no rule allows is rejected, unless
`security.acls.default.ingress.action` and `….egress.action` say otherwise. Containers are not in LXD's books: their
subnets must be allowed by address. `ingress` is what goes to the instances, `egress` what they send.

Fix: a rule in the ACL that allows the subnet, in the direction that was dropped:

    lxc network acl rule add NAME ingress action=allow destination=SUBNET

Opens: every port of every container of that subnet, for whoever is routed through that network.

Undo: the same command with `remove` in place of `add`.
"""

import shlex
from collections.abc import Hashable

from homelab.checks.advice import OF_RUNTIME, evidence, opens, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.lab import client
from homelab.checks.seen import Group, Seen, aims, networks
from homelab.model.finding import Fix

CODE = "host-lxd-acl-drop"
CHAINS = ("acl.", "lxd_acl_", "incus_acl_")
KEY = "security.acls"


def claims(seen: Seen) -> bool:
    mine = seen.on_host and seen.by_firewall and seen.cause.owner in OF_RUNTIME
    return mine and (seen.cause.chain or "").startswith(CHAINS)


def _acls(seen: Seen) -> tuple[str, ...]:
    """The ACLs of the network whose bridge the packet was to cross."""
    runtime = seen.snapshot.runtime
    links = (seen.cause.iif, seen.cause.oif)
    listed = (
        each.config.get(KEY, "")
        for each in (runtime.networks if runtime else ())
        if each.name in links
    )
    return tuple(name.strip() for each in listed for name in each.split(",") if name.strip())


def by_acls(seen: Seen) -> Hashable:
    """One rule of an ACL opens a subnet for whoever is kept away from it by another line of LXD's."""
    return _acls(seen), seen.is_return


def _lines(group: Group) -> tuple[str, ...]:
    """One direction is enough: LXD accepts established connections in its chain of ACLs."""
    seen = group[0]
    name = next(iter(_acls(seen)), "NAME")
    rule = (client(seen.snapshot), "network", "acl", "rule", "add", name)
    return tuple(
        shlex.join(
            (*rule, "egress", "action=allow", f"source={each.aim}")
            if each.is_return
            else (*rule, "ingress", "action=allow", f"destination={each.aim}")
        )
        for each in networks(group)
    )


def tells(group: Group) -> Told:
    seen = group[0]
    names = ", ".join(_acls(seen)) or "a network ACL"
    return Told(
        f"host: {names} of {seen.cause.owner} drops {way_of(seen)} {aims(group)}, {evidence(seen)}",
        Fix(f"allow {aims(group)} in {names}", commands=_lines(group), opens=opens(group)),
    )


FAULT = Fault(CODE, "a network ACL drops", __doc__, claims, tells, by_acls)
