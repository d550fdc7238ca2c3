"""The rules that trace our probes, and what nft's monitor prints of them."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.model.place import HOST, guest
from homelab.model.proof import Sender, Step, Watch
from homelab.model.trace import Target
from homelab.system.parse_nft_trace import is_refusal, matches, parse_trace, script

WEB = guest("web")
PRINTED = """\
trace id 6ed81ff1 ip filter FORWARD packet: iif "eth0" oif "br0" ip saddr 10.0.0.9 ip daddr 10.4.0.10
trace id 6ed81ff1 ip filter FORWARD rule counter packets 3 bytes 252 jump DOCKER-USER (verdict jump DOCKER-USER)
trace id 6ed81ff1 ip filter DOCKER-USER rule ip daddr 10.4.0.0/24 comment "a (verdict accept)" drop (verdict drop)
trace id 6ed81ff1 ip filter FORWARD verdict continue
trace id 6ed81ff1 ip filter FORWARD policy drop
trace id 6ed81ff1 ip filter FORWARD rule counter packets 1
a line of something else
trace id nonsense
"""


def test_each_rule_policy_and_verdict_is_a_step() -> None:
    def step(chain: str, text: str, verdict: str) -> Step:
        return Step(WEB, "6ed81ff1", "ip", "filter", chain, text, verdict)

    assert list(parse_trace(WEB, PRINTED)) == [
        step("FORWARD", "counter packets 3 bytes 252 jump DOCKER-USER", "jump DOCKER-USER"),
        step("DOCKER-USER", 'ip daddr 10.4.0.0/24 comment "a (verdict accept)" drop', "drop"),
        step("FORWARD", "verdict continue", "continue"),
        step("FORWARD", "policy drop", "drop"),
        step("FORWARD", "counter packets 1", "counter packets 1"),
    ]


@given(st.text(max_size=300))
def test_whatever_is_printed_ends_in_no_traceback(text: str) -> None:
    assert all(each.at == HOST for each in parse_trace(HOST, f"{PRINTED}{text}\ntrace id {text}"))


@pytest.mark.parametrize(
    ("target", "there", "back"),
    [
        (Target(ip_address("10.4.0.10")), "icmp type echo-request icmp id 7-9", "echo-reply"),
        (Target(ip_address("fd04::10")), "icmpv6 type echo-request icmpv6 id 7-9", "echo-reply"),
        (Target(ip_address("10.4.0.10"), "tcp", 80), "tcp sport 7-9", "tcp dport 7-9"),
        (Target(ip_address("fd04::10"), "udp", 53), "udp sport 7-9", "udp dport 7-9"),
    ],
)
def test_exactly_our_packets_and_their_answers_are_traced(
    target: Target, there: str, back: str
) -> None:
    source = ip_address("10.0.0.9") if target.address.version == 4 else ip_address("fd00::9")
    family = "ip" if target.address.version == 4 else "ip6"
    wanted = Watch(Sender(HOST), target, source, (HOST,), 3)

    found = list(matches(wanted, 7))

    assert [each.split()[:3] for each in found] == [
        [family, "saddr", str(source)],
        [family, "daddr", str(source)],
        [family, "daddr", str(target.address)],
        [family, "saddr", str(target.address)],
    ]
    assert there in found[0]
    assert back in found[1]
    assert list(matches(Watch(Sender(HOST), target, None, (HOST,), 3), 7)) == found[2:]


def test_the_table_is_owned_and_made_in_one_line() -> None:
    wanted = Watch(Sender(HOST), Target(ip_address("10.4.0.10")), None, (HOST,))
    made, asked, rest = script("t", wanted, 7).split("\n")

    assert made.startswith("add table inet t { flags owner; }; add chain inet t prerouting")
    assert made.count("meta nftrace set 1") == 4
    assert (asked, rest) == ("list table inet t", "")


def test_a_refusal_is_seen() -> None:
    assert is_refusal("Error: Could not process rule: Operation not supported")
    assert not is_refusal("table inet t {\n}\n")
