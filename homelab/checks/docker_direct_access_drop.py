"""Docker 28 and later drops what comes from outside straight to a container's own address.

Seen as: the container answers from its own guest and on a published port of the guest's address, and
nothing sent to its own address from elsewhere comes back, not even for published ports.

Look, in the guest:

    iptables-save -t raw        # -A PREROUTING -d 10.90.1.10/32 ! -i br-… -j DROP
    nft list ruleset            # with Docker's nftables backend: comment "DROP DIRECT ACCESS"

Why: in gateway mode `nat`, the default, Docker promises that only published ports are reachable, and keeps
the promise since Engine 28.0 with one such rule per container, in front of everything else. Measured with 28.5 and
29.7; see moby issue 51015. An accept in DOCKER-USER comes too late: raw PREROUTING is asked before it.

Fix: a network that is homelab's own and lacks the option is made anew by `homelab apply --yes` in gateway
mode `nat-unprotected`, with its containers reattached at their addresses; that needs no rule and outlives
restarts. A network of somebody else is not touched: an accept of ours goes in front of the drops in
raw PREROUTING, and one into DOCKER-USER for the drop of unpublished ports behind it. With the nftables
backend no rule of another table can help, and only the option remains.

Opens: every port of every container of that subnet, published or not, for whoever has a route to it. If
published ports are all you need, the daemon's option `allow-direct-routing` opens just those.

Undo: `homelab destroy`; rules in the guest also vanish with its next restart.
"""

from homelab.checks.advice import docker_fix, evidence
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.seen import Group, Seen

CODE = "docker-direct-access-drop"


def is_direct_access_drop(seen: Seen) -> bool:
    """A drop of Docker's before routing: only its protection of containers stands there."""
    in_raw = seen.cause.table == "raw" or (seen.cause.chain or "").startswith("raw-PREROUTING")
    return seen.in_guest and seen.by_firewall and in_raw and seen.cause.owner == "docker"


def tells(group: Group) -> Told:
    seen = group[0]
    version = seen.daemon.version if seen.daemon else "28 or later"
    return Told(
        f"{seen.at}: Docker {version} drops direct access to containers of {seen.aim}, {evidence(seen)}",
        docker_fix(group, CODE),
    )


FAULT = Fault(
    CODE,
    "Docker drops direct access to a container's address",
    __doc__,
    is_direct_access_drop,
    tells,
    by_network,
)
