"""One packet is tracked twice in one namespace, before its translation and after: the second time it is dropped.

Seen as: guests or containers reach the bridge's address and nothing beyond; the masqueraded packets never come to the
uplink; `insert_failed` grows in the statistics of connection tracking.

Look, on the host:

    sysctl net.bridge.bridge-nf-call-iptables
    bridge link                         # both ends of one veth pair are ports or links here
    conntrack -S

Why: the host masquerades a packet, sends it into a veth pair whose other end is a port of another bridge of its own, and
br_netfilter shows it to the rules and to connection tracking once more. Rules that let the packet in by its first
link know nothing of the bridge, and drop it; what the host sends itself is dropped because it leaves by another link
than it was masqueraded for (nf_nat_oif_changed); and a second connection with the same answer as the first one is
refused (nf_conntrack_confirm). See incus-os pull request 1261.

Fix: bridged frames are not shown to iptables, where nothing on this host depends on it:

    sysctl -w net.bridge.bridge-nf-call-iptables=0

Or the bridge's frames are left untracked, by a `notrack` in a prerouting chain before connection tracking.

Opens: bridged traffic that iptables dropped on this host.

Undo: set the key to 1 again.
"""

import re
from collections.abc import Iterator

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.lab import command, judged_names
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Case, Finding, Fix
from homelab.model.kernel import Link, Namespace
from homelab.model.place import HOST, ROUTER, Place

CODE = "nat-double-tracking"
KEYS = {4: "net.bridge.bridge-nf-call-iptables", 6: "net.bridge.bridge-nf-call-ip6tables"}
TRANSLATED = "source translated"
"""How a hop says that its place changed the source."""
_TRANSLATES = re.compile(r"-j (MASQUERADE|SNAT)\b|\b(masquerade|snat)\b(?!.*\{$)")


def claims(seen: Seen) -> bool:
    """A frame on a bridge, dropped in a place that has translated the same packet before."""
    again = seen.is_bridged and seen.by_firewall
    before = (each for each in seen.trace.forward if each.at == seen.at)
    return again and any(each.text.startswith(TRANSLATED) for each in before)


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: it translates packets to {aims(group)}, and meets them again on bridge {seen.bridge} of its own, "
        f"{seen.cause.text}",
        sysctl_fix(seen, KEYS[seen.version], "0"),
    )


def sees(case: Case) -> Iterator[Finding]:
    for place in (HOST, ROUTER):
        here = case.snapshot.namespace(place)
        pair = _looped(here) if here else None
        if here is not None and pair is not None and _is_shown(here) and _translates(here):
            yield _finding(case, place, pair)


def _looped(here: Namespace) -> Link | None:
    """A port of a bridge whose other end is in the same namespace, on another bridge or none."""
    indexes = {each.index: each for each in here.links}
    for link in here.links:
        peer = indexes.get(link.peer) if link.peer is not None and link.peer_netns is None else None
        pair = link.kind == "veth" and peer is not None and peer.kind == "veth"
        if pair and link.master is not None and peer is not None and peer.master != link.master:
            return link
    return None


def _is_shown(here: Namespace) -> bool:
    return any(here.sysctls.get(key) == "1" for key in KEYS.values())


def _translates(here: Namespace) -> bool:
    texts = (each.text for each in here.rulesets if each.tool not in ("nft-json", "ipset"))
    return any(_TRANSLATES.search(line) for text in texts for line in text.splitlines())


def _finding(case: Case, place: Place, port: Link) -> Finding:
    lines = tuple(command(case, place, "sysctl", "-w", f"{key}=0") for key in KEYS.values())
    return Finding(
        CODE,
        "warning",
        place,
        f"{place}: it translates addresses, and {port.name} leads from one of its links to a bridge of its own with "
        "br_netfilter on: what it has translated is tracked once more there, and may be dropped",
        fix=Fix("show no bridged frames to iptables", commands=lines),
        affects=judged_names(case, place),
    )


FAULT = Fault(CODE, "a packet is tracked twice", __doc__, claims, tells, sees=sees)
