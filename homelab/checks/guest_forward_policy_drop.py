"""The guest drops whatever it forwards unless a rule accepts it, and no rule accepts the network.

Seen as: the guest and the network's gateway address answer, the containers do not; nothing comes
back at all. A container that publishes ports may answer while its neighbour does not.

Look, in the guest, for `:FORWARD DROP` with counters that grow with each ping:

    iptables-save -c -t filter

Why: dockerd switches `net.ipv4.ip_forward` on when it finds it off, and then sets the policy of FORWARD
to DROP, so that the machine does not become a router for everybody. If forwarding was on before dockerd
started, the policy stays ACCEPT: two guests with the same configuration differ, and one guest may
differ after a restart. Measured with Docker 20.10, 26.1 and 28.5; see moby issue 30338. With 28
and later Docker's own drops come first, and this one shows once they are open.

Fix: an accept for the subnet in DOCKER-USER, which Docker leaves to its user and asks before its own
rules. It stands in a chain HOMELAB that DOCKER-USER enters first, because old daemons end DOCKER-USER with
RETURN. A guest without Docker's chains gets the same in FORWARD, for both directions. Rules do not
outlive a restart of the guest; `homelab apply` puts them back.

Opens: every port of every container of that subnet, for whoever has a route to it.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import accept_fix, evidence
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "guest-forward-policy-drop"
OWN_KNOB = ("ufw", "firewalld")


def claims(seen: Seen) -> bool:
    return seen.in_guest and seen.by_forward_policy and seen.cause.owner not in OWN_KNOB


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: what no rule accepts is not forwarded, policy {evidence(seen)}, "
        f"and no rule accepts {aims(group)}",
        accept_fix(group, CODE),
    )


FAULT = Fault(CODE, "the guest's FORWARD policy drops", __doc__, claims, tells)
