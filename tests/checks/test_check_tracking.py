"""Firewalls that meet what they should not: bridged frames, half connections, a full table, two variants of iptables."""

from dataclasses import replace

import pytest

from homelab.checks.conntrack_invalid import is_of_invalid
from homelab.model.finding import Finding
from homelab.model.inventory import ContainerNetwork, Egress, Guest, Inventory, Nic
from homelab.model.kernel import Link, Ruleset
from homelab.model.lxc import InstanceNetwork
from homelab.model.operation import AddFilterRule, SetSysctl
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Hop
from homelab.system.simulated import SimulatedSystem
from tests.checks.cases import (
    DOCKER_RULES,
    FRONT,
    NO_RULES,
    SUBNET,
    WEB,
    at,
    case,
    cause,
    check,
    codes,
    daemon,
    judged,
    lab,
    only,
    route,
    routes,
    rules,
    sysctls,
    wanted,
)

TRANSLATED = "source translated to 10.0.0.2 by ip nat POSTROUTING: -A POSTROUTING -j MASQUERADE"
TWICE = "net.bridge.bridge-nf-call-iptables"


def commands(finding: Finding) -> tuple[str, ...]:
    assert finding.fix is not None
    return finding.fix.commands


def mended(snapshot: Snapshot, finding: Finding) -> list[str]:
    """The faults that are left after the fix was carried out in memory."""
    assert finding.fix is not None
    assert finding.fix.operations
    system = SimulatedSystem(snapshot)
    for each in finding.fix.operations:
        system.run(each)
    return codes(judged(system.read()))


def bridged(place: Place, bridge: str, **more: object) -> Cause:
    told = {
        "tool": "iptables-nft",
        "family": "ip",
        "table": "filter",
        "chain": "FORWARD",
        "stage": "bridged forward",
        "iif": bridge,
        "oif": bridge,
        "rule": "-P FORWARD DROP",
        "owner": "docker",
        **more,
    }
    return cause(place, str(told.pop("kind", "policy")), **told)


def test_docker_that_keeps_one_networks_containers_apart_is_named() -> None:
    drop = "-A FORWARD -i br-apps -o br-apps -j DROP"
    told = bridged(WEB, "br-apps", kind="rule", rule=drop)

    finding = only(case(told))

    assert (finding.fault, finding.at) == ("docker-icc-off", WEB)
    assert finding.fix is not None
    (step,) = finding.fix.operations
    assert isinstance(step, AddFilterRule)
    assert (step.rule.parent, step.rule.source, step.rule.destination) == (
        "DOCKER-USER",
        SUBNET,
        SUBNET,
    )
    assert finding.fix.opens == ("containers of 10.90.1.0/24 to each other, all ports",)


def test_a_guests_policy_that_meets_bridged_frames_is_told_from_one_that_meets_routed_ones() -> (
    None
):
    assert only(case(bridged(WEB, "br-apps"))).fault == "guest-br-netfilter"
    assert only(case(bridged(WEB, "br-apps", stage="forward"))).fault == "guest-forward-policy-drop"


def test_a_hosts_policy_that_meets_bridged_frames_is_mended_by_an_accept_both_ways() -> None:
    finding = only(case(bridged(HOST, "lxdbr0")))

    assert (finding.fault, finding.at) == ("host-br-netfilter-drop", HOST)
    assert finding.fix is not None
    ways = [
        (e.rule.source, e.rule.destination)
        for e in finding.fix.operations
        if isinstance(e, AddFilterRule)
    ]
    assert ways == [(None, SUBNET), (SUBNET, None)]


@pytest.mark.parametrize("place", [WEB, HOST])
def test_ufw_that_drops_bridged_frames_is_told_so_in_its_own_words(place: Place) -> None:
    finding = only(case(bridged(place, "br0", kind="rule", owner="ufw", chain="ufw-user-forward")))

    assert finding.fault in ("guest-br-netfilter", "host-br-netfilter-drop")
    assert commands(finding)[0].endswith("ufw route allow to 10.90.1.0/24")


def test_a_filter_of_lxds_for_frames_stays_one_of_lxds() -> None:
    told = bridged(
        HOST, "lxdbr0", kind="rule", owner="lxd", family="bridge", tool="nft", table="lxd"
    )

    assert only(case(told)).fault == "host-lxd-filtering"


def acl(**more: object) -> Cause:
    told = {
        "tool": "nft",
        "family": "inet",
        "table": "lxd",
        "chain": "acl.lxdbr0",
        "rule": 'oifname "lxdbr0" reject',
        "owner": "lxd",
        "oif": "lxdbr0",
        **more,
    }
    return cause(HOST, "rule", **told)


