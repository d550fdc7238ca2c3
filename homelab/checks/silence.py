"""Docker daemons that do not answer, as several faults ask for them."""

from collections.abc import Iterator

from homelab.checks.lab import declared_names
from homelab.model.finding import Case
from homelab.model.place import Place, guest_of

SOURCE = "/docker"
SILENT = ("daemon down", "does not answer")
"""How the reader of Docker's socket says that nobody is there, or that somebody is too slow."""


def is_silent(reason: str) -> bool:
    return reason.startswith(SILENT)


def silent(case: Case) -> Iterator[tuple[Place, str]]:
    """Each place whose daemon does not answer, with the reason."""
    for source, reason in sorted(case.snapshot.unread.items()):
        if source.endswith(SOURCE) and is_silent(reason):
            yield Place(source.removesuffix(SOURCE)), reason


def severity(case: Case, place: Place) -> str:
    """An error where the inventory wants networks in the place."""
    return "error" if declared_names(case, guest_of(place) or "") else "warning"
