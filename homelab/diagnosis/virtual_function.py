"""What an SR-IOV network card does with the frames of its virtual functions (VFs).

Facts: `ip link set DEVICE vf N vlan V` (ip-link(8)): "all traffic sent from the VF will be tagged", and what
comes for it with that tag loses it. With `spoofchk on` a frame whose source is not the VF's own address may be
dropped: cards let through addresses that the VF's driver asked for (igb_set_vf_mac_filter in drivers/net/ethernet/intel).
"""

from dataclasses import dataclass

from homelab.diagnosis.frame import Frame
from homelab.diagnosis.vlan_filter import DEFAULT_PROTOCOL
from homelab.model.kernel import VirtualFunction
from homelab.model.place import Place


@dataclass(frozen=True, slots=True)
class Function:
    """A virtual function and the link and place of its card (PF)."""

    place: Place
    card: str
    vf: VirtualFunction

    @property
    def name(self) -> str:
        return f"VF {self.vf.index} of {self.card}"


def leaving(function: Function | None, frame: Frame) -> Frame:
    """The frame as the card sends it on for its VF."""
    if function is None:
        return frame
    vf = function.vf
    if vf.spoof_check and frame.mac is not None and frame.mac != vf.mac:
        text = f"{function.name} checks for spoofing, and may drop frames of {frame.mac}"
        frame = _refused(function, frame, text)
    tags = (*frame.tags, (DEFAULT_PROTOCOL, str(vf.vlan))) if vf.vlan else frame.tags
    return frame._replace(tags=tags)


def entering(function: Function | None, frame: Frame) -> Frame:
    """The frame as the card hands it to its VF, if it does."""
    if function is None or not function.vf.vlan:
        return frame
    number = function.vf.vlan
    if frame.tags[-1:] != ((DEFAULT_PROTOCOL, str(number)),):
        there = frame._replace(place=function.place)
        there = there.mistagged(function.card, f"frames of VLAN {number} only for {function.name}")
        return there._replace(place=frame.place, tags=frame.tags[:-1])
    return frame._replace(tags=frame.tags[:-1])


def _refused(function: Function, frame: Frame, text: str) -> Frame:
    there = frame._replace(place=function.place).refused("unmodelled", function.card, text)
    return there._replace(place=frame.place)
