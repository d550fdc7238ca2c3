"""The inventory wants VLANs on a host whose kernel cannot make VLAN links.

Seen as: `ip link add … type vlan` says "Operation not supported" or "Unknown device type", and LXD refuses to start a
guest whose NIC has the key `vlan`.

Look, on the host:

    modprobe 8021q && ls /proc/net/vlan
    zgrep CONFIG_VLAN_8021Q /proc/config.gz

Why: VLAN links are the work of the module 8021q. Kernels made for virtual machines and small devices leave
it out; after an upgrade without a reboot the modules of the running kernel may be gone from the disk.

Fix: a kernel that has it: that of Debian's linux-image-amd64 does. Reboot after an upgrade.

Opens: nothing by itself.

Undo: nothing to undo.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault
from homelab.checks.lab import command, declared_names, is_unreachable
from homelab.model.finding import Case, Finding, Fix
from homelab.model.inventory import Guest, Inventory
from homelab.model.place import HOST

CODE = "kernel-without-vlan"
MODULE = "8021q"
FILTERING = "vlan_filtering"


def sees(case: Case) -> Iterator[Finding]:
    """Told of the machine that was read, before anything is made on it."""
    wanted = tuple(_wanted(case.inventory, case.snapshot.host))
    if MODULE in case.snapshot.lacks and wanted:
        yield _finding(
            case, f"no {MODULE}, and the inventory wants VLAN {', '.join(wanted)} there", MODULE
        )
    host = case.inventory.host(case.snapshot.host)
    bridges = [each.name for each in host.bridges] if host else []
    if FILTERING in case.snapshot.lacks and bridges:
        yield _finding(
            case,
            f"no bridges that filter VLANs, and the inventory wants {', '.join(bridges)} to",
            "bridge",
        )


def _finding(case: Case, what: str, module: str) -> Finding:
    guests = [each for each in case.inventory.guests_of(case.snapshot.host) if each.nic.vlan]
    names = tuple(name for each in guests for name in declared_names(case, each.name))
    return Finding(
        CODE,
        "error" if is_unreachable(case, names) else "warning",
        HOST,
        f"host: its kernel has {what}",
        fix=Fix("boot a kernel with 802.1Q", commands=(command(case, HOST, "modprobe", module),)),
        affects=names,
    )


def _wanted(inventory: Inventory, name: str) -> Iterator[str]:
    host = inventory.host(name)
    guests: Iterator[Guest] = inventory.guests_of(name)
    made = (each.vlan for each in host.links) if host else ()
    every = (*(host.vlans if host else ()), *made, *(each.nic.vlan for each in guests))
    yield from dict.fromkeys(each for each in every if each is not None)


FAULT = Fault(CODE, "the kernel has no VLANs", __doc__, sees=sees)
