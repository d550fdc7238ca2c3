"""What a bridge's forwarding table and the settings of its ports do with a frame that may cross it.

Facts: bridge(8); br_handle_frame_finish in net/bridge/br_input.c, br_flood in net/bridge/br_forward.c (what the
bridge itself sends is flooded to every port), br_multicast_rcv in net/bridge/br_multicast.c.
"""

from typing import NamedTuple

from homelab.diagnosis.box import Box
from homelab.diagnosis.frame import Crossing
from homelab.diagnosis.vlan_filter import is_filtering
from homelab.model.kernel import BridgePort, FdbEntry


class Kept(NamedTuple):
    """Why the frame is kept back; ``kind`` is that of a cause: link, or unmodelled."""

    kind: str
    text: str
    key: str


def lost_question(box: Box, crossing: Crossing, family: int) -> Kept | None:
    """Why a question to everybody does not leave by the port; it comes from another one."""
    name, port = crossing.physout, _port(box, crossing.physout)
    if name is None or port is None or crossing.physin is None:
        return None
    where = f"{box.place}: port {name} of bridge {crossing.bridge}"
    if family == 4 and not port.bcast_flood:
        return Kept("link", f"{where} lets no broadcast out (bcast_flood is off)", name)
    if family == 6 and not port.mcast_flood:
        text = f"{where} lets multicast out to members only (mcast_flood is off)"
        return Kept("unmodelled", text, name)
    if port.neigh_suppress:
        return Kept("unmodelled", f"{where} suppresses neighbour discovery", name)
    return None


def lost_frame(box: Box, crossing: Crossing, mac: str | None, sender: str | None) -> Kept | None:
    """Why a frame to that address does not leave as it should; with VLANs the table is not followed."""
    bridge = box.by_name.get(crossing.bridge)
    if bridge is not None and is_filtering(bridge):
        return None
    locked = _port(box, crossing.physin)
    where = f"{box.place}: bridge {crossing.bridge}"
    # An entry that was learned before the port was locked will do as well.
    known = (crossing.physin, sender) in box.known_macs
    if locked is not None and crossing.physin and locked.locked and not known:
        text = f"{where}: port {crossing.physin} is locked, and {sender} is not known behind it"
        return Kept("link", text, crossing.physin)
    if mac is None or crossing.physout is None:
        return None
    entry = box.set_macs.get((crossing.bridge, mac))
    if entry is not None and _goes_astray(box, crossing, entry):
        takes = "takes for its own" if entry.permanent else "has a static entry for"
        text = f"{where} {takes} frames to {mac}, which {entry.link} has in its fdb"
        return Kept("link", text, entry.link)
    return _unknown_unicast(box, crossing, mac, where)


def _goes_astray(box: Box, crossing: Crossing, entry: FdbEntry) -> bool:
    """An entry moves to the port by which its address is seen (br_fdb_update), unless it may not."""
    if entry.permanent and crossing.physin is not None:
        return True
    port = _port(box, crossing.physout)
    stays = entry.permanent or entry.sticky or (port is not None and not port.learning)
    return stays and entry.link != crossing.physout


def _unknown_unicast(box: Box, crossing: Crossing, mac: str, where: str) -> Kept | None:
    name, port = crossing.physout or "", _port(box, crossing.physout)
    if port is None or port.flood or port.learning or (name, mac) in box.known_macs:
        return None
    text = f"{where}: port {name} neither learns nor floods, and {mac} is not set for it"
    return Kept("link", text, name)


def _port(box: Box, name: str | None) -> BridgePort | None:
    link = box.by_name.get(name or "")
    return link.port if link else None
