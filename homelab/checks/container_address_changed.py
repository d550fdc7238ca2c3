"""Nobody on the network has the address that was asked: the container got another one.

Seen as: a name, a bookmark or a rule points to an address that answered yesterday; the container runs, under another
address.

Look, in the guest:

    docker network inspect NETWORK      # Containers: who has which address now
    ip neigh show dev BRIDGE            # the old address: FAILED

Why: Docker gives addresses in the order in which containers start, unless one is asked for. After a restart of the
guest or a `compose up`, two containers may have changed places.

Fix: ask for the address once, in the compose file (`ipv4_address`) or by hand, so that it stays:

    docker network disconnect NETWORK NAME
    docker network connect --ip ADDRESS NETWORK NAME

Opens: nothing that was not meant to be reached.

Undo: attach it without `--ip`.
"""

from homelab.checks.fault import Fault, Told, by_target
from homelab.checks.lab import attachments, command, container_with
from homelab.checks.seen import Group, Seen
from homelab.model.docker import DockerContainer
from homelab.model.finding import Fix
from homelab.model.place import Address

CODE = "container-address-changed"


def claims(seen: Seen) -> bool:
    asked = seen.subnet is not None and seen.target in seen.subnet
    lost = seen.in_guest and seen.cause.kind == "neighbour"
    return lost and asked and bool(_there(seen)) and not _has_one(seen)


def _has_one(seen: Seen) -> bool:
    return container_with(seen.daemon, seen.judgement.name.network, seen.target) is not None


def _there(seen: Seen) -> tuple[tuple[DockerContainer, Address], ...]:
    """The containers that run on the network, with the address that each has now."""
    found = (
        (container, each.ipv6 if seen.version == 6 else each.ipv4)
        for container, each in attachments(seen.daemon)
        if each.network == seen.judgement.name.network and container.is_running
    )
    return tuple((container, address) for container, address in found if address is not None)


def _mover(seen: Seen, there: tuple[DockerContainer, ...]) -> str:
    """The one whose address Docker chose: one that somebody asked for does not change."""
    free = [each.name for each in there if not _is_asked_for(seen, each)]
    return free[0] if len(free) == 1 else there[0].name if len(there) == 1 else "NAME"


def _is_asked_for(seen: Seen, container: DockerContainer) -> bool:
    mine = (one for one in container.attachments if one.network == seen.judgement.name.network)
    return any(each.fixed_ipv6 if seen.version == 6 else each.fixed_ipv4 for each in mine)


def tells(group: Group) -> Told:
    seen, network = group[0], group[0].judgement.name.network
    there = _there(seen)
    known = ", ".join(f"{container.name} has {address}" for container, address in there)
    name = _mover(seen, tuple(container for container, _ in there))
    option = "--ip6" if seen.version == 6 else "--ip"
    steps = (("disconnect", network, name), ("connect", option, str(seen.target), network, name))
    lines = tuple(command(seen.case, seen.place, "docker", "network", *each) for each in steps)
    return Told(
        f"{seen.at}: no container of {network} has {seen.target}; {known}",
        Fix(f"ask for {seen.target}, so that the container keeps it", commands=lines),
    )


FAULT = Fault(CODE, "a container has another address", __doc__, claims, tells, by_target)
