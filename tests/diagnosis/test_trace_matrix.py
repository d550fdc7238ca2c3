"""Real guests in many states, and every flow of each: what its packet met, against its trace."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.model.trace import Outcome, Trace
from tests.matrix_kept import FOLDER, Kept, fits, line, load

KEPT = sorted(FOLDER.glob("*.json.gz"))
UNKNOWN: dict[str, str] = {}
"""What the flows of a guest hang on that nobody can foretell."""

READINGS: dict[str, tuple[Callable[[str], bool], tuple[int, int]]] = {
    "without nft's JSON": (lambda tool: tool != "nft-json", (0, 0)),
    "without nft's text": (lambda tool: tool != "nft", (0, 0)),
    "iptables alone": (lambda tool: not tool.startswith("nft"), (0, 0)),
    "without ip6tables": (lambda tool: not tool.startswith("ip6"), (0, 36)),
    "nft alone": (lambda tool: tool.startswith("nft"), (0, 36)),
    "nft's text alone": (lambda tool: tool == "nft", (0, 45)),
    "nft's JSON alone": (lambda tool: tool == "nft-json", (12, 120)),
}
"""Tools that were there to be asked, and the least and the most unknown flows of the guests below."""


def judged(kept: Kept) -> tuple[list[str], list[Trace]]:
    """What the kernel contradicts, and what the model leaves open."""
    traced = list(kept.traced())
    wrong = [line(trace, said) for trace, said in traced if not fits(trace, said)]
    return wrong, [trace for trace, _ in traced if trace.outcome is Outcome.UNKNOWN]


@pytest.mark.parametrize("path", KEPT, ids=lambda each: each.name.removesuffix(".json.gz"))
def test_each_flow_fares_as_it_did(path: Path) -> None:
    kept = load(path)

    wrong, unknown = judged(kept)

    assert wrong == []
    hangs_on = {str(each.cause.rule) if each.cause else "" for each in unknown}
    assert all(UNKNOWN.get(kept.name, "nothing") in each for each in hangs_on)
    assert bool(hangs_on) == (kept.name in UNKNOWN)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("guest", ["web", "app"])
def test_whichever_tools_told_nothing_is_wrong(reading: str, guest: str) -> None:
    has, (least, most) = READINGS[reading]
    kept = load(FOLDER / f"default-fwd0.{guest}.json.gz")
    places = {
        place: replace(here, rulesets=tuple(each for each in here.rulesets if has(each.tool)))
        for place, here in kept.snapshot.namespaces.items()
    }

    wrong, unknown = judged(replace(kept, snapshot=replace(kept.snapshot, namespaces=places)))

    assert wrong == []
    assert least <= len(unknown) <= most


def test_there_are_guests_of_every_generation() -> None:
    generations = Counter(path.name.split(".")[-3] for path in KEPT)

    assert min(generations[each] for each in ("web", "db", "app")) >= 5
