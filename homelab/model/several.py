"""Labs of several hosts: what each host calls its own places, and what the whole lab calls them.

The first host (the local one, if there is one) keeps its names, so that a second host renames nothing. Of
another host, ``NAME@HOST`` is what the inventory does not make unique: ``host@nas``, ``netns:x@nas``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from homelab.model import operation as op
from homelab.model.inventory import Connection, Host, Inventory
from homelab.model.kernel import Namespace
from homelab.model.lxc import Runtime
from homelab.model.operation import Operation
from homelab.model.place import HOST, ROUTER, Place, guest_of
from homelab.model.snapshot import Other, Snapshot

K = TypeVar("K")
V = TypeVar("V")

AT = "@"
REACHED = ("local", "ssh")
"""Connections of hosts that are read and changed."""

_APART = 1 << 40
"""Inodes of namespaces are numbers of one kernel: those of each host are moved out of the others' way."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one host; ``number`` 0 is the first host.

    ``own`` are the guests that the inventory declares on it, ``others`` those that it declares elsewhere;
    ``router`` is the lab's name of what the host itself calls ``router``.
    """

    host: str
    number: int = 0
    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    router: Place = ROUTER

    @property
    def suffix(self) -> str:
        return f"{AT}{self.host}" if self.number else ""

    def guest(self, name: str) -> str:
        """The lab's name of a guest: as no other is declared under it, a declared one keeps its own."""
        plain = name in self.own or (not self.number and name not in self.others)
        return name if plain else f"{name}{AT}{self.host}"

    def own_guest(self, name: str) -> str | None:
        """What the host itself calls a guest of the lab; None for one of another host."""
        plain, at, host = name.partition(AT)
        if at:
            return plain if host == self.host else None
        return name if self.guest(name) == name else None

    def place(self, place: Place) -> Place:
        """The lab's name of a place of this host."""
        kind, colon, rest = place.partition(":")
        inside = guest_of(place)
        if inside is None:
            return Place(f"{place}{self.suffix}")
        _, slash, name = rest.partition("/")
        named = f"{HOST}{self.suffix}" if inside == HOST else self.guest(inside)
        return Place(f"{kind}{colon}{named}{slash}{name}")

    def own_place(self, place: Place) -> Place | None:
        """What the host itself calls a place of the lab; None for one of another host, or a router."""
        kind, colon, rest = place.partition(":")
        inside = guest_of(place)
        if inside is None:
            ours = place.endswith(self.suffix) if self.number else AT not in place
            known = kind.partition(AT)[0] in (HOST, "netns")
            return Place(place.removesuffix(self.suffix)) if ours and known else None
        _, slash, name = rest.partition("/")
        own = HOST if inside == f"{HOST}{self.suffix}" else self.own_guest(inside)
        return None if own is None else Place(f"{kind}{colon}{own}{slash}{name}")

    def operation(self, operation: Operation) -> Operation:
        """An operation of this host, or on its router, as the lab names it."""
        place = self.router if operation.place == ROUTER else self.place(operation.place)
        return _renamed(operation, place, self.guest)

    def own_operation(self, operation: Operation) -> Operation:
        """An operation of the lab as this host names it; it must be one of its own."""
        place = self.own_place(operation.place) or operation.place
        return _renamed(operation, place, lambda name: self.own_guest(name) or name)


def _renamed(operation: Operation, place: Place, guest: Callable[[str], str]) -> Operation:
    match operation:
        case op.SetInstanceConfig() | op.SetInstanceDevice() | op.RestartInstance():
            return replace(operation, place=place, instance=guest(operation.instance))
        case _:
            return replace(operation, place=place)


def names_of(inventory: Inventory) -> tuple[Names, ...]:
    """The hosts that are read and changed, the first one first."""
    first = inventory.primary
    reached = [each for each in inventory.hosts if each.connection.kind in REACHED]
    ordered = sorted(reached, key=lambda each: each != first)
    return _numbered(
        [(each.name, frozenset(g.name for g in inventory.guests_of(each.name))) for each in ordered]
    )


def names_in(lab: Snapshot) -> tuple[Names, ...]:
    """The hosts of a snapshot, the first one first."""
    others = [(name, frozenset(each.own)) for name, each in lab.others.items()]
    routers = [ROUTER, *(each.router or ROUTER for each in lab.others.values())]
    hosts = _numbered([(lab.host, frozenset()), *others])
    return tuple(replace(each, router=its) for each, its in zip(hosts, routers, strict=True))


