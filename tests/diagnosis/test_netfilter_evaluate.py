"""Three values: what is certain although a rule is not, what hangs on it, and what no file may break."""

import json
from itertools import pairwise

import pytest

from homelab.diagnosis.netfilter import Context, Traversal
from homelab.diagnosis.netfilter.conntrack import track
from homelab.diagnosis.netfilter.evaluate import Walk
from homelab.diagnosis.netfilter.rules import Chain
from homelab.diagnosis.packet import Packet
from tests.diagnosis.netfilter_lab import Journey, RouterFib, firewall, ping, tcp, udp

LIMIT = "-m limit --limit 1/sec"


def at_forward(
    packet: Packet | None = None, unread: dict[str, str] | None = None, **texts: str
) -> Traversal:
    fire = firewall(unread, **texts)
    return fire.traverse("forward", packet or tcp(80), Context(RouterFib(), "in0", "out0"))


def chain(
    *lines: str, policy: str = "ACCEPT", table: str = "filter", chains: tuple[str, ...] = ()
) -> str:
    heads = (f":FORWARD {policy} [0:0]", *(f":{each} - [0:0]" for each in chains))
    return "\n".join((f"*{table}", *heads, *lines, "COMMIT", ""))


def native(
    *rules: object, policy: str = "accept", name: str = "t", **chain_fields: object
) -> list[object]:
    """The JSON of one nft table with one base chain at forward."""
    base = {
        "family": "inet",
        "table": name,
        "name": "c",
        "type": "filter",
        "hook": "forward",
        "prio": 0,
    }
    return [
        {"table": {"family": "inet", "name": name}},
        {"chain": {**base, "policy": policy, **chain_fields}},
        *(
            {"rule": {"family": "inet", "table": name, "chain": "c", "expr": each}}
            for each in rules
        ),
    ]


def printed(*objects: object) -> str:
    return json.dumps({"nftables": list(objects)})


@pytest.mark.parametrize(
    ("lines", "policy", "verdict"),
    [
        ((f"-A FORWARD {LIMIT} -j ACCEPT",), "DROP", "unknown"),
        ((f"-A FORWARD {LIMIT} -j ACCEPT",), "ACCEPT", "accept"),
        ((f"-A FORWARD {LIMIT} -j DROP",), "DROP", "drop"),
        ((f"-A FORWARD {LIMIT} -j LOG", "-A FORWARD -j DROP"), "ACCEPT", "drop"),
        ((f"-A FORWARD {LIMIT} -p udp -j DROP",), "ACCEPT", "accept"),
        ((f"-A FORWARD {LIMIT} -j REJECT", "-A FORWARD -j DROP"), "ACCEPT", "unknown"),
        ((f"-A FORWARD {LIMIT} -j REJECT", "-A FORWARD -j REJECT"), "ACCEPT", "reject"),
        (('-A FORWARD -m bpf --bytecode "1,6 0 0 0" -j RETURN',), "DROP", "drop"),
        (("-A FORWARD -j FANCY --with -x",), "ACCEPT", "unknown"),
        (("-A FORWARD -j FANCY",), "DROP", "unknown"),
        (("-A FORWARD -p udp -j FANCY",), "DROP", "drop"),
    ],
)  # fmt: skip
def test_both_ways_are_taken_where_a_match_cannot_be_told(
    lines: tuple[str, ...], policy: str, verdict: str
) -> None:
    assert at_forward(iptables_nft=chain(*lines, policy=policy)).verdict == verdict


def test_the_unknown_rule_and_its_match_are_named() -> None:
    rule = f"-A FORWARD {LIMIT} -j ACCEPT"
    found = at_forward(iptables_nft=chain("-A FORWARD -p udp -j DROP", rule, policy="DROP"))

    assert found.blame is not None
    assert (found.blame.kind, found.blame.rule) == ("unmodelled", rule)
    assert (found.blame.table, found.blame.chain) == ("filter", "FORWARD")
    assert found.blame.text.startswith("whether -m limit matches cannot be told: ")


