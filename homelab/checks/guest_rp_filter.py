"""The guest drops packets whose sender it would answer by another link: strict reverse-path filtering.

Seen as: packets arrive at the guest's NIC (tcpdump shows them) and vanish before any firewall rule. Only
some clients are concerned.

Look, in the guest; `martian source` lines appear in the log with `log_martians`:

    sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.eth0.rp_filter
    ip route get CLIENT

Why: with `rp_filter` 1 the kernel drops a packet unless the route back to its source leaves by the link on which
it came in. The greater of `all` and the link's own value counts (kernel, ip-sysctl). Two NICs, a VPN in
the guest, or a Docker network that covers the client's subnet make the two ways differ; systemd sets 2,
some distributions set 1.

Fix: loose mode, 2, on that one link: the source must be reachable by some link. It lets the packet in; whether
the answer finds its way is for the route to decide, so mend that first if it is wrong.

Opens: packets with sources that belong behind another link of this guest, on this link.

Undo: set the key to what it was.
"""

from homelab.checks.advice import loose_fix, way_back
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen

CODE = "guest-rp-filter"


def is_rp_filter(seen: Seen) -> bool:
    return seen.cause.kind == "sysctl" and (seen.cause.key or "").endswith("rp_filter")


def claims(seen: Seen) -> bool:
    return seen.in_guest and is_rp_filter(seen)


def explained(seen: Seen) -> str:
    return (
        f"{seen.at}: a packet from {seen.cause.source or seen.trace.source} came in by {seen.cause.iif}, "
        f"and its answer would leave {way_back(seen)}; strict {seen.cause.key} drops it"
    )


def tells(group: Group) -> Told:
    return Told(explained(group[0]), loose_fix(group))


FAULT = Fault(CODE, "a guest's strict rp_filter drops", __doc__, claims, tells)
