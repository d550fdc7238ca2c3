"""One host of a lab of several, as if it were the only one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from homelab.model.kernel import Namespace
from homelab.model.lxc import Runtime
from homelab.model.persistence import Persistence
from homelab.model.place import HOST, ROUTER, Address, Place
from homelab.model.several import AT, Names, names_in, place_of, source
from homelab.model.snapshot import PROTOCOL, Other, Snapshot

V = TypeVar("V")


def view(lab: Snapshot, names: Names) -> Snapshot:
    """What one host of the lab has by itself, in its own names, with its router: as if it were the only one.

    Of homelab's routes on the router it shows those that lead to this host, and to the first one those
    that lead to none.
    """
    other = lab.others.get(names.host)
    router = other.router if other else ROUTER

    def own(place: Place) -> Place | None:
        return ROUTER if place == router else names.own_place(place)

    mine = _of(lab.namespaces, own)
    kept = _of(lab.persistence, own)
    _leave_out_ways_elsewhere(mine, kept, _leads_here(lab, names))
    return Snapshot(
        host=names.host,
        namespaces=mine,
        aliases={
            one: two for each, to in lab.aliases.items() if (one := own(each)) and (two := own(to))
        },
        runtime=_own_instances(_own_runtime(lab, other), lab.runtime, names),
        daemons=_of(lab.daemons, own),
        unread={
            source(each, lambda p: own(p) or p): why
            for each, why in lab.unread.items()
            if own(place_of(each))
        },
        kept_sysctls=_own_sysctls(lab, names.suffix),
        daemon_files=_of(lab.daemon_files, own),
        lacks=other.lacks if other else lab.lacks,
        persistence=kept,
    )


def _of(found: Mapping[Place, V], own: Callable[[Place], Place | None]) -> dict[Place, V]:
    return {mine: each for place, each in found.items() if (mine := own(place))}


def _own_sysctls(lab: Snapshot, suffix: str) -> dict[str, tuple[str, str]]:
    return {
        key.removesuffix(suffix): each
        for key, each in lab.kept_sysctls.items()
        if (key.endswith(suffix) if suffix else AT not in key)
    }


def _own_runtime(lab: Snapshot, other: Other | None) -> Runtime | None:
    """What runs its guests; that of the lab may be another host's."""
    if other is not None:
        return other.runtime
    return None if {HOST, f"{HOST}/lxd"} & lab.unread.keys() else lab.runtime


def _own_instances(runtime: Runtime | None, every: Runtime | None, names: Names) -> Runtime | None:
    if runtime is None or every is None:
        return None
    found = ((names.own_guest(each.name), each) for each in every.instances)
    return replace(
        runtime, instances=tuple(replace(each, name=name) for name, each in found if name)
    )


def _leave_out_ways_elsewhere(
    mine: dict[Place, Namespace],
    kept: dict[Place, Persistence],
    leads_here: Callable[[Address | None], bool],
) -> None:
    """Of homelab's own routes on the router, those of now and those of the next boot."""
    if ROUTER in mine:
        routes = mine[ROUTER].routes
        ours = tuple(e for e in routes if e.protocol != str(PROTOCOL) or leads_here(e.via))
        mine[ROUTER] = replace(mine[ROUTER], routes=ours)
    if ROUTER in kept:
        at_boot = tuple(each for each in kept[ROUTER].routes if leads_here(each.via))
        kept[ROUTER] = replace(kept[ROUTER], routes=at_boot)


def _leads_here(lab: Snapshot, names: Names) -> Callable[[Address | None], bool]:
    """Whether a next hop is an address of this host, or, of the first one, of none of the others."""
    every = {each.host: _addresses(lab, each) for each in names_in(lab)}
    others = {one for host, each in every.items() if host != names.host for one in each}
    if not names.number:
        return lambda via: via not in others
    return lambda via: via in every[names.host]


def _addresses(lab: Snapshot, names: Names) -> frozenset[Address]:
    here = lab.namespaces.get(names.place(HOST))
    return frozenset(each.interface.ip for each in here.addresses) if here else frozenset()
