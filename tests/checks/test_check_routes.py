"""Where a route ends a packet: one finding for one route, and what to type, tried on the model."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Finding, Fix
from homelab.model.inventory import Inventory
from homelab.model.kernel import NextHop, PolicyRule, Route
from homelab.model.place import HOST, ROUTER, Place, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause
from homelab.workflow.look import diagnose
from tests.checks.cases import CLIENT, address, at, case, cause, lab, only, route, routes

APPLIED = load_snapshot(Path(__file__).parents[1] / "recorded/applied.json")
WEB = guest("web")
BETWEEN = Place("netns:between")
IN_WEB = "lxc exec web -- ip "


def refusing(destination: str, kind: str = "prohibit", **more: object) -> Route:
    return replace(Route(ip_network(destination), kind=kind), **more)  # type: ignore[arg-type] # each test knows the fields


def told(snapshot: Snapshot) -> Finding:
    (finding,) = diagnose(Inventory(), snapshot).findings
    return finding


MENDED = {
    "a refused subnet": (
        routes(APPLIED, WEB, refusing("10.90.1.0/25")),
        IN_WEB + "route del prohibit 10.90.1.0/25 proto boot",
    ),
    "a refused answer": (
        routes(APPLIED, WEB, refusing("10.0.0.0/24", "unreachable", protocol="static")),
        IN_WEB + "route del unreachable 10.0.0.0/24 proto static",
    ),
    "a refused answer on the host": (
        routes(APPLIED, HOST, refusing("10.0.0.254/32", "blackhole")),
        "ip route del blackhole 10.0.0.254/32 proto boot",
    ),
    "a connected route that is gone": (
        routes(APPLIED, WEB, without="10.90.1.0/24"),
        IN_WEB + "route add 10.90.1.0/24 dev hl-apps proto kernel scope link src 10.90.1.1",
    ),
}


@pytest.mark.parametrize(("broken", "line"), MENDED.values(), ids=MENDED)
def test_one_route_is_one_finding_with_a_command_that_mends(broken: Snapshot, line: str) -> None:
    finding = told(broken)

    assert finding.fault == "dropped-by-route"
    assert finding.fix is not None
    assert finding.fix.commands == (line,)
    assert finding.fix.verified


def fix(ended: Cause, snapshot: Snapshot) -> Fix:
    found = only(case(ended, snapshot=snapshot, passed=()))
    assert found.fault == "dropped-by-route"
    assert found.fix is not None
    return found.fix


def test_a_refusal_of_another_table_is_taken_out_of_that_table() -> None:
    there = routes(lab(), HOST, refusing("10.0.0.0/24", table=100))
    ended = cause(HOST, "route", rule="prohibit 10.0.0.0/24", destination=CLIENT)

    (line,) = fix(ended, there).commands

    assert line.endswith("proto boot table 100")


def test_a_policy_rule_that_refuses_is_taken_out_by_its_writer() -> None:
    """Where no table has a way either, nothing was led astray."""
    rule = PolicyRule(99, 4, "prohibit")
    bare = at(lab(), WEB, rules=(rule,), routes=())
    found = fix(cause(WEB, "route", rule="ip rule 99: prohibit"), bare)

    assert found.commands == ("lxc exec web -- ip rule del priority 99",)
    assert "ask whoever wrote ip rule 99" in found.text


def test_a_place_without_a_route_is_sent_to_a_neighbour_that_knows_the_way() -> None:
    between = replace(
        lab().namespaces[ROUTER], addresses=(address("lan0", "10.0.0.9/24"),), routes=()
    )
    near = Route(ip_network("10.0.0.0/24"), (NextHop(None, "lan0"),))
    snapshot = replace(lab(), namespaces={**lab().namespaces, BETWEEN: between})

    found = fix(cause(BETWEEN, "route"), at(snapshot, BETWEEN, routes=(near,)))
    assert found.commands == (
        "ip netns exec between ip route add 10.90.1.0/24 via 10.0.0.2 dev lan0",
    )

    deaf = routes(at(snapshot, BETWEEN, routes=(near,)), HOST, without="10.90.1.0/24")
    deaf = routes(deaf, HOST, without="0.0.0.0/0")
    found = fix(cause(BETWEEN, "route"), routes(deaf, ROUTER, without="10.90.1.0/24"))
    assert found.commands == ()
    assert "whoever keeps the routes of netns:between has to add one" in found.text


def test_a_route_that_leads_back_is_for_its_writer_to_change() -> None:
    there = routes(lab(), ROUTER, route("192.0.2.0/24", "10.0.0.2", "lan0"))
    ended = cause(ROUTER, "route", direction="return", destination=ip_network("192.0.2.0/24")[9])

    found = fix(ended, there)

    assert found.commands == ()
    assert found.text.startswith("whoever wrote `192.0.2.0/24 via 10.0.0.2 dev lan0 proto boot`")
