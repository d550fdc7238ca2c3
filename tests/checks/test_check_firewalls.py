"""Rules and policies, made by hand: whose they are decides the code and the knob."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.checks.rules import has_docker_rules, parent_of, tool_of
from homelab.checks.seen import failures
from homelab.model.docker import LABEL
from homelab.model.finding import Finding
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.operation import AddFilterRule
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Target
from homelab.resources.filter_rule import OpenFilter
from tests.checks.cases import (
    DOCKER_RULES,
    FRONT,
    NAME,
    SUBNET,
    WEB,
    at,
    case,
    cause,
    daemon,
    found,
    lab,
    only,
    rules,
    wanted,
)

RAW = "*raw\n-A PREROUTING -d 10.90.1.10/32 ! -i br-apps -j DROP\nCOMMIT\n"


def policy(place: Place = WEB, **more: object) -> Cause:
    told = {
        "tool": "iptables-nft",
        "table": "filter",
        "chain": "FORWARD",
        "rule": "-P FORWARD DROP",
        "owner": "docker",
        "oif": "br-apps",
        **more,
    }
    return cause(place, "policy", **told)


def rule(place: Place = WEB, **more: object) -> Cause:
    told = {"tool": "iptables-nft", "table": "filter", "owner": "user", **more}
    return cause(place, "rule", **told)


def operations(finding: Finding) -> tuple[AddFilterRule, ...]:
    assert finding.fix is not None
    filters = [each for each in finding.fix.operations if isinstance(each, AddFilterRule)]
    assert len(filters) == len(finding.fix.operations)
    return tuple(filters)


def commands(finding: Finding) -> tuple[str, ...]:
    assert finding.fix is not None
    return finding.fix.commands


CODES = {
    "docker-user-drop": rule(chain="DOCKER-USER", rule="-A DOCKER-USER -j DROP"),
    "docker-inter-network-isolation": rule(
        chain="DOCKER-ISOLATION-STAGE-2", owner="docker", iif="br-shop", oif="br-apps"
    ),
    "docker-unpublished-port-drop": rule(chain="DOCKER", owner="docker", iif="eth0"),
    "docker-direct-access-drop": rule(table="raw", chain="PREROUTING", owner="docker"),
    "foreign-forward-drop-before-docker": rule(chain="FORWARD"),
    "guest-foreign-firewall": rule(chain="ufw-user-forward", owner="ufw"),
    "ingress-as-declared": rule(tool="nft", table="homelab", owner="homelab"),
    "container-own-firewall": rule(FRONT, chain="INPUT"),
    "host-firewall-drop": rule(HOST, chain="ufw-reject-forward", owner="ufw"),
    "host-lxd-filtering": rule(
        HOST, family="bridge", tool="nft", table="lxd", chain="in.web.eth0", owner="lxd"
    ),
    "host-forward-policy-drop": policy(HOST),
    "guest-forward-policy-drop": policy(),
    "router-firewall": rule(ROUTER, chain="FORWARD"),
    "dropped-by-rule": rule(Place("netns:between"), chain="FORWARD", owner="firewalld"),
}


@pytest.mark.parametrize("code", CODES)
def test_who_wrote_the_rule_decides_the_code(code: str) -> None:
    assert only(case(CODES[code])).fault == code


def test_an_egress_that_dies_in_raw_is_told_from_a_question_that_does() -> None:
    reply = rule(table="raw", chain="PREROUTING", owner="docker", direction="return")

    assert only(case(reply)).fault == "docker-egress-dead"


@pytest.mark.parametrize(
    "answer",
    [
        policy(owner="ufw"),
        policy(owner="firewalld"),
        rule(tool="nft", family="inet", table="f", chain="fwd", rule="drop"),
        rule(table="raw", chain="PREROUTING"),
    ],
)
def test_the_firewalls_of_others_are_mended_in_their_own_words(answer: Cause) -> None:
    finding = only(case(answer))

    assert finding.fault == "guest-foreign-firewall"
    assert not operations(finding)
    assert all(each.startswith("lxc exec web -- ") for each in commands(finding))


def test_ufw_is_told_to_let_the_subnet_pass() -> None:
    finding = only(case(policy(HOST, owner="ufw")))

    assert commands(finding) == ("ufw route allow to 10.90.1.0/24",)
    back = only(case(policy(HOST, owner="ufw", direction="return")))
    assert commands(back) == ("ufw route allow from 10.90.1.0/24",)


def test_an_acl_of_lxd_is_left_to_lxd() -> None:
    finding = only(case(rule(HOST, tool="nft", table="lxd", chain="aclout.eth0", owner="incus")))

    assert finding.fault == "host-firewall-drop"
    assert commands(finding) == ("lxc network acl list",)


def test_a_chain_of_nft_is_opened_in_itself() -> None:
    drop = rule(HOST, tool="nft", family="inet", table="mine", chain="fwd")

    assert commands(only(case(drop))) == (
        "nft insert rule inet mine fwd ip daddr 10.90.1.0/24 accept",
    )


def test_the_accept_stands_in_docker_user_where_that_is_asked_first() -> None:
    (step,) = operations(only(case(policy())))

    assert (step.place, step.rule.parent, step.rule.destination) == (WEB, "DOCKER-USER", SUBNET)
    assert step.rule.mark.startswith("web/apps:fix-guest-forward-policy-drop:")


def test_an_answer_is_accepted_by_its_source() -> None:
    (step,) = operations(only(case(policy(direction="return"))))

    assert (step.rule.source, step.rule.destination) == (SUBNET, None)


def test_without_docker_user_both_directions_are_accepted_in_forward() -> None:
    bare = rules(lab(), WEB, ":DOCKER - [0:0]\n*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")

    steps = operations(only(case(policy(), snapshot=bare)))

    assert [each.rule.parent for each in steps] == ["FORWARD", "FORWARD"]
    assert [each.rule.destination for each in steps] == [SUBNET, None]


@pytest.mark.parametrize("place", [WEB, HOST])
def test_for_a_declared_network_it_is_the_rule_that_apply_makes(place: Place) -> None:
    dropping = DOCKER_RULES.replace(":FORWARD ACCEPT", ":FORWARD DROP")
    snapshot = rules(lab(), place, dropping)
    desired = {each.rule for each in OpenFilter.desired(wanted(), snapshot)}
    told = found(case(policy(place), snapshot=snapshot, inventory=wanted()))
    code = "host-forward-policy-drop" if place == HOST else "guest-forward-policy-drop"

    steps = operations(told[code])

    assert steps
    assert {each.rule for each in steps} <= desired


def test_a_labelled_network_without_an_inventory_gets_that_very_rule_too() -> None:
    ours = lab(daemons={WEB: daemon(labels={LABEL: "web/apps"})})

    (step,) = operations(only(case(policy(), snapshot=ours)))

    assert step.rule.mark.startswith("web/apps:in:")


def test_a_network_without_a_subnet_gets_no_rule() -> None:
    one = case(policy())

    finding = only(replace(one, judgements=(replace(one.judgements[0], subnets=()),)))

    assert operations(finding) == ()
    assert "accepts 10.90.1.10" in finding.explains


def test_names_that_no_comment_holds_are_made_plain() -> None:
    one = case(policy())
    odd = replace(one.judgements[0], name=NAME._replace(network='a b"\n'))

    (step,) = operations(only(replace(one, judgements=(odd,))))

    assert step.rule.mark.startswith("web/a-b--:fix-")


def test_a_network_of_homelabs_own_is_made_anew_instead() -> None:
    ours = lab(daemons={WEB: daemon("28.5.2", labels={LABEL: "web/apps"})})
    finding = only(case(CODES["docker-direct-access-drop"], snapshot=ours))

    assert not operations(finding)
    assert commands(finding) == ("homelab apply --yes",)


def test_dockers_nftables_backend_is_opened_by_its_options_only() -> None:
    drop = rule(tool="nft", table="docker-bridges", chain="raw-PREROUTING", owner="docker")
    finding = only(case(drop))

    assert finding.fault == "docker-direct-access-drop"
    assert not operations(finding)
    assert finding.fix is not None
    assert "gateway_mode_ipv4=nat-unprotected" in finding.fix.text


def test_the_last_rule_of_a_bridge_needs_no_accept_in_raw() -> None:
    bare = only(case(CODES["docker-unpublished-port-drop"]))
    raw = rules(lab(), WEB, RAW + DOCKER_RULES)
    both = only(case(CODES["docker-unpublished-port-drop"], snapshot=raw))

    assert [each.rule.table for each in operations(bare)] == ["filter"]
    assert [each.rule.table for each in operations(both)] == ["raw", "filter"]


def test_two_bridges_of_one_guest_with_nftables_are_kept_apart_too() -> None:
    drop = rule(tool="nft", owner="docker", chain="filter-x", iif="docker0", oif="br-apps")

    assert only(case(drop)).fault == "docker-inter-network-isolation"


def test_without_a_named_tool_it_is_found_by_dockers_chain() -> None:
    (seen,) = failures(case(policy(tool=None), snapshot=legacy(lab())))

    assert tool_of(seen) == "iptables-legacy"
    assert parent_of(seen) == "DOCKER-USER"


def legacy(snapshot: Snapshot) -> Snapshot:
    two = (Ruleset("iptables-nft", ""), Ruleset("iptables-legacy", DOCKER_RULES))
    return at(snapshot, WEB, rulesets=two)


def test_without_any_chain_it_is_the_tool_of_today() -> None:
    (seen,) = failures(case(policy(tool=None), snapshot=at(lab(), WEB, rulesets=())))

    assert tool_of(seen) == "iptables-nft"
    assert parent_of(seen) == "FORWARD"


def test_dockers_marks_are_known_in_both_backends() -> None:
    nft = Ruleset("nft", "table ip docker-bridges {\n}\n")

    assert has_docker_rules(Namespace(rulesets=(nft,)))
    assert not has_docker_rules(Namespace(rulesets=(Ruleset("nft", "table ip x {\n}\n"),)))


@pytest.mark.parametrize("place", [WEB, HOST, ROUTER])
def test_a_policy_of_ipv6_has_a_code_of_its_own(place: Place) -> None:
    six = ip_address("fd90::10")
    drop = policy(place, tool="ip6tables-nft", source=None, destination=six)
    one = case(drop, target=Target(six))
    wide = replace(one.judgements[0], subnets=(SUBNET, ip_network("fd90::/64")))

    finding = only(replace(one, judgements=(wide,)))

    assert finding.fault == "ipv6-forward-policy-drop"
    assert "fd90::/64" in finding.explains
    assert bool(operations(finding)) == (place != ROUTER)


@pytest.mark.parametrize(
    ("chains", "code"),
    [
        ("", "ipv6-forward-policy-drop"),
        (":DOCKER - [0:0]\n", "foreign-forward-drop-before-docker"),
    ],
)
def test_a_drop_is_before_dockers_rules_only_where_docker_has_some(chains: str, code: str) -> None:
    """Docker up to 26 leaves ip6tables alone, whatever it wrote into iptables."""
    six = ip_address("fd90::10")
    text = f"*filter\n:FORWARD ACCEPT [0:0]\n{chains}-A FORWARD -d fd90::/64 -j DROP\nCOMMIT\n"
    both = (Ruleset("iptables-nft", DOCKER_RULES), Ruleset("ip6tables-nft", text))
    drop = rule(
        chain="FORWARD", rule="-A FORWARD -d fd90::/64 -j DROP", tool="ip6tables-nft", source=None
    )
    one = case(
        replace(drop, destination=six), snapshot=at(lab(), WEB, rulesets=both), target=Target(six)
    )
    wide = replace(one.judgements[0], subnets=(SUBNET, ip_network("fd90::/64")))

    finding = only(replace(one, judgements=(wide,)))

    assert finding.fault == code
    assert {(each.rule.tool, each.rule.parent) for each in operations(finding)} == {
        ("ip6tables-nft", "FORWARD")
    }
    assert len(operations(finding)) == 2
