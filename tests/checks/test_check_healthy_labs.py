"""Healthy labs get no finding; one that is broken gets the right one first, and its fix restores it."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random

import pytest

from homelab.model.finding import Finding
from homelab.model.snapshot import Snapshot
from homelab.workflow.look import Diagnosis, diagnose
from tests.checks.broken_labs import BREAKERS, Breaker, Fault, choose
from tests.checks.by_hand import mended
from tests.checks.healthy_labs import NICS, Made, healthy

HEALTHY = range(120)
BROKEN = range(120, 200)
EACH = 4
DOUBLE = range(200, 300)
PAIRS = 20
MOST_FIXES = 8
lab = cache(healthy)
# What somebody has to decide: which side of a wire is wrong, or what a container's own rules are for.
OF_A_PERSON = ("trunk_id", "trunk_native", "container_firewall")


@pytest.mark.parametrize("seed", HEALTHY)
def test_a_healthy_lab_gets_no_finding(seed: int) -> None:
    made = lab(seed)

    found = diagnose(made.inventory, made.snapshot)

    assert not [f"{each.fault}: {each.explains}" for each in found.findings], made.says
    assert found.case.judgements, made.says
    assert all(each.reachable for each in found.case.judgements), made.says


def test_the_same_number_gives_the_same_lab() -> None:
    assert healthy(7) == healthy(7)


def test_the_labs_are_of_all_kinds() -> None:
    words = Counter(word for seed in HEALTHY for word in lab(seed).says.split("; "))
    kinds = {each for seed in HEALTHY for each in lab(seed).nics.values()}

    assert kinds == set(NICS)
    for each in (
        "families 4",
        "families 6",
        "families 4 6",
        "router not observed",
        "router on the LAN",
        "router by a VLAN trunk",
        "host rules ufw",
        "host rules firewalld",
        "policy routing",
        "inventory",
    ):
        assert words[each] > 5, each


def broken(made: Made, breaker: Breaker, chance: Random) -> Fault | None:
    return breaker(made.snapshot, choose(made, chance))


@pytest.mark.parametrize("breaker", BREAKERS, ids=lambda each: str(each.__name__))
def test_a_broken_lab_gets_its_fault_first_and_the_fix_restores_it(breaker: Breaker) -> None:
    tried = 0
    for made, fault in islice(cases(breaker), EACH):
        found = diagnose(made.inventory, fault.snapshot)
        assert found.findings, made.says
        assert named(found.findings[0]) in fault.names, made.says
        if breaker.__name__ not in OF_A_PERSON:
            assert is_restored(made, fault.snapshot, found), made.says
        tried += 1
    assert tried == EACH


def cases(breaker: Breaker) -> Iterator[tuple[Made, Fault]]:
    """Labs in which the fault can be, broken by it."""
    for seed in BROKEN:
        fault = broken(lab(seed), breaker, Random(seed))
        if fault is not None:
            yield lab(seed), fault


def named(finding: Finding) -> tuple[str, str]:
    return finding.fault, finding.at


def is_restored(made: Made, snapshot: Snapshot, found: Diagnosis) -> bool:
    """Fix after fix, the first finding's each time, as a person would; a lost route may come second."""
    for _ in range(MOST_FIXES):
        if not found.findings:
            return all(each.reachable for each in found.case.judgements)
        after = mended(snapshot, found.findings[0].fix)
        if after is None or after == snapshot:
            return False
        snapshot, found = after, diagnose(made.inventory, after)
    return False


def doubles() -> list[tuple[int, str, str]]:
    """Twenty pairs of faults, each in a lab where both can be."""
    chosen = []
    for seed in DOUBLE:
        made, chance = lab(seed), Random(seed)
        one, other = chance.sample(BREAKERS, 2)
        first = broken(made, one, Random(seed))
        second = other(first.snapshot, choose(made, Random(seed))) if first else None
        if first and second and not {one.__name__, other.__name__} & APART:
            chosen.append((seed, one.__name__, other.__name__))
    return list(islice(chosen, PAIRS))


# One of the places is gone, or the VLAN link with it: what else is broken there cannot be seen.
APART = {"container_stopped", *OF_A_PERSON}
BY_NAME = {each.__name__: each for each in BREAKERS}


@pytest.mark.parametrize(("seed", "one", "other"), doubles())
def test_two_faults_are_both_named_and_their_fixes_restore_the_lab(
    seed: int, one: str, other: str
) -> None:
    made = lab(seed)
    first = broken(made, BY_NAME[one], Random(seed))
    assert first is not None
    second = BY_NAME[other](first.snapshot, choose(made, Random(seed)))
    assert second is not None

    found = diagnose(made.inventory, second.snapshot)

    assert named(found.findings[0]) in (*first.names, *second.names), made.says
    seen = seen_on_the_way(made, second.snapshot, found)
    assert seen is not None, made.says
    assert any(each in seen for each in first.names), made.says
    assert any(each in seen for each in second.names), made.says


def seen_on_the_way(
    made: Made, snapshot: Snapshot, found: Diagnosis
) -> set[tuple[str, str]] | None:
    """All that is named until the lab is restored; None if it is not."""
    seen: set[tuple[str, str]] = set()
    for _ in range(MOST_FIXES):
        if not found.findings:
            return seen
        seen |= {named(each) for each in found.findings}
        after = mended(snapshot, found.findings[0].fix)
        if after is None or after == snapshot:
            return None
        snapshot, found = after, diagnose(made.inventory, after)
    return None


def test_there_are_twenty_double_faults() -> None:
    assert len(doubles()) == PAIRS
