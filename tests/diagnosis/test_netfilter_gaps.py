"""Rules of iptables of which only nft has told: what its text says of them, what its JSON does, and what neither."""

import json
from ipaddress import ip_address, ip_interface

from homelab.diagnosis.netfilter import Context, Firewall, Traversal
from homelab.diagnosis.netfilter.nft_text import with_gaps_told
from homelab.diagnosis.packet import Packet
from homelab.model.kernel import LinkAddress, Namespace, Ruleset
from homelab.model.place import guest
from tests.diagnosis.netfilter_lab import RouterFib

WEB = guest("web")
# As nft(8) 1.0.6 prints a rule with `-j MASQUERADE` of ip6tables-nft: nothing for the target.
TEXT = """table ip6 nat { # handle 31
\tchain POSTROUTING { # handle 6
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\tip6 saddr fd96:1::/64 oifname != "br-n1" counter packets 0 bytes 0  # handle 7
\t}
}
"""
HERE = (LinkAddress("eth0", ip_interface("fd00:2::1/64")),)


def ruled(name: str) -> str:
    chain = {
        "family": "ip6", "table": "nat", "name": "POSTROUTING", "handle": 6,
        "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept",
    }  # fmt: skip
    target = {"xt": {"type": "target", "name": name}}
    rule = {"family": "ip6", "table": "nat", "chain": "POSTROUTING", "handle": 7, "expr": [target]}
    return json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})


def left(**texts: str) -> Traversal:
    """A new connection of a container on its way out."""
    rulesets = tuple(Ruleset(tool.replace("_", "-"), text) for tool, text in texts.items())
    firewall = Firewall.compile(Namespace(rulesets=rulesets), WEB)
    source, there = ip_address("fd96:1::2"), ip_address("fd00::1")
    away = Packet(source, there, "tcp", 4000, 80, flags=frozenset({"SYN"}))
    context = Context(RouterFib(HERE), oif="eth0")
    tracked = firewall.traverse("prerouting", away, Context(RouterFib(HERE), "br-n1"))
    return firewall.traverse(
        "postrouting", tracked.packet, context._replace(connections=tracked.connections)
    )


def test_a_target_that_the_text_leaves_out_is_not_known() -> None:
    assert left(nft=TEXT).verdict == "unknown"


def test_a_target_of_which_the_name_is_not_enough_is_not_known() -> None:
    assert left(nft_json=ruled("DNAT")).verdict == "unknown"
    assert left(nft=TEXT, nft_json=ruled("SNAT")).verdict == "unknown"


def test_of_masquerade_the_name_is_enough() -> None:
    for passed in (
        left(nft=TEXT, nft_json=ruled("MASQUERADE")),
        left(nft_json=ruled("MASQUERADE")),
    ):
        assert passed.verdict == "accept"
        assert str(passed.packet.source) == "fd00:2::1"


def test_blanks_within_a_text_of_the_rule_are_no_gap() -> None:
    text = 'table ip nat {\n\tchain c {\n\t\tlog prefix "a  b" accept comment "c  d"\n\t}\n}\n'

    assert with_gaps_told(text) == text
    assert (
        with_gaps_told(text.replace("ip nat", "inet own").replace("log", " log")).count("xt") == 0
    )


def test_a_gap_between_quoted_words_is_one() -> None:
    text = 'table ip filter {\n\tchain c {\n\t\toifname "a"  counter accept comment "b"\n\t}\n}\n'

    assert 'oifname "a" xt target "untold" counter accept' in with_gaps_told(text)
