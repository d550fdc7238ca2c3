"""Rule sets as the firewalls of real machines install them, and nftables' statements, before the kernel."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from tests.kernel.firewall_files import FIREWALLS, FLOWTABLES, NAMES, OPEN, firewall
from tests.kernel.fuzz_world import Court, Score, court

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def judge() -> Iterator[Court]:
    with court() as opened:
        yield opened


@pytest.mark.parametrize("name", sorted({*NAMES} - FLOWTABLES))
def test_a_firewall_is_judged_as_the_kernel_judges_it(judge: Court, name: str) -> None:
    score = judge.hear(firewall(name), whole=True)

    assert score.wrong == []
    assert score.pairs > 55
    assert set(score.unknown) == OPEN.get(name, set())


def test_two_firewalls_on_one_machine_are_judged_as_the_kernel_judges_them(judge: Court) -> None:
    total = Score()
    for one, other in combinations(FIREWALLS, 2):
        total.add(judge.hear(firewall(one, other)))

    assert total.wrong == []
    assert total.pairs > 3000
    assert set(total.unknown) <= set.union(*OPEN.values())