def _numbered(hosts: Sequence[tuple[str, frozenset[str]]]) -> tuple[Names, ...]:
    """A guest that is declared on one of the others is none of the first."""
    return tuple(
        Names(
            name,
            number,
            own,
            frozenset(each for other, theirs in hosts for each in theirs if other != name),
        )
        for number, (name, own) in enumerate(hosts)
    )


def seen_from(inventory: Inventory, host: str) -> Inventory:
    """The inventory as it is read on that host itself: it is the local one, and others are its peers."""

    def here(each: Host) -> Host:
        reached = "peer" if each.connection.kind in REACHED else "none"
        return replace(each, connection=Connection("local" if each.name == host else reached))

    return replace(inventory, hosts=tuple(map(here, inventory.hosts)))


def host_of(lab: Snapshot, place: Place) -> str:
    """The name of the host on which a place lies; the first one's for a router."""
    return next((e.host for e in names_in(lab) if e.own_place(place) is not None), lab.host)


def merged(
    parts: Sequence[tuple[Names, Snapshot]], routers: Mapping[str, Place | None]
) -> Snapshot:
    """The lab of what was read of each host, the first one first; ``routers`` by the names of hosts."""
    named = [(each, _named(each, seen)) for each, seen in parts]
    every = [seen for _, seen in named]
    first = every[0]
    if len(every) == 1:
        return first
    return replace(
        first,
        namespaces=_joined([each.namespaces for each in every]),
        aliases=_joined([each.aliases for each in every]),
        daemons=_joined([each.daemons for each in every]),
        daemon_files=_joined([each.daemon_files for each in every]),
        unread=_joined([each.unread for each in every]),
        persistence=_joined([each.persistence for each in every]),
        kept_sysctls=_joined([each.kept_sysctls for each in every]),
        runtime=_with_all([each.runtime for each in every]),
        others={
            each.host: Other(
                tuple(sorted(each.own)), routers.get(each.host), _empty(seen.runtime), seen.lacks
            )
            for each, seen in named[1:]
        },
    )


def _joined(parts: Sequence[Mapping[K, V]]) -> dict[K, V]:
    return {key: value for each in parts for key, value in each.items()}


def _with_all(runtimes: Sequence[Runtime | None]) -> Runtime | None:
    """That of the first host that has one, with the instances of all."""
    there = [each for each in runtimes if each is not None]
    if not there:
        return None
    base = there[0] if runtimes[0] is not None else replace(there[0], networks=())
    return replace(base, instances=tuple(one for each in there for one in each.instances))


def _empty(runtime: Runtime | None) -> Runtime | None:
    return replace(runtime, instances=()) if runtime else None


def _named(names: Names, seen: Snapshot) -> Snapshot:
    """What one host saw, in the lab's names."""
    return replace(
        seen,
        namespaces={
            names.place(place): _apart(each, names.number)
            for place, each in seen.namespaces.items()
        },
        aliases={names.place(one): names.place(two) for one, two in seen.aliases.items()},
        daemons={names.place(place): each for place, each in seen.daemons.items()},
        daemon_files={names.place(place): each for place, each in seen.daemon_files.items()},
        persistence={names.place(place): each for place, each in seen.persistence.items()},
        unread={source(each, names.place): why for each, why in seen.unread.items()},
        kept_sysctls={f"{key}{names.suffix}": each for key, each in seen.kept_sysctls.items()},
        runtime=_instances(seen.runtime, names.guest),
    )


def source(source: str, rename: Callable[[Place], Place]) -> str:
    """``PLACE`` or ``PLACE/SOURCE`` with another place."""
    place = place_of(source)
    return rename(place) + source.removeprefix(place)


def place_of(source: str) -> Place:
    """A container's place has a slash of its own."""
    parts = source.split("/")
    return Place("/".join(parts[: 2 if source.startswith("container:") else 1]))


def _apart(here: Namespace, number: int) -> Namespace:
    if not number:
        return here
    return replace(
        here,
        inode=here.inode + number * _APART if here.inode else here.inode,
        netns_ids={key: each + number * _APART for key, each in here.netns_ids.items()},
    )


def _instances(runtime: Runtime | None, rename: Callable[[str], str]) -> Runtime | None:
    if runtime is None:
        return None
    every = tuple(replace(each, name=rename(each.name)) for each in runtime.instances)
    return replace(runtime, instances=every)
