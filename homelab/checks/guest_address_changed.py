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

A fixed address of IPv6 is handed out only by a network with `ipv6.dhcp.stateful`, to a guest that asks by DHCPv6;
else it belongs into the guest's own network configuration, and the command that adds it for now is shown.

Opens: nothing new.

Undo: `homelab destroy`, or set the route as it was.
"""

from collections.abc import Iterator

from homelab.checks.advice import APPLY
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import (
    command,
    declared_names,
    has_address,
    is_unreachable,
    subnet_addresses,
)
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_elsewhere, is_lost_at_host, is_ours, reroute_fix
from homelab.model.finding import Case, Finding, Fix
from homelab.model.inventory import Guest, Nic
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
    return declared.nic.addresses if declared and declared.managed.networks else ()


def tells(group: Group) -> Told:
    seen, route = group[0], chosen(group[0], HOST)
    via = route.via if route else None
    now = _now(seen.case, seen.place)
    fix = (
        _give(seen.case, seen.place, via)
        if via is not None and via in _wanted(seen)
        else reroute_fix(seen, HOST, seen.place)
    )
    return Told(
        f"{seen.place}: the host sends {seen.aim} via {via}, which nobody has any more; "
        f"the guest has {now}",
        fix,
        at=seen.place,
    )


def _give(case: Case, place: Place, address: Address) -> Fix:
    """LXD and Incus hand out fixed addresses of IPv6 only where their network does DHCPv6."""
    declared = case.inventory.guest(guest_of(place) or "")
    nic = declared.nic if declared else Nic()
    networks = case.snapshot.runtime.networks if case.snapshot.runtime else ()
    config = next((each.config for each in networks if each.name == nic.network), {})
    if address.version == 4 or config.get("ipv6.dhcp.stateful") == "true":
        return Fix(f"give {place} its address {address}", commands=(APPLY,))
    near = subnet_addresses(case.snapshot, HOST)
    lengths = (
        each.interface.network.prefixlen for each in near if address in each.interface.network
    )
    words = ("ip", "addr", "add", f"{address}/{next(lengths, 64)}", "dev", nic.name)
    return Fix(
        f"give {place} its address {address} in its own network configuration; it gets none by "
        f"DHCP, since {nic.network} has no `ipv6.dhcp.stateful`",
        commands=(command(case, place, *words),),
    )


def _now(case: Case, place: Place) -> str:
    found = (str(each.interface.ip) for each in subnet_addresses(case.snapshot, place))
    return ", ".join(found) or "no address"


def sees(case: Case) -> Iterator[Finding]:
    for each in (one for one in case.inventory.guests if one.managed.networks):
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
        fix=_give(case, place, address),
        affects=names,
    )


FAULT = Fault(CODE, "a guest has another address", __doc__, claims, tells, by_place, sees)