@pytest.mark.parametrize(
    ("doubtful", "verdict"),
    [
        (f"-A FORWARD {LIMIT} -j CONNMARK --set-mark 2", "unknown"),
        (f"-A FORWARD {LIMIT} -j MARK --set-mark 2", "reject"),
        (f"-A FORWARD {LIMIT} -j REJECT --reject-with icmp-admin-prohibited", "unknown"),
    ],
)
def test_a_rejection_is_certain_only_if_its_answer_is(doubtful: str, verdict: str) -> None:
    """The answer belongs to the connection of what was rejected, and rules further on may ask for its mark."""
    tracked = track(tcp(80), (), loose=True)
    found = at_forward(tracked, iptables_nft=chain(doubtful, "-A FORWARD -j REJECT"))

    assert found.verdict == verdict


def test_a_drop_that_is_certain_names_itself_and_not_the_doubt_before_it() -> None:
    found = at_forward(iptables_nft=chain(f"-A FORWARD {LIMIT} -j DROP", policy="DROP"))

    assert found.blame is not None
    assert (found.blame.kind, found.blame.rule) == ("policy", "-P FORWARD DROP")


def test_an_accept_in_one_table_never_saves_from_a_drop_in_another() -> None:
    found = at_forward(
        iptables_legacy=chain("-A FORWARD -j ACCEPT"),
        iptables_nft=chain("-A FORWARD -p tcp -j DROP"),
    )

    assert found.verdict == "drop"
    assert found.blame is not None
    assert found.blame.tool == "iptables-nft"


def test_what_was_not_read_may_drop_anything() -> None:
    found = at_forward(unread={"iptables-nft": "crashed"}, iptables_legacy=chain())

    assert found.verdict == "unknown"
    assert found.blame is not None
    assert (found.blame.kind, found.blame.key) == ("unmodelled", "iptables-nft")


def test_a_certain_drop_holds_whatever_the_unread_source_says() -> None:
    found = at_forward(unread={"nft-json": "crashed"}, iptables_legacy=chain(policy="DROP"))

    assert found.verdict == "drop"
    assert found.blame is not None
    assert found.blame.rule == "-P FORWARD DROP"


@pytest.mark.parametrize("source", ["ip6tables-nft", "ip6tables-legacy", "sockets", "ipset"])
def test_an_unread_source_that_does_not_concern_the_packet_changes_nothing(source: str) -> None:
    assert at_forward(unread={source: "crashed"}).verdict == "accept"


def test_a_source_that_was_read_after_all_is_not_missing() -> None:
    assert at_forward(unread={"nft-json": "x"}, nft_json=printed()).verdict == "accept"
    assert at_forward(unread={"nft": "x"}, nft_json=printed()).verdict == "accept"
    assert at_forward(unread={"nft": "x"}).verdict == "unknown"


def test_a_ruleset_of_which_only_the_text_is_there_is_read_from_that() -> None:
    text = """table inet f {
\tchain f {
\t\ttype filter hook forward priority filter; policy accept;
\t\ttcp dport 80 jump {
\t\t\tmeta l4proto udp accept
\t\t\tdrop
\t\t}
\t}
}
"""
    found = at_forward(nft=text)

    assert found.verdict == "drop"
    assert found.blame is not None
    assert (found.blame.table, found.blame.rule) == ("f", "drop")


def test_a_text_that_ends_too_early_is_not_read() -> None:
    found = at_forward(nft="table inet f {\n\tchain ")

    assert found.verdict == "unknown"
    assert found.blame is not None
    assert found.blame.key == "nft"


@pytest.mark.parametrize("text", ["{", "[]", '{"nftables": 3}', "[" * 5000, "1" * 5000])
def test_what_is_not_the_json_of_nft_is_not_read(text: str) -> None:
    found = at_forward(nft_json=text)

    assert found.verdict == "unknown"
    assert found.blame is not None
    assert found.blame.key == "nft-json"


