"""Real guests in many states, and every flow of each: what its packet met, against its trace."""

from collections import Counter
from pathlib import Path

import pytest

from homelab.model.trace import Outcome
from tests.matrix_kept import FOLDER, fits, line, load, shown

KEPT = sorted(FOLDER.glob("*.json.gz"))
UNKNOWN: dict[str, set[str]] = {}
"""Which guests have flows that nobody can foretell, and what those hang on."""


@pytest.mark.parametrize("path", KEPT, ids=lambda each: each.name.removesuffix(".json.gz"))
def test_each_flow_fares_as_it_did(path: Path) -> None:
    kept = load(path)
    traced = list(kept.traced())

    assert [line(trace, said) for trace, said in traced if not fits(trace, said)] == []
    unknown = Counter(shown(t.cause) for t, _ in traced if t.outcome is Outcome.UNKNOWN)
    assert set(unknown) == UNKNOWN.get(kept.name, set())


def test_there_are_guests_of_every_generation() -> None:
    generations = Counter(load(path).name.rpartition(".")[2] for path in KEPT)

    assert min(generations[each] for each in ("web", "db", "app")) >= 5
