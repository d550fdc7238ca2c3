"""Files of routes, and filters kept for the start of guests, in memory."""

from dataclasses import replace

from homelab.errors import OperationError
from homelab.model.operation import ForgetFilter, ForgetRoute, KeepFilter, KeepRoute
from homelab.model.persistence import Persistence
from homelab.model.snapshot import Snapshot
from homelab.system import kept_filters
from homelab.system.kept_routes import changed, check


def keep_route(snapshot: Snapshot, operation: KeepRoute | ForgetRoute) -> Snapshot:
    """A file is written whole, so its other routes are as homelab writes them from then on."""
    wanted, place = check(operation), operation.place
    machine = snapshot.persistence.get(place, Persistence())
    if wanted.file in machine.foreign:
        raise OperationError(
            f"{place}: {wanted.file}: it is there and is not homelab's; move it away"
        )
    there = tuple(replace(each, whole=True) for each in machine.routes if each.file == wanted.file)
    elsewhere = tuple(each for each in machine.routes if each.file != wanted.file)
    after = replace(machine, routes=(*elsewhere, *changed(there, operation)))
    return replace(snapshot, persistence={**snapshot.persistence, place: after})


def keep_filter(snapshot: Snapshot, operation: KeepFilter | ForgetFilter) -> Snapshot:
    kept_filters.check(operation)
    machine = snapshot.persistence.get(operation.place, Persistence())
    after = replace(machine, filters=kept_filters.changed(machine.filters, operation))
    others = {
        place: each for place, each in snapshot.persistence.items() if place != operation.place
    }
    mine = {operation.place: after} if after != Persistence() else {}
    return replace(snapshot, persistence={**others, **mine})
