"""Masquerading is off while Docker's protection is on: containers get no replies to their own requests.

Seen as: from inside, nothing outside answers (`apt update` hangs), although the packets do leave with the
container's own address.

Look, in the guest: `enable_ip_masquerade: false`, no gateway mode, and one drop for each container:

    docker network inspect NETWORK
    iptables-save -t raw

Why: with masquerading the replies come to the guest's address and are translated back after raw PREROUTING.
Without it they come to the container's own address and meet Docker's drop of direct access, which
does not ask whether they are replies. Measured with 28.5 and 29.7; Docker up to 27 has no such drop.

Fix: gateway mode `nat-unprotected` together with `enable_ip_masquerade=false`: the sources stay, and the
replies come in. `homelab apply --yes` makes a network of homelab's own anew with both. For
another network, our accepts in raw PREROUTING and DOCKER-USER let the replies in.

Opens: every port of every container of that subnet, for whoever has a route to it.

Undo: `homelab destroy`, or masquerade again.
"""

from collections.abc import Iterator

from homelab.checks.advice import APPLY, docker_fix, evidence
from homelab.checks.docker_direct_access_drop import is_direct_access_drop
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import gateway_mode, masquerades
from homelab.checks.seen import Group, Seen
from homelab.model.docker import LABEL, Daemon, DockerNetwork
from homelab.model.finding import Case, Finding, Fix, Judgement

CODE = "docker-egress-dead"
PROTECTS = 28
"""The Engine release that brought the drops of direct access."""


def claims(seen: Seen) -> bool:
    return seen.is_return and is_direct_access_drop(seen)


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: replies to containers of {seen.aim} come to their own addresses, since nothing is "
        f"masqueraded, and Docker drops them, {evidence(seen)}",
        docker_fix(group, CODE),
    )


def sees(case: Case) -> Iterator[Finding]:
    """The same, foreseen from the network's options: no packet was sent out of a container."""
    for each in case.judgements:
        daemon = case.snapshot.daemons.get(each.place)
        networks = daemon.networks if daemon else ()
        found = next((one for one in networks if one.name == each.name.network), None)
        if daemon and found and _is_dead(daemon, found):
            yield _foreseen(each, daemon, found)


def _is_dead(daemon: Daemon, network: DockerNetwork) -> bool:
    unguarded = masquerades(network) or network.internal or daemon.major < PROTECTS
    return not unguarded and gateway_mode(network, 4) == "nat" and network.driver == "bridge"


def _foreseen(judgement: Judgement, daemon: Daemon, network: DockerNetwork) -> Finding:
    ours = LABEL in network.labels
    return Finding(
        CODE,
        "warning",
        judgement.place,
        f"{judgement.place}: {network.name} is not masqueraded and in gateway mode nat, so Docker "
        f"{daemon.version} drops the replies to its containers' own requests",
        fix=Fix(
            f"make {network.name} anew with gateway_mode_ipv4=nat-unprotected",
            commands=(APPLY,) if ours else (),
        ),
        affects=(judgement.name,),
    )


FAULT = Fault(
    CODE, "containers get no replies from outside", __doc__, claims, tells, by_network, sees
)
