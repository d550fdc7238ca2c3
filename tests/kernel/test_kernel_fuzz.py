"""Random rule sets, and those that once were judged wrong, before the kernel."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.fuzz_dice import Trial, trial
from tests.kernel.fuzz_world import ROADS, Court, Score, court, refused

pytestmark = pytest.mark.kernel

CASES = sorted((Path(__file__).parents[1] / "cases").glob("*.json"))
SEEDS = range(1000, 1050)


@pytest.fixture(scope="module")
def judge() -> Iterator[Court]:
    with court() as opened:
        yield opened


def test_the_model_is_never_wrong_about_random_rule_sets(judge: Court) -> None:
    unfit, total = refused(), Score()
    for seed in SEEDS:
        total.add(judge.hear(trial(seed, unfit)))

    assert total.wrong == []
    assert total.pairs > 2500
    assert total.outcomes["unknown"] < total.pairs / 4
    assert min(total.outcomes[each] for each in ("delivered", "dropped", "rejected")) > 200


@pytest.mark.parametrize("file", CASES, ids=lambda each: each.stem)
def test_what_was_judged_wrong_is_judged_right(judge: Court, file: Path) -> None:
    case = json.loads(file.read_text())
    rules = tuple((tool, text) for tool, text in case["rules"])
    wanted = {(origin, target) for origin, target in case["roads"]}
    roads = [each for each in ROADS if (each[0][-1], str(each[1])) in wanted]
    assert len(roads) == len(wanted)

    score = judge.hear(Trial(case["name"], rules), roads)

    assert score.wrong == []
    assert score.pairs