def with_acls(names: str) -> Snapshot:
    runtime = lab().runtime
    assert runtime is not None
    network = InstanceNetwork("lxdbr0", managed=True, config={"security.acls": names})
    return lab(runtime=replace(runtime, networks=(network,)))


def test_an_acl_of_the_network_is_named_and_given_a_rule() -> None:
    finding = only(case(acl(), snapshot=with_acls("closed, other")))

    assert finding.fault == "host-lxd-acl-drop"
    assert "closed, other" in finding.explains
    assert commands(finding) == (
        "lxc network acl rule add closed ingress action=allow destination=10.90.1.0/24",
    )


def test_an_acl_that_drops_answers_needs_a_rule_the_other_way() -> None:
    finding = only(case(acl(direction="return"), snapshot=with_acls("")))

    assert commands(finding) == (
        "lxc network acl rule add NAME egress action=allow source=10.90.1.0/24",
    )


ACCEPTS = """*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -d 10.90.1.0/24 -j ACCEPT
-A FORWARD -s 10.90.1.0/24 -j ACCEPT
COMMIT
"""
DROPS = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
VARIANTS = [("iptables-legacy", "iptables-nft"), ("iptables-nft", "iptables-legacy")]


@pytest.mark.parametrize("place", [WEB, HOST])
@pytest.mark.parametrize(("drops", "accepts"), VARIANTS)
def test_an_accept_in_one_variant_does_not_save_from_a_drop_in_the_other(
    place: Place, drops: str, accepts: str
) -> None:
    both = (Ruleset(accepts, ACCEPTS), Ruleset(drops, DROPS))
    broken = at(lab(), place, rulesets=both)

    finding = only(judged(broken))

    assert (finding.fault, finding.at) == ("iptables-split-brain", place)
    assert f"{accepts} accepts" in finding.explains
    assert finding.cause is not None
    assert finding.cause.tool == drops
    assert mended(broken, finding) == []


def test_dockers_rules_in_one_variant_and_an_old_policy_in_the_other_are_a_split_brain() -> None:
    published = DOCKER_RULES.replace(
        "-A DOCKER-USER",
        "-A DOCKER -d 10.90.1.10/32 ! -i br-apps -o br-apps -j ACCEPT\n-A DOCKER-USER",
    )
    both = (Ruleset("iptables-nft", published), Ruleset("iptables-legacy", DROPS))

    finding = only(judged(at(lab(), WEB, rulesets=both)))

    assert finding.fault == "iptables-split-brain"


def test_a_drop_without_an_accept_elsewhere_is_none() -> None:
    both = (Ruleset("iptables-nft", NO_RULES), Ruleset("iptables-legacy", DROPS))

    assert "iptables-split-brain" not in codes(judged(at(lab(), WEB, rulesets=both)))


NAT = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n"
CUT_OFF = "*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\nCOMMIT\n"


@pytest.mark.parametrize("left", [CUT_OFF, CUT_OFF + NAT, DROPS + NAT])
def test_a_policy_that_is_left_when_dockers_rules_are_gone_is_no_fault_of_the_policy(
    left: str,
) -> None:
    finding = only(judged(rules(lab(), WEB, left)))

    assert (finding.fault, finding.at, finding.severity) == ("docker-rules-flushed", WEB, "error")
    assert commands(finding) == ("lxc exec web -- systemctl restart docker",)


def test_rules_of_homelabs_own_that_went_too_are_put_back() -> None:
    network = ContainerNetwork("web", "apps", (SUBNET,))
    inventory = Inventory(guests=(Guest("web", "nuc", Nic(), (network,)),))
    (finding,) = check("docker-rules-flushed")(judged(rules(lab(), WEB, CUT_OFF), inventory))

    assert commands(finding)[1:] == ("homelab apply --yes",)


def test_dockers_rules_that_are_back_open_the_path() -> None:
    assert codes(judged(rules(lab(), WEB, DOCKER_RULES + NAT))) == []


def test_a_nat_table_that_nothing_leads_into_is_warned_of() -> None:
    flushed = NAT.replace("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n", "")

    finding = only(judged(rules(lab(), WEB, DOCKER_RULES + flushed)))

    assert (finding.fault, finding.severity) == ("docker-rules-flushed", "warning")
    assert "table nat" in finding.explains


def test_a_ruleset_that_was_not_read_is_not_called_flushed() -> None:
    unread = at(rules(lab(), WEB, CUT_OFF), WEB, unread={"nft": "crashed (SIGSEGV)"})

    assert check("docker-rules-flushed")(judged(unread)) == []
    nftables = replace(
        rules(lab(), WEB, CUT_OFF), daemons={WEB: replace(daemon("29.7.0"), firewall="nftables")}
    )
    assert check("docker-rules-flushed")(judged(nftables)) == []


