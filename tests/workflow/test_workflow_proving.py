"""Fixes proven on big broken labs: all of them, each with what it opens, told in a screenful."""

from functools import cache

import pytest

from bench.synthetic import NETWORKS_OF_A_GUEST, Fault, lab
from homelab.checks.seen import SHOWN as AIMED
from homelab.load.snapshot import parse_snapshot
from homelab.model.finding import Finding
from homelab.model.inventory import Inventory
from homelab.report.diagnosis_text import IN_FULL, diagnosis_text
from homelab.report.documents import as_json
from homelab.report.paint import Paint
from homelab.workflow.look import Diagnosis, diagnose, exit_code
from homelab.workflow.proving import ONE_BY_ONE, SHOWN

MANY = ONE_BY_ONE + 1
FEW = NETWORKS_OF_A_GUEST


@cache
def diagnosed(networks: int, fault: Fault) -> Diagnosis:
    document = as_json(lab(networks, fault))
    return diagnose(Inventory(), parse_snapshot(document.encode(), "lab"))


def text(diagnosis: Diagnosis) -> list[str]:
    return diagnosis_text(diagnosis.case, diagnosis.findings, Paint(colour=False)).splitlines()


def opens(finding: Finding) -> list[str]:
    assert finding.fix is not None
    return [each for each in finding.fix.opens if "from the LAN" in each]


def test_a_sound_lab_of_any_size_has_no_finding() -> None:
    found = diagnosed(MANY, Fault())

    assert found.findings == ()
    assert exit_code(found) == 0


@pytest.mark.parametrize("networks", [FEW, MANY])
def test_each_network_with_a_rule_of_its_own_is_mended_by_its_own_fix(networks: int) -> None:
    found = diagnosed(networks, Fault(networks=True))

    assert len(found.findings) == networks
    assert {each.fault for each in found.findings} == {"docker-user-drop"}
    assert all(each.fix and each.fix.verified for each in found.findings)


def test_few_fixes_are_tried_one_by_one_and_say_what_each_opens_besides() -> None:
    found = diagnosed(FEW, Fault(networks=True))

    assert FEW <= ONE_BY_ONE
    # The jump to homelab's accepts comes before the drops then, and those accepts are for all networks.
    assert all(len(opens(each)) == SHOWN + 1 for each in found.findings)
    assert opens(found.findings[0])[-1] == f"{FEW - 1 - SHOWN} more networks from the LAN"


def test_many_fixes_are_tried_together_where_they_are_for_one_place() -> None:
    found = diagnosed(MANY, Fault(networks=True))

    assert MANY > ONE_BY_ONE
    assert {each for finding in found.findings for each in opens(finding)} == set()


def test_one_cause_for_all_is_one_finding_that_names_some() -> None:
    (finding,) = diagnosed(MANY, Fault(host=True)).findings

    assert finding.fault == "host-forwarding-off"
    assert len(finding.affects) == MANY
    assert f" and {MANY - AIMED} more, " in finding.explains
    assert finding.fix is not None
    assert finding.fix.verified


def test_a_route_for_each_network_is_missing_and_found() -> None:
    found = diagnosed(MANY, Fault(routes=True))

    assert [each.fault for each in found.findings] == ["host-no-route"] * MANY
    assert all(each.fix and each.fix.verified for each in found.findings)


def test_many_findings_of_one_fault_are_told_in_a_screenful() -> None:
    lines = text(diagnosed(MANY, Fault(networks=True)))

    assert sum(line.startswith("✗ docker-user-drop") for line in lines) == IN_FULL
    more = MANY - IN_FULL
    assert f"and {more} more of docker-user-drop; `homelab diagnose --json` tells them all" in lines
    assert len(lines) < MANY + 22 * IN_FULL + 5


def test_many_networks_of_one_finding_are_named_in_part() -> None:
    (line,) = (each for each in text(diagnosed(MANY, Fault(host=True))) if each.startswith("✗"))

    assert line.endswith(f" and {MANY - 8} more)")
