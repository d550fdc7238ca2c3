"""A firewall of the guest that is not Docker's drops what the guest should forward.

Seen as: all of Docker's rules are there and let the packet pass, and it still dies in the guest.

Look, in the guest, at every base chain that is hooked to forward, and at its counters:

    nft list ruleset
    ufw status verbose; firewall-cmd --list-all-policies

Why: ufw, firewalld and one's own nftables each bring chains of their own. Several base chains see the same
packet one after the other, and while an accept ends only the chain it stands in, a drop is final:
an accept in Docker's table does not save a packet from firewalld's (firewalld issue 869).

Fix: in the owner's own words, so that its next reload keeps it: a route rule of ufw, a policy of
firewalld, a rule in the very chain of nftables. Only a rule that a person put into iptables by hand gets an
accept of ours in front of it.

    ufw route allow to SUBNET

Opens: every port of every container of that subnet, for whoever has a route to it; narrow the rule to
your LAN or to one port if that is too much.

Undo: `ufw route delete allow to SUBNET`, `firewall-cmd --permanent --delete-policy=homelab`, or delete
the rule that you added.
"""

from homelab.checks.advice import evidence, firewall_fix, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "guest-foreign-firewall"
EXPLAINED = ("docker", "homelab")


def claims(seen: Seen) -> bool:
    return seen.in_guest and seen.by_firewall and seen.cause.owner not in EXPLAINED


def tells(group: Group) -> Told:
    seen = group[0]
    owner = seen.cause.owner or "user"
    who = "a rule of its user" if owner == "user" else owner
    return Told(
        f"{seen.at}: {who} drops {way_of(seen)} {aims(group)}, {evidence(seen)}",
        firewall_fix(group, CODE),
    )


FAULT = Fault(CODE, "a firewall of the guest drops", __doc__, claims, tells)
