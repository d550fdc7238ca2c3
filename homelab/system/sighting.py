"""One sweep over a lab: every place is entered once, all at the same time, and every gap is named."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from homelab.errors import UnreadableError
from homelab.model.docker import Daemon, DaemonFile
from homelab.model.kernel import Namespace
from homelab.model.place import HOST, ROUTER, Place
from homelab.system.daemon_file import read_daemon_file
from homelab.system.docker_read import SOCKETS, read_daemon
from homelab.system.doors import Door
from homelab.system.namespaces import PATIENCE, read_namespace
from homelab.system.netns_ids import Question, inode, is_nsfs, netns_ids
from homelab.system.patience import within
from homelab.system.processes import Processes, sweep
from homelab.system.reasons import reason
from homelab.system.unix import listens_here
from homelab.system.whereabouts import (
    container_pid,
    container_places,
    guest_doors,
    inside,
    related,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sweep under way: what has been started, and what could not be seen.

    Two places with the same inode are one: it is entered once, under the name that says most.
    """

    pool: Executor
    timeout: float
    doors: dict[Place, Door] = field(default_factory=dict)
    inodes: dict[Place, int] = field(default_factory=dict)
    started: dict[object, Future[Namespace]] = field(default_factory=dict)
    asked: dict[Place, Future[Daemon | None]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def enter(self, doors: Iterable[Door]) -> None:
        """Begin to read each place that can be seen and was not entered under another name."""
        for door in doors:
            try:
                self._enter(door)
            except FileNotFoundError:
                self.unread[door.place] = _gone(door)
            except OSError as error:
                self.unread[door.place] = reason(error)

    def _enter(self, door: Door) -> None:
        here = 0 if door.ssh else inode(door.netns)
        if not door.ssh and not is_nsfs(door.netns):
            self.unread[door.place] = "is not a network namespace; remove it with `ip netns del`"
            return
        self.doors[door.place] = door
        self.inodes[door.place] = here
        key: object = here or door.place
        if key not in self.started:
            self.started[key] = self.pool.submit(read_namespace, door, max(PATIENCE, self.timeout))

    def enter_guests(self, pids: Mapping[str, int]) -> None:
        """Enter guests that were not entered yet, and ask their Docker daemons."""
        for door in guest_doors(pids):
            if self.doors.get(door.place) != door:
                self.enter([door])
                self.ask(door.place)

    def ask(self, place: Place) -> None:
        """Begin to ask the Docker daemon of a place, if one lives there."""
        if place not in self.doors:
            return
        if place == HOST and not listens_here(f"/{SOCKETS[0]}"):
            return
        self.asked[place] = self.pool.submit(read_daemon, self._root(place), self.timeout)

    def daemons(self) -> dict[Place, Daemon]:
        """The daemons that were asked, when all of them have answered or had their time."""
        found = {
            place: self.result(f"{place}/docker", future) for place, future in self.asked.items()
        }
        return {place: daemon for place, daemon in found.items() if daemon is not None}

    def daemon_files(self) -> dict[Place, DaemonFile]:
        """What lies beside each daemon that was asked and is there, or that should be."""
        there = (
            place
            for place, future in self.asked.items()
            if future.exception() is not None or future.result() is not None
        )
        started = {place: self.pool.submit(self._daemon_file, place) for place in there}
        return {place: future.result() for place, future in started.items()}

    def _daemon_file(self, place: Place) -> DaemonFile:
        silent = f"{place}/docker" in self.unread
        try:
            read = partial(read_daemon_file, self._root(place), is_silent=silent)
            return within(self.timeout, read)
        except OSError as error:
            return DaemonFile(trouble=reason(error))

    def _root(self, place: Place) -> str:
        return "/" if place == HOST else f"/proc/{self.doors[place].pid}/root"

    def enter_containers(self, daemons: Mapping[Place, Daemon], processes: Processes) -> None:
        """Enter the running containers, whose pids the daemons count in their own pid namespace."""
        wanted = list(container_places(daemons))
        found = self._pids(wanted, processes)
        if None in found.values():
            found = self._pids(wanted, sweep())
        for place, where, pid in wanted:
            here = found[place]
            if here is None:
                self.unread[place] = f"no process of this machine is pid {pid} of {where}"
            else:
                self.enter([inside(place, here)])

    def _pids(
        self, wanted: Iterable[tuple[Place, Place, int]], processes: Processes
    ) -> dict[Place, int | None]:
        return {
            place: container_pid(processes, self.doors[where], pid) for place, where, pid in wanted
        }

    def result(self, source: str, future: "Future[T]") -> T | None:
        try:
            return future.result()
        except UnreadableError as error:
            self.unread[source] = str(error)
            return None

    def names(self) -> dict[Place, Place]:
        """Each place with the name under which its namespace is kept."""
        best: dict[object, Place] = {}
        for place in sorted(self.doors, key=_rank):
            best.setdefault(self.inodes[place] or place, place)
        return {place: best[self.inodes[place] or place] for place in self.doors}

    def namespaces(self) -> dict[Place, Namespace]:
        """What was read, each with its identity and those of its neighbours."""
        kept = sorted(set(self.names().values()), key=_rank)
        read = {
            place: self.result(place, self.started[self.inodes[place] or place]) for place in kept
        }
        found = {
            place: replace(each, inode=self.inodes[place])
            for place, each in read.items()
            if each is not None
        }
        here = {place: self.doors[place] for place in found if self.doors[place].ssh is None}
        questions = [_question(place, found[place], here) for place in here]
        return found | {
            place: replace(found[place], netns_ids=ids)
            for place, ids in zip(here, netns_ids(questions), strict=True)
        }


def _gone(door: Door) -> str:
    if door.pid:
        return "its process has ended"
    return f"there is no network namespace {PurePath(door.netns).name}; see `ip netns list`"


def _rank(place: Place) -> tuple[int, str]:
    kinds = {"guest": 2, "container": 3, "netns": 4}
    first = 0 if place == HOST else 1 if place == ROUTER else kinds.get(place.partition(":")[0], 1)
    return first, place


def _question(place: Place, seen: Namespace, doors: Mapping[Place, Door]) -> Question:
    ids = frozenset(each.peer_netns for each in seen.links if each.peer_netns is not None)
    others = [each.netns for each in related(place, doors)] if HOST in doors and ids else []
    return Question(doors[place].netns, ids, others)
