"""The rule sets of ``tests/kernel`` on Debian's kernel, which is another one and has flowtables."""

from collections.abc import Iterator

import pytest

from tests.kernel.firewall_files import FLOWTABLES, NAMES, OPEN, firewall
from tests.kernel.fuzz_world import Court, court

pytestmark = pytest.mark.vlan


@pytest.fixture(scope="module")
def judge() -> Iterator[Court]:
    with court() as opened:
        yield opened


@pytest.mark.parametrize("name", NAMES)
def test_a_firewall_is_judged_as_debians_kernel_judges_it(judge: Court, name: str) -> None:
    score = judge.hear(firewall(name), whole=True)

    assert score.wrong == []
    assert score.pairs > 55
    assert name in FLOWTABLES or set(score.unknown) == OPEN.get(name, set())
