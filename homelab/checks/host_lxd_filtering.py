"""LXD or Incus filters at the guest's port, and its containers use addresses that are not the guest's.

Seen as: the guest itself reaches everything; what its containers send with their own addresses, answers
included, vanishes between the guest and the host's bridge.

Look, on the host:

    lxc config show NAME --expanded | grep -e filtering -e port_isolation
    nft list table bridge lxd           # or ebtables -L

Why: `security.ipv4_filtering`, `security.ipv6_filtering` and `security.mac_filtering` let a guest send only with the
addresses that its NIC was given. Containers that are not masqueraded send with their own. Subnets in
`ipv4.routes` would be excepted, but that key also makes a route without next hop (see
host-route-without-next-hop). Measured with LXD 5.0.2; see lxd issue 7477.

Fix: switch that filter of that NIC off:

    lxc config device override NAME eth0 security.ipv4_filtering=false

Or keep it, and let the containers leave with the guest's address: `egress: masquerade`.

Opens: the guest may send with any source address on that bridge.

Undo: set the key to true again.
"""

from homelab.checks.advice import OF_RUNTIME, device_key, evidence, way_of
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix
from homelab.model.place import guest_of

CODE = "host-lxd-filtering"
KEYS = ("security.ipv4_filtering", "security.ipv6_filtering", "security.mac_filtering")


def claims(seen: Seen) -> bool:
    ours = seen.on_host and seen.by_firewall and seen.cause.owner in OF_RUNTIME
    bridged = seen.cause.stage == "bridge" or seen.cause.family == "bridge"
    return ours and (bridged or bool(_filtering(seen)))


def _filtering(seen: Seen) -> tuple[tuple[str, str], ...]:
    """The NICs of the guest that filter, each with its key."""
    instance = seen.snapshot.instance(guest_of(seen.place) or "")
    devices = instance.expanded_devices if instance else {}
    return tuple(
        (name, key)
        for name, device in sorted(devices.items())
        for key in KEYS
        if device.get(key, "").casefold() in ("true", "1", "yes", "on")
    )


def tells(group: Group) -> Told:
    seen = group[0]
    found = _filtering(seen)
    keys = ", ".join(f"{key} of {name}" for name, key in found) or "a filter of its port"
    guest = guest_of(seen.place) or seen.place
    lines = (device_key(seen.snapshot, guest, name, f"{key}=false") for name, key in found)
    return Told(
        f"host: {seen.cause.owner} drops {way_of(seen)} {seen.aim} at the port of {seen.place}, {keys}: "
        f"{evidence(seen)}",
        Fix(f"switch the filter off, or masquerade {seen.aim}", commands=tuple(lines)),
    )


FAULT = Fault(CODE, "LXD filters the containers' addresses", __doc__, claims, tells, by_network)
