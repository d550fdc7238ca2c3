"""The first witness: which counters a probe must move, and what is told when it does not move them."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.model.place import HOST, LAN, ROUTER, Place, guest
from homelab.model.proof import KERNEL, LINK, Counter, Counts, Wanted
from homelab.model.trace import Cause, Hop, Outcome, Target, Trace
from homelab.workflow.witness import MOST_READS, evidence_of, wanted

WEB = guest("web")
RULE = Cause(
    WEB,
    "forward",
    "forward",
    "rule",
    "drop",
    family="ip",
    table="filter",
    chain="FORWARD",
    rule="-A FORWARD -j DROP",
    tool="iptables-nft",
)
DROPPED = Trace(
    LAN,
    Target(ip_address("10.4.0.10")),
    Outcome.DROPPED,
    forward=(
        Hop(HOST, "route", "via 10.3.0.2", "eth0", "lxdbr0"),
        Hop(WEB, "forward", "drop", "eth0", "br-app"),
    ),
    cause=RULE,
)
OF_RULE = Counter(WEB, "iptables-nft", "filter: -A FORWARD -j DROP")
LINKS = [
    Counter(HOST, LINK, "in eth0"),
    Counter(HOST, LINK, "out lxdbr0"),
    Counter(WEB, LINK, "in eth0"),
    Counter(WEB, LINK, "out br-app"),
]


def looks(*rises: int) -> tuple[Counts, Counts]:
    before = dict.fromkeys((OF_RULE, *LINKS), 10)
    after = {each: 10 + rise for each, rise in zip((OF_RULE, *LINKS), rises, strict=True)}
    return before, after


def test_only_places_on_the_path_are_read() -> None:
    assert wanted([DROPPED]) == (
        Wanted(WEB, "iptables-nft", "filter"),
        Wanted(HOST, ""),
        Wanted(WEB, ""),
    )
    assert wanted([DROPPED], way=False) == (Wanted(WEB, "iptables-nft", "filter"),)
    assert wanted([replace(DROPPED, cause=None, forward=())]) == ()


def test_the_reads_are_bounded() -> None:
    many = [
        replace(DROPPED, cause=None, forward=(Hop(Place(f"netns:{each}"), "route", "", "a"),))
        for each in range(MOST_READS + 5)
    ]

    assert len(wanted(many)) == MOST_READS


def test_the_rule_that_drops_has_counted_the_probes() -> None:
    (evidence,) = evidence_of([DROPPED], 3, *looks(3, 3, 5, 3, 0))

    assert str(evidence.cause) == (
        "guest:web: the counter of filter: -A FORWARD -j DROP went from 10 to 13 "
        "while 3 probes were sent"
    )
    assert evidence.last is not None
    assert evidence.last.counter == LINKS[2]
    assert evidence.missing is not None
    assert evidence.missing.counter == LINKS[3]


def test_what_comes_after_the_first_silent_step_is_somebody_elses() -> None:
    (evidence,) = evidence_of([DROPPED], 3, *looks(0, 3, 2, 90, 90))

    assert [each.counter for each in evidence.way] == LINKS[:2]
    assert evidence.cause is not None
    assert not evidence.cause.counted
    assert "stayed at 10" in str(evidence.cause)


def test_flows_that_share_a_counter_share_what_it_has_to_count() -> None:
    other = replace(DROPPED, target=Target(ip_address("10.4.0.11")))

    enough = evidence_of([DROPPED, other], 1, *looks(2, 2, 2, 2, 0))
    short = evidence_of([DROPPED, other], 1, *looks(1, 2, 2, 2, 0))

    assert all(each.cause and each.cause.counted and each.cause.sent == 2 for each in enough)
    assert not any(each.cause and each.cause.counted for each in short)


@given(st.lists(st.integers(0, 6), min_size=5, max_size=5))
def test_the_way_ends_with_the_first_step_that_is_missing(rises: list[int]) -> None:
    (evidence,) = evidence_of([DROPPED], 3, *looks(*rises))

    assert all(each.counted for each in evidence.way[:-1])
    assert (evidence.missing is None) == all(rise >= 3 for rise in rises[1:])
    assert (evidence.last is None) == (rises[1] < 3)


def test_a_place_that_could_not_be_read_is_left_out() -> None:
    before, after = looks(3, 3, 3, 3, 0)
    (evidence,) = evidence_of([DROPPED], 3, {LINKS[0]: 10, LINKS[2]: 10}, after)

    assert evidence.cause is None
    assert [each.counter for each in evidence.way] == [LINKS[0], LINKS[2]]
    assert evidence_of([DROPPED], 3, before, {})[0].way == ()


@pytest.mark.parametrize(
    ("cause", "counter", "source"),
    [
        (
            replace(RULE, kind="sysctl", rule=None, key="net.ipv4.conf.eth0.rp_filter"),
            Counter(WEB, KERNEL, "TcpExtIPReversePathFilter"),
            "",
        ),
        (
            replace(RULE, kind="sysctl", rule=None, key="net.ipv4.ip_forward"),
            Counter(WEB, KERNEL, "IpInAddrErrors"),
            "",
        ),
        (
            replace(RULE, kind="route", rule=None, family="ip6"),
            Counter(WEB, KERNEL, "Ip6InNoRoutes"),
            "",
        ),
        (
            replace(RULE, tool="nft", chain="f", handle=7),
            Counter(WEB, "nft", "ip filter f handle 7"),
            "nft",
        ),
        (
            replace(RULE, kind="policy", rule="-P FORWARD DROP", tool="iptables-legacy"),
            Counter(WEB, "iptables-legacy", "filter: -P FORWARD DROP"),
            "iptables-legacy",
        ),
    ],
)
def test_each_kind_of_cause_has_its_counter(cause: Cause, counter: Counter, source: str) -> None:
    trace = replace(DROPPED, cause=cause)

    (evidence,) = evidence_of([trace], 1, {counter: 1}, {counter: 2})

    assert evidence.cause is not None
    assert evidence.cause.counter == counter
    assert [each.source for each in wanted([trace], way=False)] == [source]


@pytest.mark.parametrize(
    "cause",
    [
        replace(RULE, kind="neighbour", rule=None),
        replace(RULE, kind="sysctl", rule=None, key="net.ipv4.icmp_echo_ignore_all"),
        replace(RULE, tool="nft", handle=None, rule="policy drop"),
        None,
    ],
)
def test_some_causes_are_counted_nowhere(cause: Cause | None) -> None:
    trace = replace(DROPPED, cause=cause)

    assert wanted([trace], way=False) == ()
    assert evidence_of([trace], 1, {}, {})[0].cause is None


@pytest.mark.parametrize("tool", ["iptables-nft", "ip6tables-nft"])
def test_a_policy_that_does_not_count_tells_nothing(tool: str) -> None:
    cause = replace(RULE, kind="policy", rule="-P FORWARD DROP", tool=tool)
    counter = Counter(WEB, tool, "filter: -P FORWARD DROP")

    (evidence,) = evidence_of([replace(DROPPED, cause=cause)], 1, {counter: 0}, {counter: 0})

    assert evidence.cause is None


def test_the_way_back_is_counted_after_the_way_there() -> None:
    there = Hop(ROUTER, "route", "", "lan", "wan")
    back = Hop(ROUTER, "route", "", "wan", "lan")
    trace = replace(DROPPED, outcome=Outcome.DELIVERED, cause=None, forward=(there,), back=(back,))
    names = ["in lan", "out wan", "in wan", "out lan"]
    before = {Counter(ROUTER, LINK, each): 0 for each in names}

    (evidence,) = evidence_of([trace], 1, before, dict.fromkeys(before, 1))

    assert [each.counter.name for each in evidence.way] == names
    assert evidence.missing is None


def test_a_bridged_frame_is_not_counted_by_its_bridge() -> None:
    hops = tuple(
        Hop(HOST, stage, "", "lxdbr0", "lxdbr0") for stage in ("bridge", "bridged forward")
    )

    assert wanted([replace(DROPPED, cause=None, forward=hops)]) == ()
