"""`homelab doctor`: what it says of this very machine, and of machines that were written down."""

import json
from pathlib import Path

import pytest

from homelab.cli import run
from homelab.cli.doctor import code
from homelab.model.ability import Ability, Need
from homelab.report.doctor_text import doctor_document, doctor_text
from homelab.report.paint import Paint
from homelab.system import abilities as module
from homelab.system.abilities import abilities
from homelab.system.network_service import services

Captured = pytest.CaptureFixture[str]


def test_it_says_of_this_machine_what_the_document_says(capsys: Captured) -> None:
    first = run(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert run(["doctor"]) == first
    text = capsys.readouterr().out

    assert document["schema"] == "homelab.doctor/1"
    assert [each["name"] for each in document["abilities"] if each["name"] not in text] == []
    assert {"ip", "nft", "vlan", "root", "cap_net_admin"} <= {
        each["name"] for each in document["abilities"]
    }


def test_a_tool_that_is_not_there_has_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(module, "PATHS", ())

    found = {each.name: each for each in abilities("lxc")}

    assert (found["nft"].works, found["nft"].way_out) == (False, "apt-get install nftables")
    assert code(tuple(found.values())) == 1
    assert "this machine lacks what a diagnosis needs: " in doctor_text([*found.values()], Paint())


@pytest.mark.parametrize(
    ("works", "need", "expected", "said"),
    [
        (True, Need.READING, 0, "can diagnose and change"),
        (None, Need.READING, 3, "does not tell what a diagnosis needs: x"),
        (False, Need.READING, 1, "lacks what a diagnosis needs: x"),
        (False, Need.CHANGING, 0, "can diagnose; a change lacks: x"),
        (False, Need.SOME, 0, "can diagnose and change"),
    ],
)
def test_the_exit_code_says_whether_a_diagnosis_is_possible(
    *, works: bool | None, need: Need, expected: int, said: str
) -> None:
    found = (Ability("a", "x", works, "seen\x1b[2J", need, "no more"),)

    assert code(found) == expected
    assert said in doctor_text(found, Paint())
    assert "\x1b" not in doctor_text(found, Paint())
    assert doctor_document(found, "1")["version"] == "1"


def test_root_in_a_container_lacks_what_was_taken_away() -> None:
    found = {each.name: each.works for each in module._capabilities("CapEff:\t00000000a80425fb\n")}

    assert found == {
        "cap_sys_admin": False,
        "cap_sys_ptrace": False,
        "cap_net_admin": False,
        "cap_net_raw": True,
    }


def test_the_network_service_is_told_by_files_and_processes(tmp_path: Path) -> None:
    assert [each.works for each in services(tmp_path)] == [None]

    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/comm").write_text("systemd-network\n")
    (tmp_path / "etc/netplan").mkdir(parents=True)
    (tmp_path / "etc/netplan/50.yaml").touch()

    assert [each.name for each in services(tmp_path)] == ["systemd-networkd", "netplan"]
