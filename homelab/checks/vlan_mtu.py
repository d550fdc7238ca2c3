"""A link that carries VLANs has a smaller MTU than the networks in them.

Seen as: ping passes, and transfers hang as soon as packets get large; nobody sends a message about it.

Look at the VLAN links, and at what they stand on, at both ends:

    ip -d link show

Why: a VLAN link takes the MTU of its parent when it is made, and a trunk carries all of them. Where a trunk, the
bridge's port on it, or the NIC below is set to less than one end of a network has, so that the tag
finds room for example, frames are dropped there. Routers tell a sender when a packet is too long for the next
link; a bridge or the far end of a wire does not (kernel, is_skb_forwardable).

Fix: the same MTU along the whole network, that of the smallest link, or room for it below:

    ip link set LINK mtu 1500

Opens: nothing.

Undo: `ip link set LINK mtu` with the old number.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault
from homelab.checks.mtu_black_hole import holes, is_for_tags, told
from homelab.model.finding import Case, Finding

CODE = "vlan-mtu"


def sees(case: Case) -> Iterator[Finding]:
    return (told(case, CODE, hole) for hole in holes(case) if is_for_tags(case, hole.cause))


FAULT = Fault(CODE, "a link leaves no room for what a VLAN carries", __doc__, sees=sees)
