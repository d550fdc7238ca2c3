"""The model of netfilter against what a kernel was seen to do (recorded by test_netfilter_kernel.py)."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.netfilter_lab import judge, probes

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "netfilter_recorded.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["name"]))
def test_the_model_tells_what_the_kernel_did(row: dict[str, Any]) -> None:
    packets = probes(count(10000))
    fates = {name: (packets[name], *fate) for name, fate in row["fates"].items()}

    judge(row["rulesets"], fates, doubtful=row["doubtful"])
