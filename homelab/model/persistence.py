"""What brings a machine's network up at boot, and which of our routes it brings up too."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.model.ingress import IngressFilter
from homelab.model.kernel import Empty
from homelab.model.place import Address, Network


@dataclass(frozen=True, slots=True)
class KeptRoute:
    """One route in a file of homelab's own that the machine's network service reads.

    ``keeper`` is who reads it: networkd, networkmanager, ifupdown, or the unit of LXD or Incus. ``whole``
    tells that the file is as homelab wrote it.
    """

    destination: Network
    via: Address
    link: str
    keeper: str
    file: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Persistence:
    """What a machine's own files and running units tell.

    ``services``: networkd, netplan, networkmanager, ifupdown2, ifupdown → the file that shows it.
    ``units``: running units of LXD or Incus. ``links``: link → the .network file by which networkd sets it
    up. ``routes`` are those that homelab keeps in files; ``foreign`` are files that stand where ours would.
    ``filters`` are those of a guest that are put into its kernel each time it starts.
    """

    services: Mapping[str, str] = field(default_factory=lambda: Empty)
    units: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=lambda: Empty)
    routes: tuple[KeptRoute, ...] = ()
    foreign: tuple[str, ...] = ()
    filters: tuple[IngressFilter, ...] = ()
