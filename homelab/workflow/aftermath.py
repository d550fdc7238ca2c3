"""What became of each object that a change touched, once the change was taken back."""

from collections.abc import Iterator, Sequence

from homelab.errors import OperationError
from homelab.model.operation import Operation
from homelab.model.place import Place
from homelab.model.plan import Fate, FateKind
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.objects import objects, touched


def fates(before: Snapshot, started: Sequence[Operation], now: Snapshot) -> tuple[Fate, ...]:
    """One for each object, in the order in which the change touched them.

    ``before`` is the lab of the journal; where the change was heading is its simulation.
    """
    places = {name: each.place for each in started for name in touched(each)}
    was, target, there = objects(before), objects(_headed_for(before, started)), objects(now)
    return tuple(
        _fate(name, was.get(name), target.get(name), there.get(name), tuple(_unread(place, now)))
        for name, place in places.items()
    )


def _headed_for(before: Snapshot, started: Sequence[Operation]) -> Snapshot:
    """The lab after all that was started, as far as the simulated system takes it."""
    system = SimulatedSystem(before)
    for each in started:
        try:
            system.run(each)
        except OperationError:
            continue
    return system.read()


def _unread(place: Place, now: Snapshot) -> Iterator[str]:
    """Why nothing is known of a place any more; whatever a daemon there does not say counts too."""
    for source in (place, f"{place}/docker", f"{place}/lxd"):
        if source in now.unread:
            yield f"{source}: {now.unread[source]}"


def _fate(name: str, was: object, target: object, there: object, unread: tuple[str, ...]) -> Fate:
    """An object that is missing, or still as the change wanted it, was not brought back by us.

    Any other value is one that we never wrote.
    """
    if there is None and unread:
        return Fate(name, FateKind.FAILED, f"not known: {'; '.join(unread)}")
    if there == was:
        return Fate(name, FateKind.GONE if was is None else FateKind.RESTORED)
    if there is None:
        return Fate(name, FateKind.FAILED, "it was there before, and is not there")
    if there == target:
        return Fate(name, FateKind.FAILED, "it is still as the change wanted it")
    return Fate(name, FateKind.FOREIGN, "it is neither as before nor as the change wanted it")
