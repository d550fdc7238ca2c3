"""The host sends the subnet to an address that is not the guest's.

Seen as: a trace ends in another guest, at a machine that nobody knows, or with no answer to ARP, though the
host has a route to just this subnet.

Look, on the host:

    ip route get 10.90.1.10
    lxc list                            # which guest has that address, if any

Why: the route was written for another guest or another address: the network moved, a guest was copied, an
address was given to somebody else. If the address was this guest's own before, the finding is
guest-address-changed instead.

Fix: a route of homelab's own is set anew through the guest. A route of somebody else's is left to its
writer, who finds the command here; if it covers more than this subnet, a route of ours to just
this subnet wins over it and leaves the rest as it is.

    ip route replace SUBNET via GUEST dev lxdbr0

Opens: the subnet, to everyone whose packets reach the host.

Undo: set the route as it was; `homelab destroy` removes ours.
"""

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import has_address
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_elsewhere, is_lost_at_host, reroute_fix, shown
from homelab.model.place import HOST, Address

CODE = "host-wrong-next-hop"


def claims(seen: Seen) -> bool:
    return is_lost_at_host(seen) and is_elsewhere(seen, HOST, seen.place)


def tells(group: Group) -> Told:
    seen, route = group[0], chosen(group[0], HOST)
    return Told(
        f"host: it sends {seen.aim} elsewhere than to {seen.place}, {shown(seen, HOST)}; "
        f"{holder(seen, route.via if route else None)}",
        reroute_fix(seen, HOST, seen.place),
        at=HOST,
        severity="error",
    )


def holder(seen: Seen, address: Address | None) -> str:
    """Who has the address that the route names."""
    spaces = seen.snapshot.namespaces.items()
    found = sorted(place for place, here in spaces if has_address(here, address))
    return f"{address} is {found[0]}" if found else f"nobody who was observed has {address}"


FAULT = Fault(CODE, "the host's next hop is not the guest", __doc__, claims, tells, by_network)
