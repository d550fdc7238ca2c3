"""The host's route to the subnet names a bridge and no next hop, so the host looks for containers there.

Seen as: `ip neigh` on the host fills with FAILED entries for containers' addresses; senders get "host
unreachable".

Look, on the host:

    ip route | grep SUBNET              # dev lxdbr0 scope link
    lxc config show NAME --expanded | grep ipv4.routes

Why: a NIC's key `ipv4.routes` (`ipv6.routes`) in LXD and Incus makes exactly such a route. It is meant for
addresses that the guest itself answers for. Containers sit one hop behind the guest, which does not
answer ARP for them, so the host asks and nobody replies. Measured with LXD 5.0.2.

Fix: take the subnet out of the NIC's key, and route it through the guest's address instead, with homelab's
mark. A route like this that LXD did not make is left to its writer. With `security.ipv4_filtering`
the key is also the list of sources that the guest may use: then the filtering has to go with it.

Opens: the subnet, to everyone whose packets reach the host.

Undo: set the key again, and delete the route with protocol 201.
"""

from collections.abc import Iterator, Mapping

from homelab.checks.advice import opens
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import command, next_hop, route_text
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import chosen, is_lost_at_host, is_on_link, our_route, removal, shown
from homelab.model.finding import Fix
from homelab.model.kernel import NextHop, Route
from homelab.model.lxc import Instance
from homelab.model.operation import AddRoute, SetInstanceDevice
from homelab.model.place import HOST, guest_of
from homelab.model.snapshot import PROTOCOL

CODE = "host-route-without-next-hop"


def claims(seen: Seen) -> bool:
    return is_lost_at_host(seen) and is_on_link(seen, HOST)


def tells(group: Group) -> Told:
    seen, route = group[0], chosen(group[0], HOST)
    return Told(
        f"host: its route to {seen.aim} has no next hop, {shown(seen, HOST)}, so it asks for each container "
        f"on the bridge, where only {seen.place} is",
        _fix(seen, route) if route else None,
        at=HOST,
        severity="error",
    )


def _fix(seen: Seen, wrong: Route) -> Fix:
    hop = next_hop(seen.snapshot, HOST, seen.place, seen.version)
    change = _without_key(seen, wrong)
    subnet = seen.subnet
    if change is None or hop is None or subnet is None:
        text = f"take out `{route_text(wrong)}`, and route {seen.aim} via {seen.place}"
        lines = (*removal(seen, HOST), *_addition(seen, hop))
        return Fix(text, commands=lines, opens=opens((seen,)))
    return Fix(
        f"take {wrong.destination} out of ipv{seen.version}.routes of {seen.place}, and route it "
        f"via {hop.via}",
        (change, AddRoute(HOST, our_route(subnet, hop))),
        opens=opens((seen,)),
    )


def _addition(seen: Seen, hop: NextHop | None) -> Iterator[str]:
    """Our own route, typed: with our protocol number, so that `homelab apply` knows it for its own."""
    if hop is None or seen.subnet is None:
        return
    words = ("route", "add", str(seen.subnet), "via", str(hop.via))
    six = ("-6",) if seen.version == 6 else ()
    link = ("dev", hop.link) if hop.link else ()
    yield command(seen.case, HOST, "ip", *six, *words, *link, "proto", str(PROTOCOL))


def _without_key(seen: Seen, wrong: Route) -> SetInstanceDevice | None:
    """The NIC without that subnet in its routes; None when no NIC of the guest names it."""
    instance = seen.snapshot.instance(guest_of(seen.place) or "")
    key = f"ipv{seen.version}.routes"
    for name, device in instance.expanded_devices.items() if instance else ():
        listed = [each.strip() for each in device.get(key, "").split(",")]
        if instance and str(wrong.destination) in listed:
            rest = ",".join(each for each in listed if each != str(wrong.destination))
            return _changed(instance, name, {**device, key: rest})
    return None


def _changed(instance: Instance, name: str, device: Mapping[str, str]) -> SetInstanceDevice:
    """The device's whole configuration: one that a profile gave becomes the instance's own."""
    kept = {key: value for key, value in device.items() if value}
    return SetInstanceDevice(HOST, instance.name, name, kept, instance.devices.get(name))


FAULT = Fault(CODE, "the host's route has no next hop", __doc__, claims, tells, by_network)
