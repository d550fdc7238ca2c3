"""Networks thrown by dice, and those that once were judged wrong, before the kernel."""

import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from homelab.model.trace import Target
from tests.kernel.fuzz_world import Score
from tests.kernel.topologies import CASES
from tests.kernel.topology_dice import Topology, Wire, topology
from tests.kernel.topology_world import hear

pytestmark = pytest.mark.kernel

SEEDS = range(1000, 1016)


def test_the_model_is_never_wrong_about_random_topologies() -> None:
    total = Score()
    for seed in SEEDS:
        total.add(hear(topology(seed)))

    assert total.wrong == []
    assert total.pairs > 600
    assert total.outcomes["unknown"] < total.pairs / 10
    assert min(total.outcomes[each] for each in ("delivered", "dropped", "rejected")) > 30


def read(file: Path) -> Topology:
    case = json.loads(file.read_text())
    roads = ((origin, Target(ip_address(to), *rest)) for origin, to, *rest in case["roads"])
    return Topology(
        case["name"],
        tuple(Wire(*each) for each in case["wires"]),
        tuple((place, line) for place, line in case["lines"]),
        frozenset(case["deaf"]),
        tuple(roads),
    )


@pytest.mark.parametrize("file", sorted(CASES.glob("*.json")), ids=lambda each: each.stem)
def test_what_was_judged_wrong_is_judged_right(file: Path) -> None:
    score = hear(read(file))

    assert score.wrong == []
    assert score.pairs
