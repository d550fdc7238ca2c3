"""Docker drops what is sent to a port that the container does not publish.

Seen as: published ports of the container answer at its own address, others and ping do not; or, in front
of a network whose raw drops are already open, nothing answers.

Look, in the guest:

    iptables-save -t filter     # -A DOCKER ! -i br-… -o br-… -j DROP
    nft list ruleset            # with Docker's nftables backend: comment "UNPUBLISHED PORT DROP"

Why: since Engine 28.0 the chain DOCKER ends, for each bridge, with a drop of what enters it from another link;
published ports are accepted above it. Earlier releases left that to the policy of FORWARD. Measured with 28.5
and 29.7.

Fix: a network of homelab's own is made anew in gateway mode `nat-unprotected` (`homelab apply --yes`). For
any other an accept of the subnet goes into DOCKER-USER, which is asked before the chain DOCKER, and one
into raw PREROUTING where Docker also drops direct access. With the nftables backend there is no
DOCKER-USER, and only the network's option helps. Publishing the one port is the narrow alternative:

    docker run -p 5432:5432 …

Opens: every port of every container of that subnet, for whoever has a route to it.

Undo: `homelab destroy`; rules in the guest also vanish with its next restart.
"""

from homelab.checks.advice import docker_fix, evidence
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.seen import Group, Seen

CODE = "docker-unpublished-port-drop"


def is_port_drop(seen: Seen) -> bool:
    """The last rule of Docker's for a bridge: all that its published ports did not let in."""
    cause, rule = seen.cause, seen.cause.rule or ""
    named = cause.chain == "DOCKER" or "UNPUBLISHED PORT DROP" in rule
    return seen.in_guest and cause.kind == "rule" and cause.owner == "docker" and named


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: Docker lets only published ports of {seen.aim} be reached, "
        f"{evidence(seen)}; {seen.trace.target} is none of them",
        docker_fix(group, CODE),
    )


FAULT = Fault(
    CODE, "Docker drops ports that are not published", __doc__, is_port_drop, tells, by_network
)
