"""Questions to the lab itself: real packets from several senders, all at the same time."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from homelab.errors import OperationError
from homelab.model.place import Place
from homelab.model.proof import Sender
from homelab.model.trace import Target
from homelab.system.doors import Door
from homelab.system.probe import probe

_WORKERS = 16


def ask(
    door: Callable[[Place], Door], questions: Mapping[Sender, Sequence[Target]], timeout: float
) -> dict[Sender, tuple[str, ...]]:
    """What each packet met; a sender that is gone makes ``error: …`` of all its answers."""

    def one(sender: Sender, targets: Sequence[Target]) -> tuple[str, ...]:
        try:
            return probe(door(sender.place), targets, timeout)
        except OperationError as error:
            return (f"error: {error}",) * len(targets)

    with ThreadPoolExecutor(_WORKERS, "asking") as pool:
        found = pool.map(one, questions.keys(), questions.values())
        return dict(zip(questions, found, strict=True))
