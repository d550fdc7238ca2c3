"""Which places there are on this machine, and by which door each is entered."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from homelab.model.docker import Daemon
from homelab.model.inventory import Host, Inventory
from homelab.model.lxc import Runtime
from homelab.model.place import HOST, ROUTER, Place, container, guest, guest_of, netns
from homelab.system.doors import Door
from homelab.system.processes import Processes, host_pid

NAMED = Path("/run/netns")


def local_host(inventory: Inventory) -> Host | None:
    """The host of the inventory that is this machine."""
    return next((each for each in inventory.hosts if each.connection.kind == "local"), None)


def router_doors(inventory: Inventory) -> Iterator[Door]:
    """Routers that can be entered; the first host's own is ``router``, others ``router:NAME``."""
    here = inventory.primary
    for each in inventory.routers:
        place = ROUTER if here and here.router == each.name else Place(f"router:{each.name}")
        if each.connection.kind == "netns":
            yield Door(place, str(NAMED / each.connection.target))
        elif each.connection.kind == "ssh":
            yield Door(place, ssh=each.connection)
        elif each.connection.kind == "local":
            yield Door(place)


def named_doors() -> Iterator[Door]:
    """The named network namespaces, as `ip netns list` shows them."""
    try:
        names = sorted(each.name for each in NAMED.iterdir())
    except OSError:
        return
    for each in names:
        yield Door(netns(each), str(NAMED / each))


def guest_doors(pids: Mapping[str, int]) -> Iterator[Door]:
    """Guests by name and pid."""
    return (inside(guest(name), pid) for name, pid in sorted(pids.items()))


def running(runtime: Runtime | None) -> dict[str, int]:
    """Name → pid of the guests that LXD or Incus runs."""
    instances = runtime.instances if runtime else ()
    return {each.name: each.pid for each in instances if each.is_running and each.pid > 0}


def inside(place: Place, pid: int) -> Door:
    return Door(place, f"/proc/{pid}/ns/net", pid)


def container_places(daemons: Mapping[Place, Daemon]) -> Iterator[tuple[Place, Place, int]]:
    """Each running container: its place, where its daemon runs, and its pid as the daemon sees it."""
    for where, daemon in daemons.items():
        for each in daemon.containers:
            if each.is_running and each.pid > 0:
                yield container(guest_of(where) or HOST, each.name), where, each.pid


def container_pid(processes: Processes, daemon: Door, pid: int) -> int | None:
    """A daemon's pid as this machine counts it; a daemon of the host counts as we do."""
    return host_pid(processes, daemon.pid, pid) if daemon.pid else pid


def related(place: Place, doors: Mapping[Place, Door]) -> Iterator[Door]:
    """The places to which a link of this place may lead, the most likely first."""
    if place != HOST:
        yield doors[HOST]
    own = guest_of(place)
    for other, door in doors.items():
        if other not in (place, HOST) and (own is None or guest_of(other) in (own, None)):
            yield door
