"""The hooks that a frame meets in a bridge: nftables' family bridge, from one port to another or to itself."""

from collections.abc import Iterator

from homelab.diagnosis.box import Box
from homelab.diagnosis.frame import Crossing
from homelab.diagnosis.netfilter import Context


def bridge_hooks(box: Box, crossing: Crossing) -> Iterator[tuple[str, Context]]:
    """Hooks in order, with what they know of the frame."""
    physin, physout = crossing.physin, crossing.physout
    if physin is not None:
        yield "prerouting", Context(box, iif=physin, framed=True)
    if physin is None:
        yield "output", Context(box, oif=physout, framed=True)
    elif physout is None:
        yield "input", Context(box, iif=physin, framed=True)
    else:
        yield "forward", Context(box, iif=physin, oif=physout, framed=True)
    if physout is not None:
        yield "postrouting", Context(box, oif=physout, framed=True)
