"""A firewall rule drops the packet, in a place or a way for which there is no fault of its own.

Seen as: nothing comes back, or an answer that says no; the trace names place, table, chain and rule.

Look, in the place that is named; the rule's counter grows with each try:

    iptables-save -c
    nft list ruleset

Why: somebody wrote the rule, and the trace followed the packet to it. Its `owner` tells who, as far as names in
it do; `user` is everyone else.

Fix: in the configuration of whoever wrote it, since a rule that is taken out by hand comes back with
the next reload. The command that would let the subnet pass is shown as a starting point, and is not
run.

Opens: what the accept names.

Undo: delete the accept.
"""

from homelab.checks.advice import by_hand, evidence, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "dropped-by-rule"


def claims(seen: Seen) -> bool:
    return seen.by_firewall


def tells(group: Group) -> Told:
    seen = group[0]
    who = f", written by {seen.cause.owner}" if seen.cause.owner not in (None, "user") else ""
    return Told(
        f"{seen.at}: a rule drops {way_of(seen)} {aims(group)}, {evidence(seen)}{who}",
        by_hand(group, CODE),
    )


FAULT = Fault(CODE, "a firewall rule drops", __doc__, claims, tells)
