"""The container does not run, or no container has the address.

Seen as: the guest asks for the address on its bridge (ARP) and nobody answers; the sender gets "host
unreachable" or nothing.

Look, in the guest:

    docker ps -a
    docker network inspect NETWORK      # which containers are attached, at which address

Why: a container that does not run has no address on its network, also when one is fixed for it. It may have
ended by itself, have been stopped, or wait for a restart policy that gives up. A container that
runs may have been disconnected from the network, or have got another address at its last start: Docker hands
them out in the order of starting unless one is fixed with `--ip`.

Fix: start it. If it ends at once, its log says why:

    docker logs NAME

Opens: what the container serves.

Undo: `docker stop NAME`.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told, by_target
from homelab.checks.lab import attachments, command, container_with
from homelab.checks.seen import Group, Seen
from homelab.model.docker import DockerContainer
from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.operation import StartContainer
from homelab.model.place import HOST, Place, container, guest_of

CODE = "container-stopped"


def claims(seen: Seen) -> bool:
    """Nobody answers for an address of the network, on the guest's own bridge."""
    if seen.is_return or seen.at != seen.place or seen.daemon is None:
        return False
    found = _container(seen)
    if found is None:
        return seen.cause.kind == "neighbour"
    ended_there = seen.cause.kind in ("neighbour", "link") or seen.cause.stage == "neighbour"
    return ended_there and not found.is_running


def _container(seen: Seen) -> DockerContainer | None:
    return container_with(seen.daemon, seen.judgement.name.network, seen.target)


def tells(group: Group) -> Told:
    seen, found = group[0], _container(group[0])
    if found is None:
        line = command(
            seen.case, seen.at, "docker", "network", "inspect", seen.judgement.name.network
        )
        return Told(
            f"{seen.at}: no container has {seen.target} on {seen.judgement.name.network}, {seen.cause.text}",
            Fix("attach the container that shall have it", commands=(line,)),
        )
    return Told(
        f"container {found.name} in {seen.at}: it is {found.status}, so nobody has {seen.target}",
        start(seen.at, found),
        at=inside(seen.at, found),
    )


def inside(place: Place, found: DockerContainer) -> Place:
    return container(guest_of(place) or HOST, found.name)


def start(place: Place, found: DockerContainer) -> Fix:
    return Fix(f"start container {found.name}", (StartContainer(place, found.name),))


def sees(case: Case) -> Iterator[Finding]:
    """Containers of declared networks that do not run, and that no packet was sent to."""
    for judgement in case.judgements:
        daemon = case.snapshot.daemons.get(judgement.place)
        for found, each in attachments(daemon) if judgement.declared else ():
            asked = {one.address for one in judgement.targets}
            known = {each.ipv4, each.ipv6, each.fixed_ipv4, each.fixed_ipv6}
            mine = each.network == judgement.name.network
            if mine and not found.is_running and not asked & known:
                yield _finding(judgement, found)


def _finding(judgement: Judgement, found: DockerContainer) -> Finding:
    return Finding(
        CODE,
        "warning",
        inside(judgement.place, found),
        f"container {found.name} in {judgement.place}: it is {found.status}, "
        f"and belongs to {judgement.name.network}",
        fix=start(judgement.place, found),
        affects=(judgement.name,),
    )


FAULT = Fault(CODE, "a container does not run", __doc__, claims, tells, by_target, sees)
