"""A firewall of the host drops what the host should forward to its guests.

Seen as: the host reaches the containers, the LAN does not, though routes and forwarding are right.

Look, on the host, at every base chain that is hooked to forward, and at its counters:

    nft list ruleset
    iptables-save -c
    ufw status verbose; firewall-cmd --list-all-policies

Why: ufw denies routed packets by default, firewalld passes between zones only what a policy allows, network
ACLs of LXD and Incus have a default action, and one's own nftables drops what it was told to. Several
base chains see the same packet one after the other: an accept ends only its own chain, a drop is
final, so an accept anywhere else does not help.

Fix: in the owner's own words, so that its next reload keeps it: a route rule of ufw, a policy of
firewalld, a rule of the ACL, a rule in the very chain of nftables. A rule that a person put into
FORWARD by hand gets accepts of ours in front of it, in a chain HOMELAB.

    ufw route allow to SUBNET

Opens: every port of every container of that subnet, for whoever has a route to it; narrow it to
your LAN or to one port if that is too much.

Undo: `ufw route delete allow to SUBNET`, and so on; `homelab destroy` removes ours.
"""

from homelab.checks.advice import evidence, firewall_fix, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "host-firewall-drop"


def claims(seen: Seen) -> bool:
    return seen.on_host and seen.by_firewall


def tells(group: Group) -> Told:
    seen = group[0]
    owner = seen.cause.owner or "user"
    who = "a rule of its user" if owner == "user" else owner
    return Told(
        f"host: {who} drops {way_of(seen)} {aims(group)}, {evidence(seen)}",
        firewall_fix(group, CODE),
    )


FAULT = Fault(CODE, "a firewall of the host drops", __doc__, claims, tells)
