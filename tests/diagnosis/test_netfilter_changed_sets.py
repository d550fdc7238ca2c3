"""A set that rules themselves add to or delete from may change under the very packet that asks it."""

import json

import pytest

from homelab.diagnosis.netfilter import Context
from tests.diagnosis.netfilter_lab import CLIENT_SIDE, SERVER_SIDE, RouterFib, firewall, tcp
from tests.diagnosis.syntax_cases import SETS

CONTEXT = Context(RouterFib(), CLIENT_SIDE, SERVER_SIDE)


@pytest.mark.parametrize(
    ("earlier", "verdict"),
    [
        ("-j LOG", "accept"),
        ("-j SET --add-set homes dst", "unknown"),
        ("-j SET --del-set homes src --exist", "unknown"),
        ("-j SET --add-set others dst", "accept"),
    ],
)
def test_an_ipset(earlier: str, verdict: str) -> None:
    rules = f"-A FORWARD {earlier}\n-A FORWARD -m set --match-set homes dst -j DROP\n"
    text = f"*filter\n:FORWARD ACCEPT [0:0]\n{rules}COMMIT\n"

    found = firewall(iptables_nft=text, ipset=SETS).traverse("forward", tcp(80), CONTEXT)

    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("name", "verdict"), [("@seen", "unknown"), ("@others", "accept")], ids=str
)
def test_a_set_of_nft(name: str, verdict: str) -> None:
    left = {"payload": {"protocol": "ip", "field": "saddr"}}
    place = {"family": "ip", "table": "t"}
    chain = {"name": "f", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
    adds = [{"set": {"op": "add", "elem": left, "set": name}}]
    asks = [{"match": {"op": "==", "left": left, "right": "@seen"}}, {"drop": None}]
    objects = [
        {"chain": {**place, **chain}},
        {"set": {**place, "name": "seen", "type": "ipv4_addr"}},
        *({"rule": {**place, "chain": "f", "expr": expr}} for expr in (adds, asks)),
    ]

    fire = firewall(nft_json=json.dumps({"nftables": objects}))

    assert fire.traverse("forward", tcp(80), CONTEXT).verdict == verdict


@pytest.mark.parametrize("target", ["--map-set homes src --map-mark", "--map-set homes src"])
def test_a_mark_taken_from_a_set_is_not_known(target: str) -> None:
    text = f"*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j SET {target}\nCOMMIT\n"

    found = firewall(iptables_nft=text).traverse("forward", tcp(80), CONTEXT)

    assert found.verdict == "unknown"


def test_a_set_of_link_names_that_is_not_there_is_not_taken_for_a_name() -> None:
    left = {"meta": {"key": "iifname"}}
    place = {"family": "ip", "table": "t"}
    chain = {"name": "f", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
    asks = [{"match": {"op": "==", "left": left, "right": "@gone"}}, {"drop": None}]
    objects = [{"chain": {**place, **chain}}, {"rule": {**place, "chain": "f", "expr": asks}}]

    fire = firewall(nft_json=json.dumps({"nftables": objects}))

    assert fire.traverse("forward", tcp(80), CONTEXT).verdict == "unknown"
