"""The host had homelab's routes to the containers, and something has cleared them.

Seen as: everything worked after `homelab apply`, and all networks behind one bridge are gone at once, after a change
of that bridge, a restart of LXD or of a network service, or a reload of interfaces.

Look, on the host; nothing with protocol 201 is left on that link:

    ip route show proto 201
    journalctl -b -u systemd-networkd -u snap.lxd.daemon -u incus

Why: LXD and Incus flush the routes of their bridge when they set it up again, and put back only those of protocol
boot (lxd issue 5832). systemd-networkd removes routes that it did not write unless `ManageForeignRoutes=no`
(systemd issue 25451), and ifreload does so too (ifupdown2 issue 250). The networks in the guests still bear
homelab's label: that is how it is known that the routes were there.

Fix: the same routes again; `homelab apply` does it for all, and `homelab watch` each time, within a second.

    homelab watch

Opens: the subnet, to everyone whose packets reach the host, as before.

Undo: `homelab destroy`, or `ip route del SUBNET proto 201`.
"""

from dataclasses import replace

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import next_hop
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import is_lost_at_host, is_missing, is_ours, route_fix
from homelab.model.place import HOST

CODE = "host-route-lost"


def claims(seen: Seen) -> bool:
    return seen.is_ours and is_lost_at_host(seen) and is_missing(seen, HOST) and _is_cleared(seen)


def _link(seen: Seen) -> str | None:
    hop = next_hop(seen.snapshot, HOST, seen.place, seen.version)
    return hop.link if hop else None


def _is_cleared(seen: Seen) -> bool:
    """Whether none of homelab's routes is left on the link: one that is gone alone was taken by hand."""
    here, link = seen.snapshot.host_namespace, _link(seen)
    routes = here.routes if here else ()
    alike = (each for each in routes if each.destination.version == seen.version)
    return link is not None and not any(is_ours(each) and each.link == link for each in alike)


def _culprit(seen: Seen) -> str:
    runtime, link = seen.snapshot.runtime, _link(seen)
    managed = runtime is not None and any(
        each.managed and each.name == link for each in runtime.networks
    )
    if runtime is not None and managed:
        return f"{runtime.name} flushes them when it sets {link} up again"
    return "a network service that clears what it did not write"


def tells(group: Group) -> Told:
    seen = group[0]
    fix = route_fix(seen, HOST, seen.place)
    kept = "; `homelab watch` puts it back whenever it is lost"
    return Told(
        f"host: homelab made {seen.judgement.name.network} of {seen.place}, and no route of homelab's is left on "
        f"{_link(seen)}, the one to {seen.aim} neither: {_culprit(seen)}",
        replace(fix, text=f"{fix.text}{kept}") if fix else None,
        at=HOST,
        severity="error",
    )


FAULT = Fault(CODE, "homelab's routes on the host were cleared", __doc__, claims, tells, by_network)
