"""Which fault was injected into something real, and which one is judged from written snapshots alone."""

import re
from pathlib import Path

from homelab.checks import FAULTS
from tests.checks.test_check_captures import CODES
from tests.live.rows_double import ROWS

TESTS = Path(__file__).parent
PROOF = TESTS.parent / "docs/proof.md"
NAMES = {each.code for each in FAULTS}


def quoted(pattern: str) -> set[str]:
    """The codes that the tests of a room name."""
    text = "".join(each.read_text() for each in TESTS.glob(pattern))
    return {code for code in NAMES if re.search(rf'"{code}[".]', text)}


def real() -> dict[str, set[str]]:
    return {
        "lab": {row.code for row in ROWS.values()} | quoted("live/test_live_*.py"),
        "namespaces": quoted("kernel/test_kernel_*.py"),
        "capture": {code for each in CODES.values() for code in each.values()},
        "VLAN kernel": quoted("kernel/vlan_capture.py") | quoted("vm/test_vm_conntrack.py"),
    }


def line(code: str) -> str:
    where = ", ".join(name for name, codes in real().items() if code in codes)
    return f"| {code} | {where or 'written snapshots only'} |"


def test_the_table_says_of_every_fault_where_it_was_injected() -> None:
    there = [each for each in PROOF.read_text().splitlines() if each.startswith("| ")]

    assert set(map(line, NAMES)) <= set(there)


def test_the_table_names_no_fault_that_is_not() -> None:
    rows = re.findall(r"^\| ([a-z0-9]+(?:-[a-z0-9]+)+) \|", PROOF.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(each for each in NAMES if "-" in each)
