"""In whose files a route comes back at boot: those of who sets its link up, and why there."""

from pathlib import PurePosixPath
from typing import NamedTuple

from homelab.model.persistence import Persistence
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot


class Keeper(NamedTuple):
    """``name`` as in ``KeptRoute``; ``why`` ends the sentence "put here because"."""

    name: str
    file: str
    why: str


def keeper(snapshot: Snapshot, place: Place, link: str) -> Keeper | None:
    """Who keeps a route through that link; None where nothing was seen that would."""
    machine = snapshot.persistence.get(place)
    if machine is None:
        return None
    if place == HOST and _is_managed(snapshot, link):
        return _of_runtime(machine, link)
    return _of_networkd(machine, link) or _of_scripts(machine, link)


def _is_managed(snapshot: Snapshot, link: str) -> bool:
    networks = snapshot.runtime.networks if snapshot.runtime else ()
    return any(each.managed and each.name == link for each in networks)


def _of_runtime(machine: Persistence, link: str) -> Keeper | None:
    if not machine.units:
        return None
    unit = machine.units[0]
    why = f"{unit} sets {link} up anew at each start, and drops this route"
    return Keeper("unit", f"/etc/systemd/system/{unit}.d/50-homelab.conf", why)


def _of_networkd(machine: Persistence, link: str) -> Keeper | None:
    """A drop-in goes with the file of its name, in whichever folder that lies: systemd.network(5)."""
    by = machine.links.get(link)
    if by is None or "networkd" not in machine.services:
        return None
    why = f"networkd sets {link} up by {by}, and deletes what that does not say"
    if "netplan" in by and by.startswith("/run/"):
        why += "; netplan, which writes that file, has no word for a route's owner"
    file = f"/etc/systemd/network/{PurePosixPath(by).name}.d/50-homelab.conf"
    return Keeper("networkd", file, why)


def _of_scripts(machine: Persistence, link: str) -> Keeper | None:
    if "networkmanager" in machine.services:
        why = f"NetworkManager drops it when {link} connects anew"
        return Keeper("networkmanager", "/etc/NetworkManager/dispatcher.d/50-homelab", why)
    ifup = next((each for each in ("ifupdown2", "ifupdown") if each in machine.services), None)
    if ifup is None:
        return None
    why = f"{ifup} brings {link} up at boot, and runs this then"
    return Keeper("ifupdown", "/etc/network/if-up.d/homelab", why)