@pytest.mark.parametrize(
    ("rule", "invalid"),
    [
        ("-A FORWARD -m conntrack --ctstate INVALID -j DROP", True),
        ("-A FORWARD -m state --state INVALID -j DROP", True),
        ("ct state invalid drop", True),
        ("ct state { invalid, untracked } counter drop", True),
        ("-A FORWARD -m conntrack ! --ctstate INVALID -j DROP", False),
        ("-A FORWARD -m conntrack --ctstate NEW -j DROP", False),
        ("-P FORWARD DROP", False),
    ],
)
def test_a_rule_for_packets_of_no_connection_is_known_by_its_match(
    rule: str, invalid: bool
) -> None:
    assert is_of_invalid(rule) is invalid


def half(*back: Place) -> Finding:
    """The answer is dropped at the router, which it reaches by the places in between."""
    told = cause(
        ROUTER,
        "rule",
        direction="return",
        chain="FORWARD",
        table="filter",
        tool="iptables-nft",
        rule="-A FORWARD -m conntrack --ctstate INVALID -j DROP",
    )
    one = case(told, passed=(HOST,))
    (judgement,) = one.judgements
    way = tuple(Hop(each, "route", "") for each in back)
    there = tuple(Hop(each, "route", "") for each in (HOST, WEB, FRONT))
    trace = replace(judgement.traces[0], forward=there, back=way)
    return only(replace(one, judgements=(replace(judgement, traces=(trace,)),)))


def test_an_answer_on_another_way_is_sent_back_the_way_of_its_request() -> None:
    finding = half(FRONT, WEB)

    assert (finding.fault, finding.at) == ("conntrack-invalid", ROUTER)
    assert commands(finding) == (
        "lxc exec web -- ip route replace 10.0.0.254 via 10.77.0.1 dev eth0",
    )


def test_an_answer_whose_way_is_not_known_gets_words_only() -> None:
    assert commands(half()) == ()


FULL = {"net.netfilter.nf_conntrack_count": "4096", "net.netfilter.nf_conntrack_max": "4096"}
STATEFUL = """*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
"""


def test_a_full_table_on_the_way_leaves_new_connections_unknown_and_is_named_first() -> None:
    broken = sysctls(rules(lab(), HOST, STATEFUL), HOST, FULL)

    finding = only(judged(broken))

    assert (finding.fault, finding.at) == ("conntrack-table-full", HOST)
    assert "4096 of 4096" in finding.explains
    assert finding.fix is not None
    assert finding.fix.operations == (
        SetSysctl(HOST, "net.netfilter.nf_conntrack_max", "8192", "4096"),
    )
    assert mended(broken, finding) == []


def test_a_full_table_of_a_guest_is_raised_on_the_host() -> None:
    finding = only(judged(sysctls(lab(), WEB, FULL)))

    assert (finding.fault, finding.at) == ("conntrack-table-full", WEB)
    assert commands(finding) == ("sysctl -w net.netfilter.nf_conntrack_max=8192",)


@pytest.mark.parametrize(("count", "warned"), [("3686", False), ("3687", True)])
def test_a_table_that_is_nearly_full_is_warned_of(count: str, warned: bool) -> None:
    nearly = sysctls(lab(), HOST, {**FULL, "net.netfilter.nf_conntrack_count": count})

    assert [each.severity for each in check("conntrack-table-full")(judged(nearly))] == (
        ["warning"] if warned else []
    )


@pytest.mark.parametrize("limit", ["0", "", "many"])
def test_a_limit_that_is_none_is_never_reached(limit: str) -> None:
    unlimited = {**FULL, "net.netfilter.nf_conntrack_max": limit}
    broken = sysctls(rules(lab(), HOST, STATEFUL), HOST, unlimited)

    assert codes(judged(broken)) == []


def looped(**more: str) -> Snapshot:
    """A veth pair of the host's own leads from its routing into one of its bridges."""
    here = lab().namespaces[HOST]
    pair = (
        Link(10, "brx", "bridge"),
        Link(11, "up0", "veth", peer=12),
        Link(12, "up1", "veth", peer=11, master=10),
    )
    told = sysctls(lab(), HOST, {TWICE: "1", **more})
    text = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.77.0.0/24 -j MASQUERADE\nCOMMIT\n"
    return rules(at(told, HOST, links=(*here.links, *pair)), HOST, text)


def test_a_host_that_would_track_its_own_packets_twice_is_warned_of() -> None:
    finding = only(judged(looped()))

    assert (finding.fault, finding.severity, finding.at) == ("nat-double-tracking", "warning", HOST)
    assert f"sysctl -w {TWICE}=0" in commands(finding)


