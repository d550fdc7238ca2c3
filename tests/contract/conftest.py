"""The worlds that keep the contract."""

from collections.abc import Iterator

import pytest

from tests.contract.contract_worlds import Simulated, World, kernel_world


@pytest.fixture(params=["simulated", pytest.param("kernel", marks=pytest.mark.kernel)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "simulated":
        yield Simulated()
    else:
        yield from kernel_world()
