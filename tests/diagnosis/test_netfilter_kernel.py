"""The model of netfilter against the kernel: the same rules, the same packets, the same fate."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.diagnosis import netfilter_cases
from tests.diagnosis.netfilter_lab import judge, probes
from tests.diagnosis.netfilter_world import CLIENT_NS, Flight, World, entered, fates, router

pytestmark = pytest.mark.kernel

_identifiers = iter(range(10000, 60000))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with router() as built:
        yield built


@pytest.mark.parametrize("case", netfilter_cases.CASES, ids=lambda each: each.name)
def test_the_model_agrees_with_the_kernel(case: netfilter_cases.Case, world: World) -> None:
    world.clear()
    try:
        for tool, text in case.rules:
            world.load(tool, text)
        packets = probes(_identifiers)
        really = entered(CLIENT_NS, lambda: fates(packets))
        texts = world.texts(legacy=any("legacy" in tool for tool, _ in case.rules))
    finally:
        world.clear()
    record(case, texts, really)
    judge(
        texts,
        {name: (each.packet, each.fate, each.seen) for name, each in really.items()},
        doubtful=case.doubtful,
    )


def record(case: netfilter_cases.Case, texts: dict[str, str], really: dict[str, Flight]) -> None:
    """With NETFILTER_RECORD=FILE, append what the kernel did for the tests that run without it."""
    file = os.environ.get("NETFILTER_RECORD")
    if file and "scrambled" not in case.name:
        seen = {name: [each.fate, each.seen] for name, each in really.items()}
        row = {"name": case.name, "doubtful": case.doubtful, "rulesets": texts, "fates": seen}
        with Path(file).open("a") as out:
            out.write(json.dumps(row) + "\n")
