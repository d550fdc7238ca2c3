"""Fixes that a person types are tried like those that homelab runs: verified where they hold, with what they open."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Finding, Fix
from homelab.model.inventory import Inventory
from homelab.model.kernel import Namespace, Route
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from homelab.workflow.look import Diagnosis, diagnose
from homelab.workflow.proving import is_tried, mend, proven

APPLIED = load_snapshot(Path(__file__).parents[1] / "recorded/applied.json")
WEB = guest("web")
REFUSING = Route(ip_network("10.90.1.0/24"), kind="blackhole", protocol="static")
RIGHT = "ip route del blackhole 10.90.1.0/24 proto static"


def refused() -> Snapshot:
    """The host refuses web's network in place of routing it."""
    here: Namespace = APPLIED.namespaces[HOST]
    kept = tuple(each for each in here.routes if each.destination != REFUSING.destination)
    spaces = {**APPLIED.namespaces, HOST: replace(here, routes=(*kept, REFUSING))}
    return replace(APPLIED, namespaces=spaces)


def typed(finding: Finding, *lines: str, severity: str = "error") -> Finding:
    assert finding.fix is not None
    fix = replace(finding.fix, operations=(), commands=lines, opens=(), verified=False)
    return replace(finding, fix=fix, severity=severity)


def tried(found: Diagnosis, *lines: str, severity: str = "error") -> Fix:
    asked = typed(found.findings[0], *lines, severity=severity)
    mended = mend(found.case.snapshot, (asked,)) or found.case.snapshot
    after = diagnose(Inventory(), mended).case
    (said,) = proven((asked,), found.case, after)
    assert said.fix is not None
    return said.fix


def test_a_typed_fix_that_holds_is_verified_and_says_what_it_opens() -> None:
    found = diagnose(Inventory(), refused())

    fix = found.findings[0].fix

    assert fix is not None
    assert fix.commands == (RIGHT,)
    assert fix.operations == ()
    assert fix.verified
    assert found.findings[1].fault == "host-no-route"
    whole = tried(found, RIGHT, "ip route add 10.90.1.0/24 via 10.77.0.11 dev lxdbr0")
    assert whole.verified
    assert "web/apps, all ports of 10.90.1.11, from host" in whole.opens


def test_a_typed_fix_that_does_not_hold_is_not_verified() -> None:
    found = diagnose(Inventory(), refused())

    away = "ip route replace 10.90.1.0/24 via 10.0.0.1 dev eth0"

    assert not tried(found, RIGHT, away).verified
    assert not tried(found, RIGHT, RIGHT).verified


def test_what_only_looks_or_mends_no_error_is_not_tried() -> None:
    found = diagnose(Inventory(), refused())
    look = "ip route get 10.90.1.10"

    assert not is_tried(typed(found.findings[0], look))
    assert not is_tried(typed(found.findings[0]))
    assert not is_tried(typed(found.findings[0], RIGHT, severity="warning"))
    assert not tried(found, RIGHT, look).verified
    assert tried(found, RIGHT, severity="warning").opens == ()
