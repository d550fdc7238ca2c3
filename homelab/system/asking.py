"""Questions to the lab itself: real packets from several senders, all at the same time."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from homelab.errors import OperationError
from homelab.model.place import Place
from homelab.model.proof import Sender
from homelab.model.trace import Target
from homelab.system.crafting import craft
from homelab.system.doors import Door
from homelab.system.probe import probe

_WORKERS = 16


def ask(
    door: Callable[[Place], Door], questions: Mapping[Sender, Sequence[Target]], timeout: float
) -> dict[Sender, tuple[str, ...]]:
    """What each packet met; a sender that is gone makes ``error: …`` of all its answers."""

    def one(sender: Sender, targets: Sequence[Target]) -> tuple[str, ...]:
        try:
            return send(door(sender.place), sender, targets, timeout)
        except OperationError as error:
            return (f"error: {error}",) * len(targets)

    with ThreadPoolExecutor(_WORKERS, "asking") as pool:
        found = pool.map(one, questions.keys(), questions.values())
        return dict(zip(questions, found, strict=True))


def send(
    door: Door, sender: Sender, targets: Sequence[Target], timeout: float, own: int | None = None
) -> tuple[str, ...]:
    """One packet to each target, by a socket of the place or written onto its wire."""
    if sender.source is None:
        return probe(door, targets, timeout, own)
    return craft(door, sender, targets, timeout, own)
