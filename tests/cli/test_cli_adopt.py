"""What could be adopted is listed; what the next apply would do is told."""

import json
from pathlib import Path

import pytest

from homelab.cli.adopt import _handles, _listed, _tell_the_rest
from homelab.load.snapshot import load_snapshot
from homelab.model.place import HOST
from tests.workflow.test_workflow_adopt import (
    BARE,
    DECLARED,
    OPTIONS,
    with_network,
    with_route,
)

Captured = pytest.CaptureFixture[str]
APPLIED = load_snapshot(Path(__file__).parents[2] / "tests/recorded/applied.json")


def test_what_could_be_adopted_is_listed(capsys: Captured) -> None:
    foreign = with_network(with_route(BARE, HOST, "10.77.0.11", "lxdbr0"), OPTIONS)

    assert _listed(DECLARED, foreign, as_document=False) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "docker-network:web/apps",
        "host-route:10.90.1.0/24",
    ]
    assert _listed(DECLARED, foreign, as_document=True) == 0
    objects = json.loads(capsys.readouterr().out)["objects"]
    assert [each["action"] for each in objects] == ["adopt", "adopt"]
    assert objects[1]["commands"] == [
        "ip route change 10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201"
    ]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("network", "web/apps"), {"docker-network:web/apps"}),
        (("docker-network", "web/apps"), {"docker-network:web/apps"}),
        (("route", "fd90::/64"), {"host-route:fd90::/64", "router-route:fd90::/64"}),
        (("route", "10.0.0.0/8"), {"route:10.0.0.0/8"}),
        (("host-route:fd90::/64", "network"), {"host-route:fd90::/64", "network"}),
        (("docker-network:web/apps",), {"docker-network:web/apps"}),
    ],
)
def test_an_object_is_one_word_or_a_kind_and_a_name(
    words: tuple[str, ...], meant: set[str]
) -> None:
    there = ("docker-network:web/apps", "host-route:fd90::/64", "router-route:fd90::/64")

    assert _handles(words, there) == meant


def test_where_nothing_is_foreign_it_says_so(capsys: Captured) -> None:
    assert _listed(DECLARED, BARE, as_document=False) == 0
    assert "nothing foreign stands" in capsys.readouterr().out


def test_what_is_left_for_apply_is_told(capsys: Captured) -> None:
    _tell_the_rest(DECLARED, BARE)
    assert "the next apply: + docker network web/apps" in capsys.readouterr().err
    _tell_the_rest(DECLARED, APPLIED)
    assert capsys.readouterr().err == ""