def test_a_line_that_cannot_be_parsed_is_confined_to_itself_and_named() -> None:
    broken = '-A FORWARD -m comment --comment "no end -j DROP'

    found = at_forward(iptables_nft=chain(broken))
    assert found.verdict == "unknown"
    assert found.blame is not None
    assert found.blame.rule == broken
    assert "line 3" in found.blame.text
    assert at_forward(iptables_nft=chain(broken, policy="DROP")).verdict == "unknown"
    assert at_forward(iptables_nft=chain("-A FORWARD -j DROP", broken)).verdict == "drop"


def test_a_line_that_belongs_nowhere_is_named() -> None:
    found = at_forward(iptables_nft=chain("what is this"))

    assert found.verdict == "unknown"
    assert found.blame is not None
    assert found.blame.key == "iptables-nft: line 3: what is this"
    assert at_forward(iptables_nft="-A FORWARD -j DROP\n" + chain()).verdict == "unknown"
    assert at_forward(iptables_nft="noise\n").verdict == "unknown"


@pytest.mark.parametrize(
    "lines",
    [
        ("-A FORWARD -j A", "-A A -j B", "-A B -j A"),
        ("-A FORWARD -g A", "-A A -g A"),
        ("-A FORWARD -j NOWHERE",),
        ("-A FORWARD -g NOWHERE",),
        ("-A FORWARD -j A", "-A A -j MARK --set-xmark 0x1/0x0", "-A A -j A"),
    ],
)
def test_circles_and_missing_chains_end_unknown(lines: tuple[str, ...]) -> None:
    assert at_forward(iptables_nft=chain(*lines, chains=("A", "B"))).verdict == "unknown"


def ladder(height: int) -> str:
    """Chains that each jump twice to the next: two to the power of ``height`` ways."""
    names = tuple(f"C{each}" for each in range(height))
    jumps = [f"-A {a} -j {b}" for a, b in pairwise(names) for _ in range(2)]
    return chain("-A FORWARD -j C0", *jumps, chains=names)


def test_many_ways_through_few_chains_are_quick() -> None:
    assert at_forward(iptables_nft=ladder(40)).verdict == "accept"
    assert at_forward(iptables_nft=ladder(900)).verdict == "unknown"


def test_many_packets_from_undetermined_changes_end_unknown() -> None:
    lines = [
        f"-A FORWARD {LIMIT} -j MARK --set-xmark {1 << each}/{1 << each}" for each in range(20)
    ]

    found = at_forward(iptables_nft=chain(*lines, table="mangle"))
    assert found.verdict == "unknown"
    few = at_forward(iptables_nft=chain(*lines[:3], table="mangle"))
    assert few.verdict == "unknown"
    assert few.blame is not None
    assert few.blame.rule == lines[0]


def test_states_that_spread_over_several_tables_are_bounded() -> None:
    marks = [
        chain(*(f"-A FORWARD {LIMIT} -j MARK --set-xmark {1 << bit}/{1 << bit}" for bit in bits), table="mangle")
        for bits in (range(3), range(3, 6))
    ]  # fmt: skip

    found = at_forward(iptables_nft=marks[0], iptables_legacy=marks[1])
    assert found.verdict == "unknown"


def test_a_mark_that_nothing_depends_on_twice_is_one_state() -> None:
    lines = (
        f"-A FORWARD {LIMIT} -j MARK --set-xmark 0x1/0xffffffff",
        "-A FORWARD -j MARK --set-xmark 0x5/0xffffffff",
    )

    found = at_forward(iptables_nft=chain(*lines, table="mangle"))
    assert found.verdict == "accept"
    assert found.packet.mark == 5


def test_the_policy_of_an_nft_chain_is_named_as_nft_prints_it() -> None:
    found = at_forward(nft_json=printed(*native(policy="drop")))

    assert found.blame is not None
    assert (found.blame.kind, found.blame.rule, found.blame.family) == (
        "policy",
        "policy drop",
        "inet",
    )


def test_a_policy_nobody_knows_may_do_anything() -> None:
    assert at_forward(nft_json=printed(*native(policy="queue"))).verdict == "unknown"


