"""How many hands a change has: one operation after the other, or guests side by side and in batches."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.operation import Operation
from homelab.model.plan import Execution
from homelab.planning.lanes import Batch, Lanes, waves

INTERRUPTED = "interrupted"
"""The failure of an execution that a signal ended; what was done of it is taken back."""

Together: TypeAlias = Callable[[Batch], None]


@dataclass(frozen=True, slots=True)
class Hands:
    """``at_once`` guests are worked on at the same time.

    ``together`` carries out a batch, all or none; without it every operation is run alone.
    """

    at_once: int = 1
    together: Together | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """``begin`` is called before a batch is run, by the thread that made this; ``run`` by any thread.

    An ``OperationError`` of either ends the work: what is under way comes to its end, nothing else is begun.
    """

    begin: Together
    run: Together


def carry_out(operations: Sequence[Operation], work: Work, hands: Hands) -> Execution:
    """Carry out the operations, and say how far it got."""
    if hands.together is None or hands.at_once == 1:
        return _one_by_one(tuple((each,) for each in operations), work)
    whole = Execution()
    for lanes in waves(operations):
        part = _one_by_one(lanes[0], work) if len(lanes) == 1 else _side_by_side(lanes, work, hands)
        whole = joined(whole, part)
        if whole.failure is not None:
            break
    return whole


def joined(first: Execution, then: Execution) -> Execution:
    """Two executions, one after the other, as one."""
    return Execution((*first.done, *then.done), then.failure, then.failed, then.unsure)


def _one_by_one(lane: Sequence[Batch], work: Work) -> Execution:
    done: list[Operation] = []
    for batch in lane:
        try:
            work.begin(batch)
            work.run(batch)
        except OperationError as failure:
            return Execution(tuple(done), str(failure), batch[0], batch[1:])
        except KeyboardInterrupt:
            return Execution(tuple(done), INTERRUPTED, batch[0], batch[1:])
        done.extend(batch)
    return Execution(tuple(done))


@dataclass(slots=True)
class _Progress:
    """What was begun, in that order; what did not go through; and why."""

    begun: list[tuple[Batch, Future[None] | None]] = field(default_factory=list)
    failure: str | None = None

    def execution(self) -> Execution:
        done = [each for batch, end in self.begun if _went_through(end) for each in batch]
        rest = [each for batch, end in self.begun if not _went_through(end) for each in batch]
        failed = rest[0] if rest else None
        return Execution(tuple(done), self.failure, failed, tuple(rest[1:]))


def _went_through(end: Future[None] | None) -> bool:
    return end is not None and end.exception() is None


def _side_by_side(lanes: Lanes, work: Work, hands: Hands) -> Execution:
    waiting = deque(iter(lane) for lane in lanes)
    running: dict[Future[None], Iterator[Batch]] = {}
    progress = _Progress()
    with ThreadPoolExecutor(hands.at_once, "guest") as pool:
        while True:
            while waiting and progress.failure is None and len(running) < hands.at_once:
                lane = waiting.popleft()
                batch = next(lane, None)
                if batch is not None and (end := _begun(batch, work, pool, progress)):
                    running[end] = lane
            if not running:
                return progress.execution()
            for end in _ended(running, progress):
                waiting.append(running.pop(end))


def _begun(
    batch: Batch, work: Work, pool: ThreadPoolExecutor, progress: _Progress
) -> Future[None] | None:
    try:
        work.begin(batch)
    except OperationError as failure:
        progress.failure = str(failure)
        progress.begun.append((batch, None))
        return None
    end = pool.submit(work.run, batch)
    progress.begun.append((batch, end))
    return end


def _ended(running: dict[Future[None], Iterator[Batch]], progress: _Progress) -> list[Future[None]]:
    """The batches that came to their end; a signal is heard, and what is under way comes to its end."""
    try:
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
    except KeyboardInterrupt:
        progress.failure = progress.failure or INTERRUPTED
        return []
    for each in ended:
        error = each.exception()
        if isinstance(error, OperationError):
            progress.failure = progress.failure or str(error)
        elif error is not None:
            raise error
    return sorted(ended, key=list(running).index)
