"""The packet arrives in the container, and no socket takes it.

Seen as: ping works, the port says "connection refused" at once. A silent port is another fault: something
drops on the way.

Look, in the guest; `0.0.0.0:PORT` or `*:PORT` is what a reachable service shows. The guest's own `ss` looks, as few
images have one:

    nsenter -t $(docker inspect -f '{{.State.Pid}}' NAME) -n ss -ltn

Why: the service has not started yet or has ended, listens on another port than the one asked for, or only on
127.0.0.1, which inside a container is the container itself and nobody else. A published port
translates to the container's port and does not change what the service binds to. For IPv6 it must listen on
`[::]` too.

Fix: the service's own configuration: bind it to all addresses (often `--host 0.0.0.0`, `bind 0.0.0.0`,
`listen_addresses = '*'`), and start it. Nothing in the network is wrong.

Opens: that port, for whoever reaches the container.

Undo: bind it to 127.0.0.1 again.
"""

from homelab.checks.fault import Fault, Told, by_target
from homelab.checks.lab import command
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Fix

CODE = "container-not-listening"


def claims(seen: Seen) -> bool:
    return seen.in_container and seen.cause.kind == "socket"


def tells(group: Group) -> Told:
    seen = group[0]
    ports = ", ".join(dict.fromkeys(str(each.trace.target) for each in group))
    return Told(
        f"{seen.at}: nothing listens on {ports}{_bound_to(group)}",
        Fix(
            "start the service, or bind it to all addresses of the container",
            commands=(_look(seen),),
        ),
    )


def _look(seen: Seen) -> str:
    """With the guest's own program: few images have one."""
    kind, _, name = seen.at.partition("/")
    if not (name and kind.startswith("container:")):
        return command(seen.case, seen.at, "ss", "-ltnu")
    pid = f"$(docker inspect -f '{{{{.State.Pid}}}}' {name})"
    return command(seen.case, seen.place, "sh", "-c", f"nsenter -t {pid} -n ss -ltnu")


def _bound_to(group: Group) -> str:
    """Listeners on these ports that are bound to an address nobody else reaches."""
    wanted = {each.trace.target.port for each in group}
    here = group[0].here
    found = (
        f"{each.address} port {each.port}"
        for each in (here.listeners if here else ())
        if each.port in wanted and each.address is not None and each.address.is_loopback
    )
    text = ", ".join(sorted(set(found)))
    return f"; it listens on {text} only" if text else ""


FAULT = Fault(CODE, "nothing listens in the container", __doc__, claims, tells, by_target)
