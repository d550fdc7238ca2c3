"""The host has no route of its own to the containers' subnet.

Seen as: the guest answers, its containers do not, and a trace shows the packet leaving the host again by its
default route, or going round between host and router.

Look, on the host:

    ip route get 10.90.1.10             # dev of the uplink, or "Network is unreachable"

Why: nobody but the guest knows the subnets of its Docker networks: neither LXD nor Incus learns them. The
route has to be written, through the guest's address. It is lost when LXD or Incus sets its bridge up
again, because they flush the bridge's routes and restore only those of protocol boot, and when
systemd-networkd or ifupdown2 clear what they did not write (systemd issue 25451, ifupdown2 issue 250).

Fix: the route through the guest, with homelab's mark, protocol 201. For a network in the inventory
`homelab apply` does the same.

    ip route add SUBNET via GUEST dev lxdbr0 proto 201

Opens: the subnet, to everyone whose packets reach the host.

Undo: `homelab destroy`, or `ip route del SUBNET proto 201`.
"""

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_lost_at_host, is_missing, route_fix, shown
from homelab.model.place import HOST

CODE = "host-no-route"


def claims(seen: Seen) -> bool:
    return is_lost_at_host(seen) and is_missing(seen, HOST)


def tells(group: Group) -> Told:
    seen = group[0]
    only = f"only {shown(seen, HOST)}" if chosen(seen, HOST) else "not even a default route"
    return Told(
        f"host: it has no route to {seen.aim} of {seen.place}, {only}",
        route_fix(seen, HOST, seen.place),
        at=HOST,
        severity="error",
    )


FAULT = Fault(CODE, "the host has no route to the containers", __doc__, claims, tells, by_network)
