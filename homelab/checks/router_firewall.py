"""The router's firewall drops what it should send on to the host.

Seen as: the host reaches the containers, and so does a client with a route of its own; clients that go through
the router do not.

Look, on the router; the counters show which rule it is:

    iptables-save -c; nft list ruleset

Why: client and host are on the same LAN, so the router would send the packet out where it came in. Many
router firewalls do not expect that (a "hairpin" in one zone) and drop it. Some see only one half of each
connection, because the host answers the client directly without the router, and drop what they take for
invalid.

Fix: a rule in the router's own configuration that lets the LAN reach the subnet, in both directions and
without regard to connection state; or a route on the clients themselves, so that the router is not
asked. Homelab does not write firewall rules on a router.

    iptables -I FORWARD -d SUBNET -j ACCEPT

Opens: every port of every container of that subnet, for whom the rule names.

Undo: delete the rule.
"""

from homelab.checks.advice import by_hand, evidence, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "router-firewall"


def claims(seen: Seen) -> bool:
    return seen.on_router and seen.by_firewall


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.router}: its firewall drops {way_of(seen)} {aims(group)}, {evidence(seen)}",
        by_hand(group, CODE),
    )


FAULT = Fault(CODE, "the router's firewall drops", __doc__, claims, tells)
