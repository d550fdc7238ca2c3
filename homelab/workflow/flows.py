"""Flows that a change must not break: which of them work, and whether they still do after it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import TypeAlias

from homelab.diagnosis.judge import judge
from homelab.diagnosis.tracer import Tracer
from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.finding import Judgement
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import Place
from homelab.model.plan import ProbeLost
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target
from homelab.workflow.change import Planned
from homelab.workflow.foresight import future
from homelab.workflow.look import Probe

Flows: TypeAlias = tuple[Target, ...]

SAMPLE = 256
"""How many flows are probed, unless the user says otherwise; of more, some of each network."""

TRIES, PATIENT = 3, 20
"""How often a flow that does not answer is asked: after a restart containers take their time."""

SLOW = (op.RestartInstance, op.ConnectContainer, op.DisconnectContainer, op.StartContainer)
"""Operations after which a container needs time until it answers again."""

KEPT = (Outcome.DELIVERED, Outcome.UNKNOWN)


def nothing() -> None:
    """No time passes between two tries."""


@dataclass(frozen=True, slots=True)
class Door:
    """From where real packets are sent, by what, how many of them, and what happens between two tries."""

    origin: Place
    probe: Probe
    most: int = SAMPLE
    pause: Callable[[], None] = nothing


def working(planned: Planned, door: Door | None) -> Flows:
    """Flows that answer a real packet now, and that the plan does not close."""
    if door is None or planned.goal.removal:
        return ()
    later = Tracer(future(planned))
    judged = _meant(planned, judge(planned.inventory, planned.snapshot))
    wanted = _sample(judged, planned.inventory, Tracer(planned.snapshot), door)
    left = (each for each in wanted if later.trace(door.origin, each).outcome in KEPT)
    flows = tuple(islice(left, door.most))
    said = _said(flows, door)
    return tuple(each for each, word in zip(flows, said, strict=True) if word == "answered")


def lost(
    flows: Sequence[Target], door: Door | None, done: Sequence[Operation]
) -> tuple[ProbeLost, ...]:
    """Flows that answered before and do not answer any more; ``done`` tells how patiently they are asked."""
    tries = PATIENT if any(isinstance(each, SLOW) for each in done) else TRIES
    return _unanswered(flows, door, "answered", tries) if door is not None else ()


def fresh(
    planned: Planned, after: Snapshot, known: Sequence[Target], door: Door | None
) -> tuple[int, tuple[ProbeLost, ...]]:
    """How many declared flows the model sees arrive that did not work before; those that do not answer."""
    if door is None or planned.goal.removal:
        return 0, ()
    now = Tracer(after)
    judged = _meant(planned, judge(planned.inventory, after))
    new = (
        each
        for each in _sample(judged, planned.inventory, now, door)
        if each not in known and now.trace(door.origin, each).outcome is Outcome.DELIVERED
    )
    wanted = tuple(islice(new, max(0, door.most - len(known))))
    return len(wanted), _unanswered(wanted, door, "not probed", TRIES)


def _meant(planned: Planned, judged: Iterable[Judgement]) -> list[Judgement]:
    """What the inventory declares; all that there is, when a fix is made without one."""
    return [each for each in judged if each.declared or not planned.inventory.networks]


def _sample(
    judged: Sequence[Judgement], inventory: Inventory, tracer: Tracer, door: Door
) -> Iterator[Target]:
    """The first target of each network, then the second of each; none outside the lab."""
    rounds = zip_longest(*(each.targets for each in judged))
    targets = (each for each in chain.from_iterable(rounds) if each is not None)
    return (each for each in targets if _is_inside(each, inventory, tracer, door))


def _is_inside(target: Target, inventory: Inventory, tracer: Tracer, door: Door) -> bool:
    """A guest may claim any address for its containers: it counts where it is declared.

    Where nothing is declared, the packet has to end in a place of the lab, as the model sees it.
    """
    declared = [subnet for each in inventory.networks for subnet in each.subnets]
    if declared:
        return any(target.address in each for each in declared)
    return tracer.trace(door.origin, target).outcome is Outcome.DELIVERED


def _unanswered(
    flows: Sequence[Target], door: Door, before: str, tries: int
) -> tuple[ProbeLost, ...]:
    """What each flow met at last that never answered."""
    waiting: dict[Target, str] = dict.fromkeys(flows, "")
    for at in range(tries):
        if not waiting:
            break
        if at:
            door.pause()
        asked = tuple(waiting)
        said = dict(zip(asked, _said(asked, door), strict=True))
        waiting = {each: word for each, word in said.items() if word != "answered"}
    return tuple(ProbeLost(door.origin, str(each), before, said) for each, said in waiting.items())


def _said(flows: Sequence[Target], door: Door) -> tuple[str, ...]:
    """From a place that is gone nothing is answered."""
    try:
        return door.probe(door.origin, flows) if flows else ()
    except OperationError as error:
        return (f"error: {error}",) * len(flows)
