"""What the kinds that are about a host's links ask: which are declared, which are there, whose their alias is."""

from collections.abc import Iterator

from homelab.model.host_links import DeclaredBridge, DeclaredLink
from homelab.model.inventory import Host
from homelab.model.kernel import Link, Namespace
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.model.wires import LONGEST, OWNED, marks

LACKS = {
    "8021q": "its kernel has no 802.1Q (kernel-without-vlan); boot one that has: Debian's linux-image-amd64 does",
    "vlan_filtering": "its kernel's bridges do not filter VLANs (kernel-without-vlan); boot one whose do: "
    "Debian's linux-image-amd64 does",
}


def link_called(here: Namespace | None, name: str | None) -> Link | None:
    return next((each for each in (here.links if here else ()) if each.name == name), None)


def is_made(host: Host, name: str) -> bool:
    """Whether the inventory has a link of that name made."""
    made = (*(each.name for each in host.links), *(each.name for each in host.bridges))
    return name in made


def alias_of(snapshot: Snapshot, name: str) -> str:
    """What the alias is, or will be as soon as the link is made."""
    found = link_called(snapshot.host_namespace, name)
    return (found.alias or "") if found else OWNED


def unfit(snapshot: Snapshot, feature: str) -> Iterator[str]:
    if feature in snapshot.lacks:
        yield f"host: {LACKS[feature]}"


def unreadable(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.host_namespace is None:
        yield f"host: {snapshot.unread.get(HOST, 'not read')}; run homelab as root"


def in_the_alias(found: Link | None, mark: str) -> Iterator[str]:
    """Why our mark cannot stand in a link's alias."""
    if found is not None and marks(found.alias).foreign:
        yield (
            f"host: {found.name} has the alias {found.alias!r}, and homelab's mark stands there; "
            f"`ip link set dev {found.name} alias ''`, and where it is configured"
        )
    if len(mark.encode()) > LONGEST:
        yield f"host: so many VLANs do not fit into the alias that marks them, {LONGEST} bytes; name fewer"


def links_of(host: Host | None) -> tuple[DeclaredLink, ...]:
    return host.links if host else ()


def bridges_of(host: Host | None) -> tuple[DeclaredBridge, ...]:
    return host.bridges if host else ()
