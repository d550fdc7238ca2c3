"""Captured guests of every generation of Docker, built again and read by the command, against what was measured."""

import json
import os
from pathlib import Path

import pytest

from homelab.model.place import Place
from tests.captured import DOCKER, name
from tests.diagnosis.test_trace_captures import Probe, rich, simple
from tests.kernel.rebuilt import Rebuilt, rebuilt

pytestmark = pytest.mark.kernel

EVERY = os.environ.get("HOMELAB_CAPTURES") == "all"
TAKEN = [each for each in DOCKER if EVERY or "rich" in name(each) or "nft-" in name(each)]


@pytest.mark.parametrize("folder", TAKEN, ids=name)
def test_the_command_says_of_a_rebuilt_guest_what_was_measured(
    folder: Path, tmp_path: Path
) -> None:
    probes = [*simple(folder), *rich(folder)]
    with rebuilt(folder) as built:
        said = _asked(built, probes, tmp_path)

    wrong = [
        f"{each.label}: {document['outcome']}, measured {each.expected} ({document['cause']})"
        for each, document in zip(probes, said, strict=True)
        if document["outcome"] != each.expected
    ]
    assert probes
    assert wrong == []


def _asked(built: Rebuilt, probes: list[Probe], folder: Path) -> list[dict[str, object]]:
    lines = (
        json.dumps({"from": built.place(Place(each.origin)), "to": str(each.target)})
        for each in probes
    )
    done = built.homelab(folder, "trace", "--batch", "-", typed="\n".join(lines))
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(each) for each in done.stdout.splitlines()]
