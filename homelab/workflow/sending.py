"""From where a real packet can be sent for a vantage: the place itself, or one that stands for it."""

from collections.abc import Collection, Sequence

from homelab.diagnosis.tracer import Tracer
from homelab.model.place import HOST, LAN, ROUTER, Place
from homelab.model.proof import Sender
from homelab.model.snapshot import Snapshot

PACKET = "packet:"


def sender(
    vantage: str, family: int, tracer: Tracer, snapshot: Snapshot, enterable: Collection[Place]
) -> Sender | str:
    """The sender of a packet of IPv4 or IPv6, or why there is none."""
    if vantage.startswith(PACKET):
        wire = tracer.wire(vantage, family)
        if isinstance(wire, str):
            return f"not possible: {wire}"
        return wire if wire.place in enterable else f"not possible: {wire.place} cannot be entered"
    if vantage == LAN:
        place = lan_client(snapshot, enterable)
        if place is None:
            return "not possible: neither a client in the LAN nor the router can be entered"
        return Sender(place)
    place = snapshot.resolve(Place(vantage))
    if place not in enterable or place not in snapshot.namespaces:
        return f"not possible: {vantage} cannot be entered"
    return Sender(place)


def lan_client(snapshot: Snapshot, enterable: Collection[Place]) -> Place | None:
    """The place that stands for a LAN client: a named namespace on the host's subnets, or the router.

    A named namespace that is neither host nor router and has no forwarding of its own counts as a
    client.
    """
    clients = (
        each
        for each in sorted(enterable)
        if each.startswith("netns:") and _is_client(snapshot, each)
    )
    return next(clients, ROUTER if ROUTER in enterable else None)


def probe_origin(snapshot: Snapshot, enterable: Sequence[Place]) -> Place:
    """The place nearest to a LAN client from which a real packet can be sent; the host, if no other."""
    return lan_client(snapshot, enterable) or HOST


def _is_client(snapshot: Snapshot, place: Place) -> bool:
    here, host = snapshot.namespace(place), snapshot.host_namespace
    if here is None or host is None or here.sysctls.get("net.ipv4.ip_forward") == "1":
        return False
    networks = {each.interface.network for each in here.addresses if each.link != "lo"}
    return any(
        each.interface.network in networks
        for each in host.addresses
        if each.link != "lo" and each.interface.version == 4
    )
