"""iptables is there twice: the accept stands in one variant, and the other one drops.

Seen as: the rules that one program lists would let the packet pass, and it is dropped all the same. Each of the
two commands shows only its own half.

Look, in the place that is named:

    iptables-nft-save -c
    iptables-legacy-save -c
    update-alternatives --display iptables

Why: iptables-legacy and iptables-nft keep rules in two subsystems of the kernel. Both are asked for every packet, and
an accept in one does not save from a drop in the other. They mix when a distribution changes its default,
when a program brings its own iptables, or when an image's iptables differs from that of the machine; see
libnetwork issue 2331.

Fix: an accept of ours in the variant that drops. Then keep one variant, and clean the other when nothing
that runs writes to it:

    update-alternatives --set iptables /usr/sbin/iptables-nft
    iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F; iptables-legacy -t nat -F

Opens: every port of every container of that subnet, as far as the other variant lets it pass.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from dataclasses import replace

from homelab.checks.advice import accept_fix, evidence, firewall_fix, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.rules import TOOLS, lines
from homelab.checks.seen import Group, Seen, aims

CODE = "iptables-split-brain"
ACCEPT = " -j ACCEPT"


def claims(seen: Seen) -> bool:
    mixed = seen.by_iptables and seen.cause.table in ("filter", "raw")
    return (seen.in_guest or seen.on_host) and mixed and _accepts_in(seen) is not None


def _accepts_in(seen: Seen) -> str | None:
    """The other variant, if it has rules that accept the judged network, and the one that drops has none."""
    mine = seen.cause.tool or ""
    others = [each for each in TOOLS[seen.version] if each != mine]
    if mine not in TOOLS[seen.version] or _speaks_for(seen, mine):
        return None
    return next((each for each in others if _speaks_for(seen, each)), None)


def _speaks_for(seen: Seen, tool: str) -> bool:
    """Whether a rule of the filter table accepts what goes to the network: by bridge, subnet or address."""
    bridge = seen.network.bridge if seen.network else ""
    marks = [f" -o {bridge} "] if bridge else []
    marks += [f" -d {seen.subnet} ", f" -d {seen.target}/"]
    return any(
        f"{ACCEPT} " in f"{line} " and any(mark in line for mark in marks)
        for line in lines(seen.here, tool, "filter")
    )


def tells(group: Group) -> Told:
    seen = group[0]
    other = _accepts_in(seen)
    raw = seen.cause.table != "filter"
    fix = (firewall_fix if raw else accept_fix)(group, CODE)
    kept = f"then keep one of {seen.cause.tool} and {other}, and clean the other"
    return Told(
        f"{seen.at}: {other} accepts {way_of(seen)} {aims(group)}, and {seen.cause.tool}, which is asked too, drops "
        f"them, {evidence(seen)}",
        replace(fix, text=f"{fix.text}; {kept}"),
    )


FAULT = Fault(CODE, "two variants of iptables contradict each other", __doc__, claims, tells)
