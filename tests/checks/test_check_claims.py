"""The machinery: each packet claimed once, findings merged and in order, nothing silent, nothing raised."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.checks import CHECKS, FAULTS, findings
from homelab.checks.fault import SEVERITIES, Fault, Told, find
from homelab.checks.lab import command
from homelab.checks.seen import failures
from homelab.model.docker import Daemon
from homelab.model.finding import Case, Finding, Judgement, NetworkName, Trial
from homelab.model.inventory import (
    Connection,
    ContainerNetwork,
    Destination,
    Expectation,
    Ingress,
    Inventory,
    Router,
)
from homelab.model.kernel import Namespace, NextHop, Route, Ruleset
from homelab.model.lxc import Runtime
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Hop, Outcome, Target, Trace
from tests.checks.cases import (
    DOCKER_RULES,
    NAME,
    SUBNET,
    TARGET,
    WEB,
    case,
    cause,
    daemon,
    docker_network,
    front,
    instance,
    judged,
    lab,
    only,
    wanted,
)

DROP = cause(tool="iptables-nft", table="filter", chain="DOCKER-USER", owner="user")


def test_every_check_has_one_code_a_title_and_a_page() -> None:
    assert len({each.code for each in CHECKS}) == len(CHECKS)
    for each in CHECKS:
        assert each.title
        assert 12 <= len(each.page.splitlines()) <= 34, each.code
        assert all(word in each.page for word in ("Why:", "Fix:", "Opens:", "Undo:")), each.code


def test_every_check_asked_alone_tells_what_all_together_tell() -> None:
    one = case(replace(DROP, rule="-A DOCKER-USER -j DROP"), cause(HOST, "route"))

    alone = [finding for each in CHECKS for finding in each.find(one)]

    assert sorted(alone, key=str) == sorted(findings(one), key=str)


def test_packets_that_met_one_rule_become_one_finding_of_all_their_networks() -> None:
    first = case(replace(DROP, rule="-A DOCKER-USER -j DROP"))
    other = NAME._replace(network="shop")
    judgement = replace(first.judgements[0], name=other, subnets=(ip_network("10.90.2.0/24"),))

    finding = only(replace(first, judgements=(*first.judgements, judgement)))

    assert finding.affects == (NAME, other)
    assert "10.90.1.0/24, 10.90.2.0/24" in finding.explains
    assert finding.fix is not None
    assert len(finding.fix.operations) == 2


def test_a_network_that_shall_be_closed_is_no_error_and_is_not_opened() -> None:
    closed = wanted(ContainerNetwork("web", "apps", (SUBNET,), ingress=Ingress.NONE))
    quiet = ("docker-masquerade-hides-source",)

    told = [each for each in findings(case(DROP, inventory=closed)) if each.fault not in quiet]

    assert [(each.fault, each.severity) for each in told] == [("docker-user-drop", "info")]


def test_findings_come_by_severity_place_and_code() -> None:
    both = case(cause(WEB, "vlan"), cause(HOST, "vlan"), replace(DROP, owner="homelab"))

    assert [(each.severity, each.at) for each in findings(both)] == [
        ("error", WEB),
        ("error", HOST),
        ("info", WEB),
    ]


def test_a_state_that_a_packet_showed_already_is_not_told_twice() -> None:
    told = Finding("x", "warning", WEB, "seen")
    fault = Fault(
        "x",
        "",
        "",
        lambda _: True,
        lambda _: Told("met"),
        sees=lambda _: iter((told, replace(told, at=HOST))),
    )

    assert [each.explains for each in find(case(cause()), (fault,))] == ["met", "seen"]


def test_a_fault_that_tells_nothing_of_its_own_repeats_the_cause() -> None:
    assert find(case(cause(text="so it is")), (Fault("x", "", ""),))[0].explains == "so it is"


def test_an_unknown_severity_is_shown_last() -> None:
    odd = Fault("x", "", "", sees=lambda _: iter((Finding("x", "odd", WEB, "a"),)))
    known = Fault("y", "", "", sees=lambda _: iter((Finding("y", "info", WEB, "b"),)))

    assert [each.fault for each in find(Case(Inventory(), lab(), ()), (odd, known))] == ["y", "x"]


def test_a_command_says_how_to_enter_its_place() -> None:
    named = Case(Inventory(), lab(aliases={Place("netns:edge"): ROUTER}), ())
    away = Inventory(routers=(Router("edge", Connection("ssh", "root@10.0.0.1")),))

    assert command(named, ROUTER, "ip", "route") == "ip netns exec edge ip route"
    assert command(Case(away, lab(), ()), ROUTER, "id") == "ssh root@10.0.0.1 id"
    assert (
        command(named, Place("container:web/front"), "id") == "lxc exec web -- docker exec front id"
    )
    assert command(named, Place("container:host/front"), "id") == "docker exec front id"
    assert command(named, Place("guest:a b"), "id") == "lxc exec 'a b' -- id"


ADDRESSES = st.one_of(
    st.sampled_from((TARGET, ip_address("10.0.0.254"), ip_address("fd90::10"))),
    st.builds(IPv4Address, st.integers(0, 2**32 - 1)),
    st.builds(IPv6Address, st.integers(0, 2**128 - 1)),
)
PLACES = st.sampled_from(
    ("host", "router", "lan", "guest:web", "guest:db", "container:web/front", "netns:x", "odd")
).map(Place)
WORDS = st.one_of(st.none(), st.text(max_size=8))
NAMES = st.sampled_from(("DOCKER", "DOCKER-USER", "FORWARD", "PREROUTING", "raw", "filter", None))
LINKS = st.sampled_from(("eth0", "br-apps", "lxdbr0", None))
CAUSES = st.builds(
    Cause,
    at=PLACES,
    direction=st.sampled_from(("forward", "return", "odd")),
    stage=st.sampled_from(("forward", "bridge", "route", "")),
    kind=st.sampled_from(
        [
            "rule",
            "policy",
            "route",
            "sysctl",
            "neighbour",
            "vlan",
            "link",
            "socket",
            "unmodelled",
            "odd",
        ]
    ),
    text=st.text(max_size=8),
    table=NAMES,
    chain=NAMES,
    rule=WORDS,
    key=st.one_of(
        WORDS,
        st.sampled_from(
            ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.x.rp_filter")
        ),
    ),
    owner=st.sampled_from(("docker", "ufw", "firewalld", "lxd", "homelab", "user", None)),
    tool=st.sampled_from(("iptables-nft", "ip6tables-legacy", "nft", None)),
    iif=LINKS,
    oif=LINKS,
    source=st.one_of(st.none(), ADDRESSES),
    destination=st.one_of(st.none(), ADDRESSES),
)
TRACES = st.builds(
    Trace,
    origin=st.just("lan"),
    target=st.builds(Target, ADDRESSES, st.sampled_from(("icmp", "tcp")), st.none()),
    outcome=st.sampled_from(Outcome),
    source=st.one_of(st.none(), ADDRESSES),
    forward=st.lists(st.builds(Hop, PLACES, st.just("route"), st.just("")), max_size=3).map(tuple),
    cause=st.one_of(st.none(), CAUSES),
)
ROUTES = st.builds(
    Route,
    destination=st.sampled_from(
        tuple(map(ip_network, ("10.90.1.0/24", "10.90.0.0/16", "0.0.0.0/0", "::/0")))
    ),
    hops=st.lists(st.builds(NextHop, st.one_of(st.none(), ADDRESSES), LINKS), max_size=1).map(
        tuple
    ),
    kind=st.sampled_from(("unicast", "blackhole", "throw")),
    protocol=st.sampled_from(("201", "boot", "kernel")),
)
SPACES = st.builds(
    Namespace,
    routes=st.lists(ROUTES, max_size=3).map(tuple),
    addresses=st.just(lab().namespaces[WEB].addresses),
    rulesets=st.lists(
        st.builds(
            Ruleset,
            st.sampled_from(("iptables-nft", "nft")),
            st.sampled_from((DOCKER_RULES, "", "x")),
        ),
        max_size=2,
    ).map(tuple),
    unread=st.dictionaries(st.sampled_from(("nft", "sockets")), st.text(max_size=4), max_size=1),
)
OPTIONS = st.dictionaries(
    st.sampled_from(
        tuple(
            f"com.docker.network.bridge.{each}"
            for each in ("gateway_mode_ipv4", "enable_ip_masquerade", "inhibit_ipv4")
        )
    ),
    st.sampled_from(("routed", "isolated", "true", "false", "")),
)
DAEMONS = st.builds(
    Daemon,
    version=st.sampled_from(("20.10", "28.5.2", "")),
    networks=st.one_of(
        st.just(()), OPTIONS.map(lambda each: (docker_network(options=each, internal=not each),))
    ),
    containers=st.sampled_from(((), (front(),), (front("exited"),))),
)
SNAPSHOTS = st.builds(
    Snapshot,
    namespaces=st.dictionaries(PLACES, SPACES, max_size=4),
    runtime=st.sampled_from(
        (None, Runtime("incus", "6", (instance(), replace(instance(), status="")))),
    ),
    daemons=st.dictionaries(PLACES, DAEMONS, max_size=2),
    unread=st.dictionaries(st.one_of(PLACES, st.text(max_size=6)), st.text(max_size=4), max_size=2),
)
JUDGEMENTS = st.builds(
    Judgement,
    name=st.just(NetworkName("nuc", "web", "apps")),
    place=PLACES,
    subnets=st.sampled_from(((), (SUBNET,), (SUBNET, ip_network("fd90::/64")))),
    origin=st.just("lan"),
    targets=st.just(()),
    traces=st.lists(TRACES, max_size=3).map(tuple),
    reachable=st.sampled_from((True, False, None)),
    declared=st.booleans(),
)
CASES = st.builds(
    Case,
    inventory=st.sampled_from((Inventory(), wanted())),
    snapshot=SNAPSHOTS,
    judgements=st.lists(JUDGEMENTS, max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_no_case_raises_and_no_lost_packet_is_silent(one: Case) -> None:
    told = findings(one)

    ranks = [SEVERITIES.index(each.severity) for each in told]
    assert ranks == sorted(ranks)
    by_packet = {each.cause for each in told}
    explained = {name for each in told for name in each.affects}
    for judgement in one.judgements:
        lost = [each for each in judgement.traces if not each.ok]
        assert not lost or (judgement.name in explained and by_packet)
    assert daemon().major == 26
    assert len(FAULTS) == len(CHECKS)


def test_an_expectation_that_does_not_hold_is_a_packet_like_those_that_are_judged() -> None:
    healthy = judged(lab())
    lost = case(cause()).judgements[0].traces[0]
    whom, far = Destination(TARGET), replace(lost, target=Target(ip_address("192.0.2.1")))
    trials = (
        Trial(Expectation("host", whom), (lost, far), holds=False),
        Trial(Expectation("host", whom, Outcome.REJECTED), (lost,), holds=False),
    )

    found = list(failures(replace(healthy, trials=trials)))

    assert [each.trace for each in found] == [lost]
    assert found[0].judgement.reachable is False
