"""An inventory of what runs: on the real lab a plan for it changes nothing, and what was there before stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.load.inventory import load_inventory
from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab

IDENTITY = "docker network inspect byhand -f '{{.Id}} {{.Labels}} {{.IPAM.Config}}'"


@pytest.fixture
def half_owned(applied: Lab) -> Iterator[Lab]:
    """Three networks that homelab made, and one that somebody made by hand."""
    applied.sh("web", "docker network create --subnet 172.30.0.0/24 byhand")
    yield applied
    applied.sh("web", "docker network rm byhand")


def test_what_init_writes_is_checked_planned_applied_and_destroyed(
    half_owned: Lab, tmp_path: Path
) -> None:
    lab, found = half_owned, str(tmp_path / "found.yaml")
    before = lab.sh("web", IDENTITY)

    for words, says in (
        (("init",), "3 guests, 4 networks, 3 of them homelab's, 1 left as they are"),
        (("check",), "valid (3 guests, 4 networks)"),
        (("plan", "--check"), "nothing to change"),
        (("apply", "--yes"), "nothing to change"),
        (("destroy", "--yes"), "done"),
    ):
        done = lab.host("homelab", *words, "-i", found)
        assert done.returncode == 0, done.stdout + done.stderr
        assert says in done.stdout

    managed = {each.full_name: each.managed for each in load_inventory(Path(found)).networks}
    assert managed == {"app/apps": True, "db/data": True, "web/apps": True, "web/byhand": False}
    assert lab.sh("web", IDENTITY) == before


def test_a_picture_of_the_real_lab(applied: Lab) -> None:
    drawn = applied.document("graph")
    states = {each["id"]: each["reachable"] for each in drawn["nodes"] if each["kind"] == "network"}

    assert states == dict.fromkeys(
        ("network:app/apps", "network:db/data", "network:web/apps"), True
    )
