"""Black holes for full-sized packets: found from the trace alone, and told with what keeps the sender ignorant."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from homelab.model.inventory import Inventory
from homelab.model.kernel import PolicyRule
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target
from tests.checks.cases import FRONT, TARGET, WEB, at, check, codes, judged, lab, only, rules

SILENT = """*filter
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p icmp -m icmp --icmp-type 3/4 -j DROP
COMMIT
"""
CLAMP = """*mangle
:FORWARD ACCEPT [0:0]
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
"""


def narrow(snapshot: Snapshot, place: Place, *names: str, mtu: int = 1400) -> Snapshot:
    links = snapshot.namespaces[place].links
    return at(
        snapshot,
        place,
        links=tuple(replace(each, mtu=mtu) if each.name in names else each for each in links),
    )


def narrow_bridge() -> Snapshot:
    """Between host and guest 1400 bytes pass, everywhere else 1500."""
    return narrow(narrow(lab(), HOST, "lxdbr0", "vethweb"), WEB, "eth0")


def test_a_narrow_link_that_tells_is_no_fault() -> None:
    case = judged(narrow_bridge())

    assert codes(case) == []
    assert {each.large.fits for one in case.judgements for each in one.traces if each.large} == {
        1400
    }


def test_a_rule_that_drops_the_message_makes_a_black_hole() -> None:
    found = only(judged(rules(narrow_bridge(), HOST, SILENT)))

    assert (found.fault, found.at, found.severity) == ("mtu-black-hole", HOST, "error")
    assert found.cause is not None
    assert (found.cause.kind, found.cause.key, found.cause.direction) == (
        "link",
        "lxdbr0",
        "forward",
    )
    assert "--icmp-type 3/4 -j DROP" in found.explains
    assert found.fix is not None
    assert "accept ICMP errors in host" in found.fix.text
    assert found.fix.commands == (
        "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    )


def test_what_says_nothing_makes_a_black_hole() -> None:
    found = only(judged(narrow(lab(), WEB, "eth0")))

    assert (found.fault, found.at) == ("mtu-black-hole", WEB)
    assert "sends no message" in found.explains
    assert found.fix is not None
    assert found.fix.commands == ("lxc exec web -- ip link set dev eth0 mtu 1500",)


def test_the_way_back_of_the_message_may_be_missing() -> None:
    own = PolicyRule(10, 4, "unreachable", destination=ip_network("10.0.0.0/24"), iif="lo")
    standard = (PolicyRule(0, 4, table=255), PolicyRule(32766, 4, table=254))
    found = only(judged(at(narrow_bridge(), HOST, rules=(own, *standard))))

    assert (found.fault, found.at) == ("mtu-black-hole", HOST)
    assert "ip rule" in found.explains
    assert found.fix is not None
    assert found.fix.text == "lower the MSS of connections that pass lxdbr0 of host"


@pytest.mark.parametrize("port", [None, 80])
def test_a_clamp_on_the_way_leaves_no_finding(port: int | None) -> None:
    clamped = rules(narrow_bridge(), HOST, SILENT + CLAMP)
    case = judged(clamped)
    asked = [
        each
        for one in case.judgements
        for each in one.traces
        if each.target.port == port and each.large is not None
    ]

    assert codes(case) == []
    expected = Outcome.DELIVERED if port else Outcome.UNKNOWN
    assert {each.large.outcome for each in asked if each.large} == {expected}


def test_each_hole_is_told_once() -> None:
    case = judged(rules(narrow_bridge(), HOST, SILENT))
    targets = {each.target for one in case.judgements for each in one.traces}

    assert targets == {Target(TARGET), Target(TARGET, "tcp", 80)}
    assert len(check("mtu-black-hole")(case)) == 1


def test_a_container_with_the_narrow_mtu_agrees_on_short_packets() -> None:
    hole = rules(narrow_bridge(), HOST, SILENT)

    assert codes(judged(narrow(hole, FRONT, "eth0"), Inventory())) == []