def test_accept_ends_only_its_own_base_chain() -> None:
    first = native([{"accept": None}], name="a", prio=-10)
    second = native([{"drop": None}], name="b", prio="filter")

    found = at_forward(nft_json=printed(*first, *second))
    assert found.blame is not None
    assert found.blame.table == "b"
    assert at_forward(nft_json=printed(*first)).notes == ("accepted by inet a c: accept",)


def test_priorities_are_a_total_order_over_all_tables() -> None:
    late = native([{"drop": None}], name="late", prio=1)

    found = at_forward(
        iptables_nft=chain("-A FORWARD -j DROP"),
        nft_json=printed(*late, *native([{"drop": None}], prio=-200)),
    )
    assert found.blame is not None
    assert found.blame.table == "t"


def test_netdev_chains_hang_on_their_devices_and_bridge_chains_see_frames() -> None:
    ingress = native([{"drop": None}], name="n")
    ingress[1] = {"chain": {"family": "netdev", "table": "n", "name": "c", "type": "filter", "hook": "ingress",
                            "prio": 0, "dev": "in0", "policy": "accept"}}  # fmt: skip
    ingress[0] = {"table": {"family": "netdev", "name": "n"}}
    ingress[2] = {
        "rule": {"family": "netdev", "table": "n", "chain": "c", "expr": [{"drop": None}]}
    }
    fire = firewall(nft_json=printed(*ingress))

    def seen(iif: str | None, layer: str = "netdev") -> str:
        return fire.traverse("ingress", ping(), Context(RouterFib(), iif), layer).verdict

    assert (seen("in0"), seen("out0"), seen("in0", "ip"), seen("in0", "nonsense")) == (
        "drop", "accept", "accept", "accept",
    )  # fmt: skip


def test_a_full_walk_asks_each_rule_once() -> None:
    lines = [
        f"-A FORWARD -s 10.1.{each // 250}.{each % 250}/32 -p tcp -m tcp --dport {each} -j DROP"
        for each in range(3000)
    ]
    trip = Journey(firewall(iptables_nft=chain(*lines, "-A FORWARD -p tcp --dport 80 -j DROP")))

    assert trip.go(tcp(80)) == "dropped"
    assert trip.go(udp(80)) == "delivered"


@pytest.mark.parametrize(
    ("version", "rule", "answer"),
    [
        (4, "-A FORWARD -j REJECT", "icmp-port-unreachable"),
        (4, "-A FORWARD -j REJECT --reject-with icmp-host-prohibited", "icmp-host-prohibited"),
        (4, "-A FORWARD -j REJECT --reject-with host-prohib", "icmp-host-prohibited"),
        (6, "-A FORWARD -j REJECT", "icmp6-port-unreachable"),
        (6, "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset", "tcp-reset"),
    ],
)
def test_the_answer_of_a_reject(version: int, rule: str, answer: str) -> None:
    found = at_forward(tcp(80, version), iptables_nft=chain(rule), ip6tables_nft=chain(rule))
    assert (found.verdict, found.reject) == ("reject", answer)


def test_what_was_not_read_of_the_ip_layer_does_not_concern_frames() -> None:
    fire = firewall({"iptables-nft": "crashed"})
    frames = fire.traverse("forward", tcp(80), Context(RouterFib(), "in0", "out0"), "bridge")

    assert frames.verdict == "accept"


def test_a_chain_without_a_policy_leaves_the_fate_to_others() -> None:
    assert list(Walk({}, Context(RouterFib())).base(Chain("c"), tcp(80))) == []


def test_frames_of_a_bridge_are_tracked_where_its_rules_ask() -> None:
    match = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new"]}}
    objects = json.loads(printed(*native([match, {"drop": None}])).replace("inet", "bridge"))
    fire = firewall(nft_json=json.dumps(objects))
    here = Context(RouterFib(), "veth1", "veth2")
    first = fire.traverse("prerouting", tcp(80), here, "bridge")

    assert fire.traverse("forward", first.packet, here, "bridge").verdict == "drop"
