"""The lab as it is: what this machine and its daemons show, and the doors by which to change it."""

import socket
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from homelab.errors import OperationError, UnreadableError
from homelab.model.agent import Change, End
from homelab.model.inventory import Inventory
from homelab.model.kernel import Namespace
from homelab.model.lxc import Runtime
from homelab.model.operation import Operation
from homelab.model.place import HOST, Place, guest
from homelab.model.proof import Counts, Sender, Wanted, Watch, Watched
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from homelab.system import docker_read, lxd_read
from homelab.system.doors import Door
from homelab.system.kept_filters import read_filters
from homelab.system.kernel_features import cards, lacking
from homelab.system.lxc_files import read_files
from homelab.system.namespaces import read_namespace
from homelab.system.netns_ids import inode
from homelab.system.own_nft import with_own_nft
from homelab.system.parse_sysctls import KEPT_FILE, parse_kept
from homelab.system.persistence import read_persistence
from homelab.system.processes import lxc_guests, sweep
from homelab.system.sighting import Sighting
from homelab.system.whereabouts import local_host, named_doors, router_doors, running

if TYPE_CHECKING:
    import docker
    import pylxd

_WORKERS = 16
_DOCKER_PATIENCE = 60.0
_LXD_PATIENCE = 60.0


class LiveSystem:
    """The machine we run on, its guests, their containers, its named namespaces, and its routers.

    ``doors`` has every place that the last ``read`` saw, aliases included.
    """

    def __init__(self, inventory: Inventory | None = None, *, timeout: float = 3.0) -> None:
        self.inventory = inventory or Inventory()
        self.timeout = timeout
        self.doors: Mapping[Place, Door] = {}
        self._inodes: Mapping[Place, int] = {}

    def read(self) -> Snapshot:
        """Observe every place; what cannot be read is named in ``unread``, with the reason."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            sighting = Sighting(pool, self.timeout)
            asked = pool.submit(lxd_read.read_runtime, self._kind)
            processes = sweep()
            # The monitors of LXC are there at once, the answer of LXD takes its time.
            monitored = lxc_guests(processes)
            machines = [Door(HOST), *router_doors(self.inventory)]
            sighting.enter(machines)
            files = {
                each.place: pool.submit(read_persistence, each)
                for each in machines
                if each.place == HOST or each.ssh is not None
            }
            sighting.enter_guests(monitored)
            sighting.ask(HOST)
            sighting.enter(named_doors())
            runtime = sighting.result(f"{HOST}/lxd", asked) or self._plain(sighting, monitored)
            sighting.enter_guests(running(runtime))
            daemons = sighting.daemons()
            daemon_files = sighting.daemon_files()
            sighting.enter_containers(daemons, processes)
            namespaces = sighting.namespaces()
            kept = {one: sighting.result(f"{one}/persistence", each) for one, each in files.items()}
        self.doors, self._inodes = sighting.doors, sighting.inodes
        return Snapshot(
            host=self._name,
            namespaces=self._with_own_nft(namespaces),
            aliases={one: other for one, other in sighting.names().items() if one != other},
            runtime=runtime,
            daemons=daemons,
            unread=self._absent(runtime, monitored, sighting.unread) | sighting.unread,
            kept_sysctls=_kept_sysctls(),
            daemon_files=daemon_files,
            lacks=lacking(),
            persistence={place: each for place, each in kept.items() if each} | read_filters(),
            cards=cards(),
        )

    def _plain(self, sighting: Sighting, monitored: Mapping[str, int]) -> Runtime | None:
        """The guests of plain LXC or Proxmox, on a machine where no LXD or Incus had a say."""
        if self._kind in ("lxd", "incus") or f"{HOST}/lxd" in sighting.unread:
            return None
        found = read_files(monitored, self._kind)
        if found.unread:
            told = "; ".join(f"{path}: {why}" for path, why in found.unread.items())
            sighting.unread[f"{HOST}/lxc"] = told
        return found.runtime

    def look_again(self, before: Snapshot, places: Collection[Place]) -> Snapshot:
        """The snapshot with the kernels of these places read anew, and all else as it was.

        ``UnreadableError`` when one cannot be read, or was not seen by the last ``read``.
        """
        unknown = [each for each in places if each not in self.doors]
        if unknown:
            raise UnreadableError(f"{unknown[0]}: it was not there")
        with ThreadPoolExecutor(_WORKERS) as pool:
            asked = {each: pool.submit(read_namespace, self.doors[each]) for each in places}
            seen = {before.resolve(each): one.result() for each, one in asked.items()}
        merged = {**before.namespaces, **self._with_own_nft(seen)}
        return replace(before, namespaces=merged, kept_sysctls=_kept_sysctls())

    def _with_own_nft(self, seen: Mapping[Place, Namespace]) -> Mapping[Place, Namespace]:
        connect = partial(lxd_read.connect, self._kind, _LXD_PATIENCE)
        return with_own_nft(seen, connect, 2 * self.timeout)

    def run(self, operation: Operation) -> None:
        """Do it, or raise ``OperationError`` and leave the machine as it was."""
        from homelab.system.carry_out import carry_out  # noqa: PLC0415 - 18 ms of start-up

        carry_out(operation, self)

    def run_batch(self, operations: Sequence[Operation]) -> None:
        """Do neighbours that one tool takes together, all or none; from several threads at once too."""
        from homelab.system.carry_out import run_batch  # noqa: PLC0415 - as above

        run_batch(operations, self)

    def probe(self, place: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        """Send one real packet to each target from a place; see ``probe`` for what it may say."""
        from homelab.system.probe import probe  # noqa: PLC0415 - only who probes pays for it

        return probe(self.door(place), targets)

    def ask(
        self, questions: Mapping[Sender, Sequence[Target]], timeout: float
    ) -> dict[Sender, tuple[str, ...]]:
        """Send one real packet to each target, from all senders at once; what each met, in order."""
        from homelab.system.asking import ask  # noqa: PLC0415 - only who probes pays for it

        return ask(self.door, questions, timeout)

    def watch(self, wanted: Watch, timeout: float) -> Watched:
        """Send probes while nft traces them, in a table of its own that is gone with this process."""
        from homelab.system.watching import watch  # noqa: PLC0415 - only who asks for it pays

        return watch(self.door, wanted, timeout)

    def count(self, wanted: Collection[Wanted]) -> Counts:
        """What the counters show now; one that cannot be read is not there."""
        from homelab.system.counters import read_counters  # noqa: PLC0415 - only who probes pays

        return read_counters(self.door, wanted)

    def enterable(self) -> tuple[Place, ...]:
        """The places of the last ``read`` from which a real packet can be sent."""
        return tuple(sorted(place for place, door in self.doors.items() if door.ssh is None))

    def begin(self, change: Change) -> None:
        """The journal of this machine is its caller's."""

    def finish(self, end: End) -> None:
        """As above."""

    def settle(self, operations: Collection[Operation], end: End) -> None:
        """As above."""

    def close(self) -> None:
        """Nothing stays open between two calls."""

    def door(self, place: Place) -> Door:
        """How to enter a place now, also after its guest was restarted since the last ``read``.

        ``OperationError`` when the place is not there, or not running.
        """
        known = self.doors.get(place)
        if known is not None and (known.ssh or _same(known, self._inodes.get(place))):
            return known
        if place == HOST:
            return Door(HOST)
        self.read()
        if place not in self.doors:
            raise OperationError(f"{place}: no such place is running now; see `homelab snapshot`")
        return self.doors[place]

    def docker(self, place: Place) -> "docker.APIClient":
        """A client of the Docker daemon in a guest, or on the host; ``OperationError`` when none answers.

        A request may take a minute, since a container takes its time to start; close it after use.
        """
        door = self.door(place)
        root = f"/proc/{door.pid}/root" if door.pid else "/"
        try:
            return docker_read.connect(root, _DOCKER_PATIENCE)
        except UnreadableError as error:
            raise OperationError(f"{place}: docker: {error}") from error

    def lxd(self) -> "pylxd.Client":
        """A client of LXD or Incus on this host; ``OperationError`` when neither answers."""
        try:
            return lxd_read.connect(self._kind, _LXD_PATIENCE)
        except UnreadableError as error:
            raise OperationError(f"{HOST}: lxd: {error}") from error

    @property
    def _kind(self) -> str:
        here = local_host(self.inventory)
        return here.runtime if here else "auto"

    @property
    def _name(self) -> str:
        here = local_host(self.inventory)
        return here.name if here else socket.gethostname()

    def _absent(
        self, runtime: Runtime | None, monitored: Mapping[str, int], unread: Mapping[str, str]
    ) -> dict[str, str]:
        """Guests of which there is nothing to see, each with the reason."""
        instances = runtime.instances if runtime else ()
        stopped = {each.name: "not running" for each in instances if not each.is_running}
        here = local_host(self.inventory)
        wanted = {each.name for each in self.inventory.guests_of(here.name)} if here else set()
        known = {*monitored, *(each.name for each in instances)}
        why = f"there is no such guest on {self._name}"
        if runtime is None:
            why = unread.get(f"{HOST}/lxd", lxd_read.absent(self._kind))
        absent = stopped | dict.fromkeys(wanted - known, why)
        found = {str(guest(name)): reason for name, reason in sorted(absent.items())}
        return found | ({f"{HOST}/lxd": why} if wanted and runtime is None else {})


def _same(door: Door, known: int | None) -> bool:
    try:
        return inode(door.netns) == known
    except OSError:
        return False


def _kept_sysctls() -> dict[str, tuple[str, str]]:
    try:
        kept = parse_kept(Path(KEPT_FILE).read_text(errors="replace").splitlines())
    except OSError:
        return {}
    # The file writes a dot in the name of an interface as a slash, as sysctl.d(5) wants it.
    return {key.replace("/", "."): values for key, values in kept.items()}