@pytest.mark.parametrize(
    "quiet",
    [
        looped(**{TWICE: "0"}),
        rules(looped(), HOST, NO_RULES),
        at(looped(), HOST, links=lab().namespaces[HOST].links),
    ],
)
def test_a_host_that_lacks_one_of_the_three_is_not(quiet: Snapshot) -> None:
    assert codes(judged(quiet)) == []


def test_a_frame_that_is_dropped_after_it_was_translated_there_is_claimed() -> None:
    told = bridged(HOST, "brx", kind="rule", owner="user", rule="-A FORWARD -j DROP")
    one = case(told)
    (judgement,) = one.judgements
    hop = Hop(HOST, "postrouting", TRANSLATED)
    trace = replace(judgement.traces[0], forward=(hop,), rewritten_source="10.0.0.2")

    finding = only(replace(one, judgements=(replace(judgement, traces=(trace,)),)))

    assert finding.fault == "nat-double-tracking"
    assert finding.fix is not None
    assert finding.fix.operations == (SetSysctl(HOST, TWICE, "0", "0"),)


MASQUERADING = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"
PLAIN = ContainerNetwork("web", "apps", (SUBNET,), egress=Egress.MASQUERADE)


def test_a_host_that_hides_the_client_from_a_declared_network_is_warned_of() -> None:
    finding = only(judged(rules(lab(), HOST, MASQUERADING), wanted(PLAIN)))

    assert (finding.fault, finding.severity, finding.at) == (
        "host-nat-breaks-source",
        "warning",
        HOST,
    )
    assert "sees 10.77.0.1 instead of" in finding.explains
    assert commands(finding) == ("iptables -t nat -I POSTROUTING -d 10.90.1.0/24 -j ACCEPT",)


def test_the_exemption_that_is_offered_ends_the_fault() -> None:
    exempt = MASQUERADING.replace(
        "-A POSTROUTING -j", "-A POSTROUTING -d 10.90.1.0/24 -j ACCEPT\n-A POSTROUTING -j"
    )

    assert codes(judged(rules(lab(), HOST, exempt), wanted(PLAIN))) == []
    assert codes(judged(rules(lab(), HOST, MASQUERADING))) == []


def test_an_answer_to_an_address_that_the_host_made_up_is_claimed() -> None:
    snat = MASQUERADING.replace("MASQUERADE", "SNAT --to-source 192.0.2.7")
    known = route("10.0.0.0/24", "10.77.0.1", "eth0")
    lost = routes(rules(lab(), HOST, snat), WEB, known, without="0.0.0.0/0")

    finding = only(judged(lost))

    assert (finding.fault, finding.at) == ("host-nat-breaks-source", HOST)
    assert "192.0.2.7" in finding.explains
    assert codes(judged(rules(lost, HOST, NO_RULES))) == []


def test_a_guest_that_would_not_answer_the_client_either_lacks_its_route() -> None:
    lost = routes(rules(lab(), HOST, MASQUERADING), WEB, without="0.0.0.0/0")

    assert "host-nat-breaks-source" not in codes(judged(lost))


INVALID = """*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
"""
BY_NFT = """table inet fw {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state invalid drop # handle 3
	}
}
"""


@pytest.mark.parametrize(
    ("tool", "text"), [("iptables-nft", INVALID), ("iptables-legacy", INVALID)]
)
def test_a_router_that_sees_one_half_and_drops_the_invalid_is_warned_of(
    tool: str, text: str
) -> None:
    finding = only(judged(rules(lab(), ROUTER, text, tool)))

    assert (finding.fault, finding.severity, finding.at) == (
        "router-redirect-asymmetry",
        "warning",
        ROUTER,
    )
    assert "INVALID" in finding.explains
    assert commands(finding) == (
        "ssh router iptables -t raw -I PREROUTING -d 10.90.1.0/24 -j CT --notrack",
    )


def test_the_same_rule_of_nftables_is_named_without_its_handle() -> None:
    found = check("router-redirect-asymmetry")(judged(rules(lab(), ROUTER, BY_NFT, "nft")))

    assert all("ct state invalid drop`" in each.explains for each in found)


@pytest.mark.parametrize(
    "quiet",
    [
        lab(),
        rules(lab(), ROUTER, NO_RULES),
        rules(lab(), ROUTER, INVALID.replace("FORWARD -m", "INPUT -m")),
        routes(rules(lab(), ROUTER, INVALID), HOST, route("10.0.0.254/32", "10.0.0.1", "eth0")),
    ],
)
def test_a_router_that_sees_both_halves_or_does_not_mind_is_not(quiet: Snapshot) -> None:
    assert codes(judged(quiet)) == []


def test_an_answer_that_should_go_to_a_place_without_a_common_subnet_gets_words_only() -> None:
    finding = half(FRONT)

    assert finding.fix is not None
    assert "by guest:web" in finding.fix.text or finding.fix.commands == ()
