"""Faults of the field, injected into the real lab one and two at a time: named first, mended, and no trace left."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.live.injecting import Bench, Row, bench
from tests.live.rows_double import DOUBLE, LONG, ROWS
from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab


CHOSEN = [each for each in ROWS if each not in LONG or os.environ.get("HOMELAB_INJECT") == "all"]
"""What CI runs; `make inject` runs those too that take long."""

SETTLED = 15.0
"""How many seconds a guest may take to be again as it was: its daemon starts containers by itself."""


@pytest.fixture(scope="module")
def six(lab: Lab) -> Iterator[Bench]:
    """The lab with both versions of IP; afterwards without IPv6, by one apply."""
    with bench(lab) as made:
        yield made
    done = lab.homelab("apply", "--yes", "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    lab.wait_for_containers()


@pytest.fixture
def healthy(six: Bench) -> Iterator[Bench]:
    """Afterwards nothing in the lab is other than before, so that one row cannot spoil the next."""
    before = six.look()
    yield six
    until = time.monotonic() + SETTLED
    while (after := six.look()) != before and time.monotonic() < until:
        time.sleep(0.5)
    assert after.splitlines() == before.splitlines()


def names(found: Mapping[str, Any], row: Row) -> bool:
    """Whether a finding has the row's code, the exact place, and the exact rule, key or route."""
    cause = found["cause"] or {}
    said = {key: cause.get(key) for key in row.cause}
    return (found["fault"], found["at"], said) == (row.code, row.at, dict(row.cause))


@pytest.mark.parametrize(("first", "second"), DOUBLE, ids=[" and ".join(pair) for pair in DOUBLE])
def test_of_two_faults_both_are_found_and_mended(healthy: Bench, first: str, second: str) -> None:
    rows = ROWS[first], ROWS[second]
    try:
        for row in rows:
            healthy.run(row.inject)
        assert not any(healthy.arrives(row.probe) for row in rows)

        found = healthy.diagnose()

        for row in rows:
            assert any(names(each, row) for each in found), (row, found)
        assert any(names(found[0], row) for row in rows), found
        healthy.mend([each for each in found if each["severity"] != "info"])
        for row in rows:
            assert healthy.arrives(row.probe, tries=20), found
    finally:
        for row in rows:
            healthy.put_right(row.undo)


@pytest.mark.parametrize("row", [ROWS[each] for each in CHOSEN], ids=CHOSEN)
def test_a_fault_is_the_first_finding_and_its_fix_brings_the_packet_through(
    healthy: Bench, row: Row
) -> None:
    assert row.fresh or healthy.arrives(row.probe, tries=20)
    try:
        healthy.run(row.inject)
        assert not healthy.arrives(row.probe)

        found = healthy.diagnose(row)

        assert names(found[0], row), found
        fix = found[0]["fix"]
        assert row.advice in str(fix and (fix["text"], fix["commands"]))
        if row.mend:
            healthy.mend(found[:1], row)
            assert healthy.arrives(row.probe, tries=20), fix
    finally:
        healthy.put_right(row.undo)
