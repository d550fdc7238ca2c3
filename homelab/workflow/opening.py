"""Who else reaches what after a change: the same questions, asked from inside the lab, before it and after."""

from collections.abc import Iterable, Iterator

from homelab.diagnosis.tracer import Tracer
from homelab.model.finding import Case, Judgement
from homelab.model.place import HOST, Place, guest_of
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target

UNUSED = 1
"""A TCP port (tcpmux, RFC 1078) on which hardly anybody listens: what comes so far may use any."""

MOST_TARGETS = 8
"""How many networks are asked for; the first of each address family stands for its network."""


def newly_reached(before: Case, after: Snapshot, changed: Iterable[Place]) -> Iterator[str]:
    """What the host, other guests and containers of other networks reach only after the change."""
    places = {*changed}
    asked = [each for each in before.judgements if HOST in places or each.place in places]
    then, now = Tracer(before.snapshot), Tracer(after)
    for judgement in asked[:MOST_TARGETS]:
        for target in _targets(judgement):
            for origin in _origins(before, judgement):
                # The answer after the change comes first: mostly it is no.
                if _comes_through(now, origin, target) and not _comes_through(then, origin, target):
                    name = f"{judgement.name.guest}/{judgement.name.network}"
                    yield f"{name}, all ports of {target.address}, from {origin}"


def _targets(judgement: Judgement) -> Iterator[Target]:
    for version in (4, 6):
        alike = (each.address for each in judgement.targets if each.address.version == version)
        address = next(alike, None)
        if address is not None:
            yield Target(address, "tcp", UNUSED)


def _origins(before: Case, judgement: Judgement) -> Iterator[Place]:
    """The host, one other guest, a container of another network of the same guest, and one elsewhere."""
    here = before.snapshot.namespaces
    yield from (each for each in (HOST,) if each in here and each != judgement.place)
    guests = (
        each for each in sorted(here) if each.startswith("guest:") and each != judgement.place
    )
    yield from _first(guests)
    mine = {each.address for each in judgement.targets}
    others = [each for each in sorted(here) if each.startswith("container:")]
    home = guest_of(judgement.place)
    beside = (
        each
        for each in others
        if guest_of(each) == home
        and not any(one.interface.ip in mine for one in here[each].addresses)
    )
    yield from _first(beside)
    yield from _first(each for each in others if guest_of(each) != home)


def _first(places: Iterator[Place]) -> Iterator[Place]:
    found = next(places, None)
    if found is not None:
        yield found


def _comes_through(tracer: Tracer, origin: Place, target: Target) -> bool:
    """Answered, or refused by the container itself because nobody listens."""
    trace = tracer.trace(origin, target)
    if trace.outcome is Outcome.REJECTED:
        return trace.cause is not None and trace.cause.kind == "socket"
    return trace.ok
