"""The guest has another address than the routes to its containers, or the inventory, say.

Seen as: everything worked until the guest or its network was restarted; the host asks for the old
address (ARP) and nobody answers.

Look, on the host and in the guest:

    ip route | grep SUBNET
    lxc list NAME

Why: the guest takes its address by DHCP, and got another one: the lease ran out, the guest was copied and has a
new MAC, or its network was made anew. Routes on host and router still name the address of before.

Fix: with an inventory, `homelab apply --yes` gives the guest the fixed address that stands there
(`ipv4.address` of its NIC, which LXD and Incus hand out by DHCP) and sets the routes. Without one, a route of
ours is set anew through the guest's present address; a route of somebody else's is shown and left
to its writer. To keep the address:

    lxc config device override NAME eth0 ipv4.address=ADDRESS

Opens: nothing new.

Undo: `homelab destroy`, or set the route as it was.
"""

from collections.abc import Iterator

from homelab.checks.advice import APPLY
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import declared_names, has_address, is_unreachable, subnet_addresses
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_elsewhere, is_lost_at_host, is_ours, reroute_fix
from homelab.model.finding import Case, Finding, Fix
from homelab.model.inventory import Guest
from homelab.model.place import HOST, Address, Place, guest, guest_of

CODE = "guest-address-changed"


def claims(seen: Seen) -> bool:
    """The host's route leads to an address that was this guest's, and that no place has now."""
    route = chosen(seen, HOST)
    if route is None or not is_lost_at_host(seen) or not is_elsewhere(seen, HOST, seen.place):
        return False
    taken = any(has_address(each, route.via) for each in seen.snapshot.namespaces.values())
    return not taken and (is_ours(route) or route.via in _wanted(seen))


def _wanted(seen: Seen) -> tuple[Address, ...]:
    declared = seen.case.inventory.guest(guest_of(seen.place) or "")
    return declared.nic.addresses if declared else ()


def tells(group: Group) -> Told:
    seen, route = group[0], chosen(group[0], HOST)
    via = route.via if route else None
    known = via in _wanted(seen)
    now = _now(seen.case, seen.place)
    fix = (
        Fix(f"give {seen.place} its address {via} again", commands=(APPLY,))
        if known
        else reroute_fix(seen, HOST, seen.place)
    )
    return Told(
        f"{seen.place}: the host sends {seen.aim} via {via}, which nobody has any more; "
        f"the guest has {now}",
        fix,
        at=seen.place,
    )


def _now(case: Case, place: Place) -> str:
    found = (str(each.interface.ip) for each in subnet_addresses(case.snapshot, place))
    return ", ".join(found) or "no address"


def sees(case: Case) -> Iterator[Finding]:
    for each in case.inventory.guests:
        here = case.snapshot.namespace(guest(each.name))
        for address in each.nic.addresses if here else ():
            if not has_address(here, address):
                yield _finding(case, each, address)


def _finding(case: Case, wanted: Guest, address: Address) -> Finding:
    place = guest(wanted.name)
    names = declared_names(case, wanted.name)
    return Finding(
        CODE,
        "error" if is_unreachable(case, names) else "warning",
        place,
        f"{place}: the inventory gives it {address}, and it has {_now(case, place)}",
        fix=Fix(f"give {place} its address {address}", commands=(APPLY,)),
        affects=names,
    )


FAULT = Fault(CODE, "a guest has another address", __doc__, claims, tells, by_place, sees)
