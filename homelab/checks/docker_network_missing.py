"""The inventory wants a Docker network that the guest does not have.

Seen as: `homelab plan` wants to create it; containers that name it do not start.

Look, in the guest:

    docker network ls

Why: nobody applied the inventory yet, the network was removed by hand (`docker network prune` removes
every network without running containers), or the guest was made anew.

Fix:

    homelab apply

It creates the network on its subnet with the options that the guest's Docker release needs, and the
routes to it. Containers that were attached to it by name can then be started again.

Opens: what the network's `ingress` says, everything with `open`.

Undo: `homelab destroy`, or take the network out of the inventory and apply.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault
from homelab.model.finding import Case, Finding, Fix, NetworkName
from homelab.model.inventory import ContainerNetwork
from homelab.model.place import guest

CODE = "docker-network-missing"


def sees(case: Case) -> Iterator[Finding]:
    for each in case.inventory.networks:
        daemon = case.snapshot.daemon(each.guest)
        if daemon is not None and all(one.name != each.name for one in daemon.networks):
            yield _finding(case, each)


def _finding(case: Case, network: ContainerNetwork) -> Finding:
    inside = case.inventory.guest(network.guest)
    name = NetworkName(inside.host if inside else "", network.guest, network.name)
    return Finding(
        CODE,
        "error",
        guest(network.guest),
        f"guest:{network.guest}: the inventory wants Docker network {network.name} here, and Docker has none",
        fix=_fix(network),
        affects=(name,),
    )


def _fix(network: ContainerNetwork) -> Fix:
    if network.managed:
        return Fix("let homelab create it", commands=("homelab apply",))
    return Fix(
        f"create it in the guest, or take it out of the inventory ({network.where}); "
        "homelab leaves it alone, as it is written with `managed: false`"
    )


FAULT = Fault(CODE, "a declared Docker network is not there", __doc__, sees=sees)
