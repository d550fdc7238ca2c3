"""A guest's NIC, or a VLAN link, is in another VLAN than its network.

Seen as: the guest reaches nobody of its network, though everything is up; it may reach another network.

Look, on the host and in the guest:

    lxc config device get NAME eth0 vlan
    bridge vlan
    ip -d link show type vlan

Why: for a NIC with `nictype: bridged` on a VLAN-aware bridge, LXD and Incus set the PVID of the port from the
device's key `vlan` at each start, and without that key leave it in the bridge's default, 1. For other NICs the
key makes a VLAN link. A change by bridge(8) on that port lasts until the guest is started again.

Fix: the device's own key, which takes effect at once:

    lxc config device set NAME eth0 vlan 20

A VLAN link that LXD did not make is made anew with the right id.

Opens: that VLAN, to the guest; it leaves the other one.

Undo: set the key to what it was.
"""

import shlex

from homelab.checks.advice import device_key
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims
from homelab.checks.vlans import Refused, called, device_of, pvid, refused, told
from homelab.model.finding import Fix

CODE = "nic-wrong-vlan"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    if found is None or found.is_astray or found.is_bridge:
        return False
    if found.by_filter:
        return found.behind is not None and not found.is_trunk and device_of(found) is not None
    return found.link.kind == "vlan" and found.vlan > 0 and not found.link.vfs


def tells(group: Group) -> Told:
    seen, found = group[0], refused(group[0])
    device = device_of(found) if found else None
    if found is not None and device is not None:
        return _of_lxd(group, found, *device)
    link, vlan = seen.cause.key or "", seen.cause.vlan or 0
    return told(
        group,
        f"{link} is in another VLAN than the frames that come, {vlan}",
        f"make {link} anew with the id of its network, {vlan} if the other side is right",
        ("ip", "-d", "link", "show", "dev", link),
    )


def _setting(seen: Seen, instance: str, device: str, vlan: int) -> Fix:
    runtime, known = seen.snapshot.runtime, seen.snapshot.instance(instance)
    text = f"set the key vlan of {instance}'s {device} to {vlan}"
    if runtime is not None and known is not None and runtime.is_plain:
        found = known.config.get(f"proxmox.{device}", "")
        number, _, words = found.partition("=")
        rest = [each for each in words.split(",") if not each.startswith("tag=")]
        line = shlex.join(("pct", "set", instance, f"--{number}", ",".join((*rest, f"tag={vlan}"))))
        by_hand = f"; lxc.net.N.veth.vlan.id in /var/lib/lxc/{instance}/config, and start it again"
        return Fix(text, commands=(line,)) if number else Fix(text + by_hand)
    return Fix(text, commands=(device_key(seen.snapshot, instance, device, f"vlan={vlan}"),))


def _of_lxd(group: Group, found: Refused, instance: str, device: str) -> Told:
    seen = group[0]
    own = pvid(found.link) or 0 if found.by_filter else found.own_vlan
    return Told(
        f"{seen.at}: the NIC {device} of {instance} is in {called(own)}, and packets for {aims(group)} come in "
        f"{called(found.vlan)}, {seen.cause.text}",
        _setting(seen, instance, device, found.vlan),
    )


FAULT = Fault(CODE, "a NIC is in the wrong VLAN", __doc__, claims, tells)
