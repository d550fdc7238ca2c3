"""One cause is one finding, however many packets it stops and however many networks it harms."""

import json
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from homelab.load.snapshot import load_snapshot
from homelab.model.finding import Finding
from homelab.model.inventory import Inventory
from homelab.model.kernel import Route, Ruleset
from homelab.model.place import HOST, ROUTER, guest
from homelab.model.snapshot import Snapshot
from homelab.workflow.look import diagnose
from tests.checks.cases import at, route, routes

APPLIED = load_snapshot(Path(__file__).parents[1] / "recorded/applied.json")
WEB = guest("web")
REFUSING = Route(ip_network("10.90.0.0/16"), kind="blackhole")
CLOSED = """table inet mine {
	chain fwd {
		type filter hook forward priority filter; policy accept;
		ip daddr 10.90.0.0/16 drop
	}
}
"""
NAMED = {"family": "inet", "table": "mine"}
HOOK = {"name": "fwd", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
TO_ALL = {
    "op": "==",
    "left": {"payload": {"protocol": "ip", "field": "daddr"}},
    "right": {"prefix": {"addr": "10.90.0.0", "len": 16}},
}
ITEMS = [
    {"table": {"family": "inet", "name": "mine", "handle": 1}},
    {"chain": {**NAMED, **HOOK, "handle": 1}},
    {"rule": {**NAMED, "chain": "fwd", "handle": 2, "expr": [{"match": TO_ALL}, {"drop": None}]}},
]
AWAY = route("10.90.1.8/29", "10.0.0.1", "eth0")


def only(snapshot: Snapshot) -> Finding:
    (finding,) = diagnose(Inventory(), snapshot).findings
    return finding


def harmed(finding: Finding) -> list[str]:
    return [f"{each.guest}/{each.network}" for each in finding.affects]


def down(snapshot: Snapshot, bridge: str) -> Snapshot:
    """A bridge of web that is down: its connected route is gone with it."""
    here = snapshot.namespaces[WEB]
    links = tuple(replace(each, up=each.name != bridge) for each in here.links)
    return at(snapshot, WEB, links=links, routes=tuple(e for e in here.routes if e.link != bridge))


def test_a_route_that_takes_a_part_away_is_told_once() -> None:
    finding = only(routes(APPLIED, HOST, AWAY))

    assert finding.fault == "host-route-blackholed"
    assert harmed(finding) == ["web/apps"]
    assert "10.90.1.11, 10.90.1.10 of guest:web" in finding.explains


def test_a_route_that_refuses_several_networks_is_told_once() -> None:
    every = APPLIED.namespaces[HOST].routes
    kept = (each for each in every if not str(each.destination).startswith("10.90."))

    found = diagnose(Inventory(), at(APPLIED, HOST, routes=(*kept, REFUSING))).findings

    (finding,) = (each for each in found if each.fault == "host-route-blackholed")
    assert harmed(finding) == ["app/apps", "db/data", "web/apps"]
    assert finding.fix is not None
    assert len(finding.fix.opens) == len(finding.affects)


def test_a_bridge_that_is_down_is_told_once_for_all_its_containers() -> None:
    bridge = next(e.bridge for e in APPLIED.daemons[WEB].networks if e.name == "apps")

    finding = only(down(APPLIED, bridge))

    assert (finding.fault, finding.at) == ("host-link-down", WEB)
    assert harmed(finding) == ["web/apps"]


def test_a_network_that_another_fault_hid_is_listed_too() -> None:
    """Behind the route that the router lost lies the rule that the other networks meet at once."""
    here = APPLIED.namespaces[HOST]
    others = tuple(each for each in here.rulesets if each.tool not in ("nft", "nft-json"))
    closed = Ruleset("nft", CLOSED), Ruleset("nft-json", json.dumps({"nftables": ITEMS}))
    snapshot = at(APPLIED, HOST, rulesets=(*others, *closed))

    found = diagnose(Inventory(), routes(snapshot, ROUTER, without="10.90.1.0/24")).findings

    (finding,) = (each for each in found if each.fault == "host-firewall-drop")
    assert harmed(finding) == ["app/apps", "db/data", "web/apps"]
    assert len(found) == 2
