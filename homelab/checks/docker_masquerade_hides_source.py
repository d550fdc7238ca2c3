"""Containers leave with their guest's address, though the inventory says that they are routed.

Seen as: logs and access lists elsewhere show the guest, not the container; two containers cannot be told
apart. Connections work.

Look, in the guest:

    docker network inspect NETWORK      # enable_ip_masquerade
    iptables-save -t nat                # -A POSTROUTING -s SUBNET ! -o br-… -j MASQUERADE

Why: Docker masquerades what leaves a bridge network unless the network's option
`com.docker.network.bridge.enable_ip_masquerade` is false. Only that option counts for networks that a user
makes; the daemon's `ip-masq` concerns docker0. Measured with every release from 20.10 to 29.7.

Fix: a network of homelab's own is made anew with the option, and its containers are reattached at their
addresses; from Docker 28 on together with gateway mode `nat-unprotected`, without which the replies
would be dropped.

    homelab apply --yes

Opens: nothing towards the containers. What they send now bears their own address, so everything on the way
needs a route back to their subnet.

Undo: write `egress: masquerade` into the inventory, and apply.
"""

from collections.abc import Iterator

from homelab.checks.advice import APPLY
from homelab.checks.fault import Fault
from homelab.checks.lab import gateway_mode, masquerades
from homelab.model.docker import LABEL, DockerNetwork
from homelab.model.finding import Case, Finding, Fix, NetworkName
from homelab.model.inventory import ContainerNetwork, Egress
from homelab.model.place import guest

CODE = "docker-masquerade-hides-source"


def sees(case: Case) -> Iterator[Finding]:
    for each in (network for network in case.inventory.networks if network.managed):
        daemon = case.snapshot.daemon(each.guest)
        for found in daemon.networks if daemon else ():
            if found.name == each.name and each.egress is Egress.ROUTED and _hides(found):
                yield _finding(case, each, found)


def _hides(network: DockerNetwork) -> bool:
    return masquerades(network) and not network.internal and gateway_mode(network, 4) != "routed"


def _finding(case: Case, declared: ContainerNetwork, network: DockerNetwork) -> Finding:
    inside = case.inventory.guest(declared.guest)
    ours = LABEL in network.labels
    return Finding(
        CODE,
        "warning",
        guest(declared.guest),
        f"guest:{declared.guest}: {declared.name} shall keep its containers' addresses (egress: routed), "
        "and Docker masquerades them, enable_ip_masquerade is not false",
        fix=Fix(
            f"make {declared.name} anew with enable_ip_masquerade=false",
            commands=(APPLY,) if ours else (),
        ),
        affects=(NetworkName(inside.host if inside else "", declared.guest, declared.name),),
    )


FAULT = Fault(CODE, "masquerading hides the containers' addresses", __doc__, sees=sees)
