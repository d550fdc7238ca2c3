"""The network's bridge has no address in the guest: nothing can be routed to its containers.

Seen as: the guest itself does not reach its containers on that network, and sends packets for them out
again by its default route.

Look, in the guest:

    docker network inspect NETWORK      # gateway_mode_ipv4: isolated, or inhibit_ipv4: true
    ip route get 10.90.1.10             # via the guest's own gateway

Why: gateway mode `isolated` (with `--internal`) and the option `com.docker.network.bridge.inhibit_ipv4` keep
Docker from giving the bridge its gateway address, and with it goes the route to the subnet. Containers
reach each other and nobody else. Measured with 28.5.

Fix: nothing is wrong if the network is meant to be like that. If it shall be reached it has to be made
anew with another mode, because Docker cannot change a network; a network of homelab's own never has
these.

    docker network rm NETWORK
    docker network create --subnet SUBNET NETWORK

Opens: what its successor's options open, and the containers' own way out.

Undo: make the network anew with the old options.
"""

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import command, gateway_mode, option
from homelab.checks.seen import Group, Seen
from homelab.checks.ways import is_missing
from homelab.model.finding import Fix

CODE = "docker-network-isolated"
INHIBIT = "com.docker.network.bridge.inhibit_ipv4"


def claims(seen: Seen) -> bool:
    """The packet came to the guest, and the guest knows no bridge for it."""
    came = not seen.is_return and seen.reached(seen.place) and not seen.in_container
    in_raw = seen.by_firewall and seen.cause.table == "raw"
    return bool(_why(seen)) and came and not in_raw and is_missing(seen, seen.place)


def _why(seen: Seen) -> str:
    if gateway_mode(seen.network, seen.version) == "isolated":
        return "gateway mode isolated"
    inhibits = option(seen.network, INHIBIT).casefold() in ("true", "1")
    return "option inhibit_ipv4" if inhibits and seen.version == 4 else ""


def tells(group: Group) -> Told:
    seen = group[0]
    name = seen.judgement.name.network
    return Told(
        f"{seen.place}: the bridge of network {name} has no address, {_why(seen)}, so nothing is routed "
        f"to {seen.aim}",
        Fix(
            f"make {name} anew in another gateway mode, if it shall be reached",
            commands=(command(seen.case, seen.place, "docker", "network", "inspect", name),),
        ),
        at=seen.place,
    )


FAULT = Fault(CODE, "the network's bridge has no address", __doc__, claims, tells, by_network)
