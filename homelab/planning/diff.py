"""Compare two states; nothing here knows what a resource is made of."""

from collections.abc import Iterator, Mapping

from homelab.model.inventory import Inventory
from homelab.model.plan import Change, Create, Delete, Plan, Replace, State
from homelab.model.resource import Key, Kinds, Resource
from homelab.model.snapshot import Snapshot
from homelab.planning.hosts import hosts


def desired_state(inventory: Inventory, snapshot: Snapshot, kinds: Kinds) -> State:
    return {
        each.key: each
        for kind in kinds
        for host in hosts(snapshot)
        for each in host.placed(kind.desired(host.inventory(inventory), host.seen))
    }


def actual_state(snapshot: Snapshot, kinds: Kinds) -> State:
    return {
        each.key: each
        for kind in kinds
        for host in hosts(snapshot)
        for each in host.placed(kind.actual(host.seen))
    }


def diff(
    desired: State, actual: State, snapshot: Snapshot, *, only: frozenset[str] = frozenset()
) -> Plan:
    """Deletions first, in reverse order of building; then what is new or different."""
    gone = {
        key: each
        for key, each in actual.items()
        if key not in desired and (not only or each.guest in only)
    }
    wanted = _of(desired, only)
    return Plan((*_make_room(gone, snapshot), *_build(wanted, actual, snapshot)))


def obstacles(
    desired: State, actual: State, snapshot: Snapshot, *, only: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Messages about foreign things in the way of what is not there yet, each once."""
    missing = (each for key, each in _of(desired, only).items() if actual.get(key) != each)
    return tuple(dict.fromkeys(text for each in missing for text in each.obstacles(snapshot)))


def _of(desired: State, only: frozenset[str]) -> Mapping[Key, Resource]:
    """What some guests need: what serves them, and what serves all."""
    if not only:
        return desired
    return {key: each for key, each in desired.items() if each.guest is None or each.guest in only}


def _make_room(gone: Mapping[Key, Resource], snapshot: Snapshot) -> Iterator[Change]:
    for old in reversed(list(gone.values())):
        yield Delete(old, old.delete(snapshot), old.removal(snapshot))


def _build(desired: State, actual: State, snapshot: Snapshot) -> Iterator[Change]:
    for key, new in desired.items():
        old = actual.get(key)
        if old is None:
            yield Create(new, new.create(snapshot), new.disruption(None, snapshot))
        elif old != new:
            yield Replace(old, new, new.replace(old, snapshot), new.disruption(old, snapshot))
