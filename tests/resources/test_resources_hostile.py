"""What a guest's root writes into its own rules and labels: read without harm, taken only for its own."""

import json
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.load.snapshot import load_snapshot
from homelab.model.docker import LABEL, Daemon, DockerNetwork, DockerSubnet
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.operation import AllowEntry, IngressFilter, SetIngressFilter
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state
from homelab.resources import KINDS
from homelab.resources.docker_network import GuestNetwork
from homelab.resources.filter_rule import OpenFilter
from homelab.resources.ingress_filter import GuardedNetwork
from homelab.system import iptables, nft
from homelab.system.simulated import SimulatedSystem

WEB = guest("web")
RECORDED = load_snapshot(Path(__file__).parents[2] / "tests/recorded/applied.json")


def with_rules(tool: str, text: str) -> Snapshot:
    return Snapshot(namespaces={WEB: Namespace(rulesets=(Ruleset(tool, text),))})


def listed(*rules: object) -> str:
    return json.dumps({"nftables": [{"metainfo": {}}, *({"rule": each} for each in rules)]})


def rule(comment: str, *matches: object, chain: str = "ingress-apps") -> dict[str, object]:
    name = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "hl-apps"}}
    return {
        "family": "inet",
        "table": "homelab",
        "chain": chain,
        "comment": comment,
        "expr": [name, *({"match": each} for each in matches), {"accept": None}],
    }


def payload(field: str, right: object) -> dict[str, object]:
    return {"left": {"payload": {"protocol": "tcp", "field": field}}, "right": right}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
WORDS = ["prefix", "range", "addr", "len", "set", "payload", "field", "saddr", "meta", "left"]
SHAPED = st.recursive(
    st.sampled_from(["10.0.0.0", "@set", "saddr", "dport", "", 8, 99, None]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(ANYTHING | SHAPED, ANYTHING | SHAPED, ANYTHING)
def test_no_rule_of_nftables_ends_in_a_traceback(one: object, other: object, row: object) -> None:
    mark = "homelab:web/apps:1"
    rules = (
        rule(mark, payload("saddr", one), payload("dport", other)),
        rule(mark, one, other, {"left": one, "right": other}),
        {**rule(mark), "expr": one},
        {**rule(mark), "expr": [one, {"match": other}, other]},
        row,
    )

    for each in (listed(*rules), listed(row), json.dumps({"nftables": row}), json.dumps(row)):
        found = list(GuardedNetwork.actual(with_rules("nft-json", each)))
        assert all(each.mark == "web/apps:1" for each in found)


@given(st.text(max_size=60))
def test_no_text_at_all_ends_in_a_traceback(text: str) -> None:
    for tool in ("nft-json", "iptables-nft", "ip6tables-legacy", "nft", "ipset"):
        spoiled = f"*filter\n:FORWARD DROP\n-A HOMELAB {text}\n-A {text} -j HOMELAB\n{text}"
        for each in (text, spoiled):
            assert isinstance(actual_state(with_rules(tool, each), KINDS), dict)


FOUR = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
SIX = st.builds(
    lambda address, length: IPv6Network((address, length), strict=False),
    st.integers(0, 2**128 - 1),
    st.integers(0, 128),
)
SERVICES = st.none() | st.tuples(
    st.sampled_from(["tcp", "udp"]),
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(sorted),
)


def entry(source: IPv4Network | IPv6Network, service: tuple[str, list[int]] | None) -> AllowEntry:
    if service is None:
        return AllowEntry(source)
    protocol, (first, last) = service
    return AllowEntry(source, protocol, (first, last))


@given(st.lists(st.builds(entry, FOUR | SIX, SERVICES), max_size=4))
def test_a_filter_is_read_as_it_was_written(entries: list[AllowEntry]) -> None:
    """All of it is needed for the way back: what is deleted has to be made again."""
    wanted = IngressFilter("ingress-apps", "hl-apps", "web/apps:0a1b2c3d", tuple(entries))
    empty = Snapshot(namespaces={WEB: Namespace(rulesets=(Ruleset("nft-json", listed()),))})
    system = SimulatedSystem(empty)
    system.run(SetIngressFilter(WEB, wanted))

    (found,) = GuardedNetwork.actual(system.read())

    assert found.filter == wanted
    assert found.rules == 3 + len(entries)
    nft.check(WEB, found.filter)


def test_a_filter_with_a_rule_more_or_less_is_not_what_was_wanted() -> None:
    mark = "homelab:web/apps:1"
    three = [rule(mark), rule(mark), rule(mark)]
    foreign = rule("mine")

    found = [
        next(GuardedNetwork.actual(with_rules("nft-json", listed(*rules))))
        for rules in (three, three[1:], [foreign, *three])
    ]

    assert len({hash(each) for each in found}) == 3
    assert {each.key for each in found} == {found[0].key}
    assert {each.filter.bridge for each in found} == {"hl-apps"}
    assert {each.guest for each in found} == {"web"}
    assert [each.describe() for each in found] == [
        "lets in nobody",
        "lets in nobody, with rules taken out or put in",
        "lets in nobody, with rules taken out or put in",
    ]


@pytest.mark.parametrize(
    "comment",
    ["homelab:db/apps:1", "homelab:", "homelab:web/apps:1; flush ruleset", "web/apps:1", "é"],
)
def test_a_mark_of_another_guest_or_of_strange_letters_is_none(comment: str) -> None:
    """Else one guest could hide the filter of another from homelab."""
    assert not list(GuardedNetwork.actual(with_rules("nft-json", listed(rule(comment)))))


def test_a_chain_of_a_strange_name_is_not_ours() -> None:
    strange = rule("homelab:web/apps:1", chain="a b")

    assert not list(GuardedNetwork.actual(with_rules("nft-json", listed(strange))))


SPECS = st.lists(
    st.sampled_from(
        [
            "-s 10.0.0.0/8",
            "-d 10.90.1.0/24",
            "-d nonsense",
            "-s :/",
            "-s 1.2",
            "-p tcp",
            "-m comment --comment homelab:web/apps:in:1",
            '-m comment --comment "homelab:web/apps:in:2"',
            '-m comment --comment "homelab:é"',
            '-m comment --comment "homelab:jump"',
            "-j ACCEPT",
            "-j DROP",
            "-j HOMELAB",
        ]
    ),
    max_size=4,
).map(" ".join)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["HOMELAB", "FORWARD", "DOCKER-USER"]), SPECS)))
def test_every_rule_that_is_recognised_can_be_taken_away(rules: list[tuple[str, str]]) -> None:
    """A rule that looks like ours and cannot be deleted would stop every destroy."""
    lines = "".join(f"-A {chain} {spec}\n" for chain, spec in rules)
    chains = ":FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n:HOMELAB - [0:0]\n"
    snapshot = with_rules("iptables-nft", f"*filter\n{chains}{lines}COMMIT\n")
    system = SimulatedSystem(snapshot)

    for each in {each.key: each for each in OpenFilter.actual(snapshot)}.values():
        iptables.check(WEB, each.rule)
        for operation in each.delete(snapshot):
            system.run(operation)

    assert not list(OpenFilter.actual(system.read()))


