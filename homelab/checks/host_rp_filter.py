"""The host drops packets whose sender it would answer by another link: strict reverse-path filtering.

Seen as: tcpdump on the host's link shows the packets, no firewall counter moves, and nothing goes on. It hits
some clients, or only the containers' own packets on their way out.

Look, on the host:

    sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.eth0.rp_filter
    ip route get CLIENT

Why: with `rp_filter` 1 the kernel drops a packet unless the route back to its source leaves by the link on which
it came in. The greater of `all` and the link's own value counts (kernel, ip-sysctl). Two uplinks, a
VPN, or a container's packet from a guest through which the host has no route make the two ways
differ. In the last case mend the route, and the filter agrees.

Fix: loose mode, 2, on that one link: the source must be reachable by some link.

Opens: packets with sources that belong behind another link of the host, on this link.

Undo: set the key to what it was.
"""

from homelab.checks.advice import loose_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_rp_filter import explained, is_rp_filter
from homelab.checks.seen import Group, Seen

CODE = "host-rp-filter"


def claims(seen: Seen) -> bool:
    return seen.on_host and is_rp_filter(seen)


def tells(group: Group) -> Told:
    return Told(explained(group[0]), loose_fix(group))


FAULT = Fault(CODE, "the host's strict rp_filter drops", __doc__, claims, tells)
