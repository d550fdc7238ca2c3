"""An expectation that is not met is a finding whose cause is the trace's."""

from ipaddress import ip_address, ip_network
from typing import Any

from homelab.checks import findings
from homelab.checks.expectation_not_met import CODE, FAULT, MENDED
from homelab.model.finding import Case, Finding, Judgement, NetworkName, Trial
from homelab.model.inventory import (
    ContainerNetwork,
    Destination,
    Expectation,
    Guest,
    Ingress,
    Inventory,
    NetworkOf,
    Nic,
    Where,
)
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Hop, Outcome, Target, Trace

NAME = NetworkName("nuc", "web", "apps")
WEB = guest("web")
APPS = Judgement(NAME, WEB, (), "lan", (), (), reachable=True)
TARGET = Target(ip_address("10.90.1.10"), "tcp", 80)
RULE = Cause(WEB, "forward", "forward", "rule", "drop by FORWARD", rule="-A FORWARD -j DROP")


def wanted(line: int = 40, outcome: Outcome = Outcome.DELIVERED, reason: str = "") -> Expectation:
    to = Destination(NetworkOf("web", "apps"), "tcp", 80)
    return Expectation("lan", to, outcome, reason, Where("lab.yaml", line, 5))


def ended(outcome: Outcome, cause: Cause | None = None) -> Trace:
    hops = (Hop(HOST, "route", ""), Hop(WEB, "route", ""))
    return Trace("lan", TARGET, outcome, forward=hops, cause=cause)


def found(*trials: Trial, **more: Any) -> list[Finding]:
    return list(FAULT.sees(Case(Inventory(), Snapshot(), (APPS,), trials, **more)))


def test_what_holds_is_no_finding() -> None:
    assert found(Trial(wanted(), (ended(Outcome.DELIVERED),), holds=True)) == []


def test_what_shall_be_delivered_and_is_not_has_the_cause_of_its_trace() -> None:
    trial = Trial(wanted(reason="the shop"), (ended(Outcome.DROPPED, RULE),), holds=False)
    (finding,) = found(trial)

    assert (finding.fault, finding.severity, finding.at) == (CODE, "error", WEB)
    assert finding.cause is RULE
    assert finding.affects == (NAME,)
    assert finding.explains == (
        "lab.yaml:40:5: lan to web/apps:80/tcp shall be delivered (the shop), "
        "and 10.90.1.10:80/tcp is dropped: drop by FORWARD"
    )
    assert finding.fix is not None
    assert finding.fix.commands == ("homelab trace lan 10.90.1.10:80/tcp",)


def test_what_shall_be_dropped_and_is_delivered_has_nobody_in_its_way() -> None:
    trial = Trial(wanted(outcome=Outcome.DROPPED), (ended(Outcome.DELIVERED),) * 2, holds=False)
    (finding,) = found(trial)

    assert (finding.severity, finding.at, finding.cause) == ("error", WEB, None)
    assert "is delivered, as are 1 more, and nothing is in its way" in finding.explains
    assert finding.fix is not None
    assert "close the network" in finding.fix.text


def test_what_cannot_be_told_is_a_warning() -> None:
    blind = Cause(WEB, "forward", "forward", "unmodelled", "who knows", key="x")
    asked, not_asked = found(
        Trial(wanted(), (ended(Outcome.UNKNOWN, blind),)), Trial(wanted(), why="nobody is there")
    )

    assert (asked.severity, asked.cause) == ("warning", blind)
    assert (not_asked.severity, not_asked.at) == ("warning", HOST)
    assert not_asked.explains.endswith("and that cannot be told: nobody is there")


def test_what_is_certain_is_told_before_what_is_not() -> None:
    blind = Cause(WEB, "forward", "forward", "unmodelled", "who knows", key="x")
    traces = (ended(Outcome.UNKNOWN, blind), ended(Outcome.DROPPED, RULE))

    assert found(Trial(wanted(), traces, holds=False))[0].cause is RULE


def test_one_cause_of_many_is_told_once_with_where_they_stand() -> None:
    trials = [Trial(wanted(line), (ended(Outcome.DROPPED, RULE),), holds=False) for line in range(40, 60)]  # fmt: skip
    (finding,) = found(*trials)

    assert "so it is with lab.yaml:41:5, lab.yaml:42:5" in finding.explains
    assert finding.explains.endswith("lab.yaml:48:5 and 11 more")


def mended(now: Trial, later: Trial) -> list[Finding]:
    return list(FAULT.sees(Case(Inventory(), Snapshot(), (APPS,), (now,), (later,))))


def test_what_the_other_fixes_mend_needs_none_of_its_own() -> None:
    bad = Trial(wanted(), (ended(Outcome.DROPPED, RULE),), holds=False)
    (finding,) = mended(bad, Trial(wanted(), (ended(Outcome.DELIVERED),), holds=True))

    assert finding.fix == MENDED


def test_what_holds_and_what_the_fixes_would_end_is_a_warning() -> None:
    shut = wanted(outcome=Outcome.DROPPED)
    good = Trial(shut, (ended(Outcome.DROPPED, RULE),), holds=True)
    (finding,) = mended(good, Trial(shut, (ended(Outcome.DELIVERED),), holds=False))

    assert finding.severity == "warning"
    assert (
        "after the fixes that are offered, lan to web/apps:80/tcp shall be dropped"
        in finding.explains
    )


def test_a_trace_without_hops_ends_at_the_host() -> None:
    bare = Trace("lan", TARGET, Outcome.DELIVERED)

    assert found(Trial(wanted(outcome=Outcome.DROPPED), (bare,), holds=False))[0].at == HOST


def test_an_address_is_of_no_network() -> None:
    to = Destination(ip_address("10.90.1.10"))
    trial = Trial(Expectation("lan", to), (ended(Outcome.DROPPED, RULE),), holds=False)

    assert found(trial)[0].affects == ()


def test_a_request_that_a_closed_network_sent_is_nothing_that_it_wanted() -> None:
    """Its ingress says nothing of the answers to what its containers ask."""
    inside = ip_network("10.90.1.0/24")
    closed = ContainerNetwork("web", "apps", (inside,), ingress=Ingress.NONE)
    inventory = Inventory(guests=(Guest("web", "nuc", Nic(), (closed,)),))
    rule = Cause(WEB, "return", "prerouting", "rule", "drop", table="raw", owner="docker")
    asked = Trace("container:web/front", Target(ip_address("10.0.0.100")), Outcome.DROPPED, ip_address("10.90.1.10"), cause=rule)  # fmt: skip
    trial = Trial(wanted(), (asked,), holds=False)
    judgement = Judgement(NAME, WEB, (inside,), "lan", (), (), reachable=False)

    told = findings(Case(inventory, Snapshot(), (judgement,), (trial,)))

    assert [(each.fault, each.severity) for each in told] == [
        ("docker-egress-dead", "error"),
        (CODE, "error"),
    ]


def test_a_closed_network_that_is_open_is_closed_by_an_apply() -> None:
    inside = ip_network("10.90.1.0/24")
    closed = ContainerNetwork("web", "apps", (inside,), ingress=Ingress.NONE)
    inventory = Inventory(guests=(Guest("web", "nuc", Nic(), (closed,)),))
    trial = Trial(wanted(outcome=Outcome.DROPPED), (ended(Outcome.DELIVERED),), holds=False)

    (finding,) = FAULT.sees(Case(inventory, Snapshot(), (APPS,), (trial,)))

    assert finding.fix is not None
    assert finding.fix.commands == ("homelab apply --yes",)