def test_a_rule_without_a_jump_is_found_and_called_from_where_it_would_be() -> None:
    accept = "-A HOMELAB -m comment --comment homelab:web/apps:in:1 -j ACCEPT\n"
    text = f"*raw\n{accept}COMMIT\n*filter\n{accept}COMMIT\n*nat\n{accept}COMMIT\n"

    found = list(OpenFilter.actual(with_rules("iptables-legacy", text)))

    assert [(each.rule.table, each.rule.parent) for each in found] == [
        ("raw", "PREROUTING"),
        ("filter", "FORWARD"),
    ]
    assert not any(each.effective for each in found)


def test_an_accept_that_somebody_put_a_rule_in_front_of_is_mended_and_goes_with_destroy() -> None:
    text = (
        "*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n:HOMELAB - [0:0]\n"
        "-A DOCKER-USER -s 192.0.2.1/32 -j DROP\n"
        '-A DOCKER-USER -m comment --comment "homelab:jump" -j HOMELAB\n'
        '-A HOMELAB -d 10.90.1.0/24 -m comment --comment "homelab:web/apps:in:1" -j ACCEPT\n'
        "COMMIT\n"
    )
    snapshot = with_rules("iptables-nft", text)
    (behind,) = OpenFilter.actual(snapshot)
    wanted = replace(behind, effective=True)
    mended, destroyed = SimulatedSystem(snapshot), SimulatedSystem(snapshot)

    for operation in wanted.replace(behind, snapshot):
        mended.run(operation)
    for operation in behind.delete(snapshot):
        destroyed.run(operation)

    assert list(OpenFilter.actual(mended.read())) == [wanted]
    left = destroyed.read().namespaces[WEB].rulesets[0].text
    assert "HOMELAB" not in left
    assert "-A DOCKER-USER -s 192.0.2.1/32 -j DROP" in left


@pytest.mark.parametrize(
    ("name", "mark"), [("a b", "web/a b"), ("apps", "db/apps"), ("apps", ""), ("../x", "web/../x")]
)
def test_a_label_that_is_not_ours_makes_no_network_ours(name: str, mark: str) -> None:
    network = DockerNetwork("0" * 12, name, labels={LABEL: mark})
    snapshot = Snapshot(daemons={WEB: Daemon("28.5.2", networks=(network,))})

    assert not list(GuestNetwork.actual(snapshot))


def test_the_host_s_own_docker_has_no_network_of_ours() -> None:
    subnet = DockerSubnet(ip_network("10.90.1.0/24"))
    network = DockerNetwork("0" * 12, "apps", subnets=(subnet,), labels={LABEL: "web/apps"})
    snapshot = replace(RECORDED, daemons={HOST: Daemon("28.5.2", networks=(network,))})

    assert not list(GuestNetwork.actual(snapshot))


def test_a_chain_of_others_may_call_ours_and_then_the_rule_counts_there() -> None:
    text = (
        "*filter\n:FORWARD ACCEPT [0:0]\n:HOMELAB - [0:0]\n"
        "-A FORWARD -m comment --comment homelab:jump -j HOMELAB\n"
        "-A HOMELAB -s 1.2.0.0/16 -m comment --comment homelab:web/apps:in:1 -j ACCEPT\n"
        "COMMIT\n"
    )

    (found,) = OpenFilter.actual(with_rules("iptables-nft", text))

    assert found.effective
    assert (found.rule.parent, found.rule.source) == ("FORWARD", IPv4Network("1.2.0.0/16"))
