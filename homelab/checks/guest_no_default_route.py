"""The guest has no route for its containers' answers.

Seen as: the host reaches the containers, clients on the LAN do not; the guest itself reaches nothing but its
own subnet.

Look, in the guest:

    ip route                            # no line that starts with default

Why: the guest's NIC has an address without a gateway: a static configuration that forgot it, a DHCP server
that gives none, or a client that gave up its lease. The container's answer comes to the guest and
nowhere further. With `rp_filter` on, the guest does not even let the question in, since no way leads back.

Fix: a default route through the host's address on the guest's network, with homelab's mark. It does not
outlive a restart of the guest: the lasting place is the guest's own network configuration, or the
gateway of the LXD or Incus network (`ipv4.address`, `ipv4.dhcp.gateway`).

Opens: the guest's and its containers' own way out.

Undo: `ip route del default proto 201` in the guest.
"""

from ipaddress import ip_network

from homelab.checks.advice import APPLY
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.guest_rp_filter import is_rp_filter
from homelab.checks.lab import best_route, next_hop
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import our_route
from homelab.model.finding import Fix
from homelab.model.operation import AddRoute
from homelab.model.place import HOST, Address

CODE = "guest-no-default-route"
EVERYWHERE = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


def claims(seen: Seen) -> bool:
    if seen.at != seen.place or seen.at == HOST or seen.here is None:
        return False
    no_answer = seen.is_return and seen.cause.kind == "route"
    client = _client(seen)
    lost = client is not None and best_route(seen.here, client) is None
    return lost and (no_answer or is_rp_filter(seen))


def _client(seen: Seen) -> Address | None:
    return (seen.cause.destination if seen.is_return else seen.cause.source) or seen.trace.source


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: it has no route to {_client(seen)}, not even a default route, so its containers' "
        f"answers end here, {seen.cause.text}",
        _fix(seen),
    )


def _fix(seen: Seen) -> Fix:
    hop = next_hop(seen.snapshot, seen.at, HOST, seen.version)
    if hop is None:
        kept = (APPLY,) if seen.declared else ()
        return Fix(f"give the NIC of {seen.at} a gateway", commands=kept)
    route = our_route(EVERYWHERE[seen.version], hop)
    text = f"a default route via the host, {hop.via}, in {seen.at}"
    return Fix(text, (AddRoute(seen.at, route),), opens=(f"the way out of {seen.at}",))


FAULT = Fault(CODE, "a guest has no default route", __doc__, claims, tells, by_place)
