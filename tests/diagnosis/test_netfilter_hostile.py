"""Whatever a guest prints: no traceback, an answer, and no endless work."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.diagnosis.netfilter import Context
from tests import captured
from tests.diagnosis.netfilter_lab import RouterFib, firewall, ping, tcp

HERE = Context(RouterFib(), "in0", "out0")
HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress", "nonsense")
VERDICTS = {"accept", "drop", "reject", "unknown"}
CAPTURE = captured.CAPTURES / "docker-29.7" / "nft-own-table-accept-before"
RULES = json.loads((CAPTURE / "nft-ruleset.json").read_text())["nftables"]
SAVED = (
    (captured.CAPTURES / "docker-28.5" / "rich-fwd1" / "iptables-save-c.txt")
    .read_text()
    .splitlines()
)

WORDS = st.sampled_from(
    ["-A", "FORWARD", "-j", "-g", "-m", "!", "-s", "--dport", "80", "tcp", "-p", "DROP", "X", '"', "'", "\\", "*filter",
     ":FORWARD", "ACCEPT", "[0:0]", "COMMIT", "\n", "--to-destination", "-i", "+", "conntrack", "--ctstate", "NEW", "-"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["saddr", "ip", "@s", "*", "10.0.0.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["match", "left", "right", "op", "meta", "key", "payload", "protocol", "field", "set", "map", "vmap",
                         "data", "dnat", "addr", "port", "mangle", "value", "&", "concat", "range", "prefix", "len", "elem",
                         "val", "jump", "target", "fib", "flags", "result", "ct", "reject", "xt", "redirect", "x"]),
        inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


def walked(**texts: str) -> set[str]:
    fire = firewall(None, **texts)
    list(fire.ruleset.problems())
    return {
        fire.traverse(hook, packet, HERE, layer).verdict
        for hook in HOOKS
        for packet in (tcp(80), ping(6))
        for layer in ("ip", "bridge", "netdev")
    }


@given(st.lists(WORDS | st.text(max_size=4), max_size=40).map(" ".join))
def test_any_words_are_read_as_rules_of_iptables(text: str) -> None:
    head = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD "

    assert walked(iptables_nft=text, ip6tables_legacy=head + text, ipset=text, nft=text) <= VERDICTS


@given(st.data())
def test_a_damaged_save_is_read(data: st.DataObject) -> None:
    lines = list(SAVED)
    at = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(0, len(lines[at])))
    lines[at] = lines[at][:cut] + data.draw(st.text(max_size=6)) + lines[at][cut + 1 :]

    assert walked(iptables_nft="\n".join(lines)) <= VERDICTS


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    return [path, *(each for key, value in inner for each in places(value, (*path, key)))]


PLACES = places(RULES)


@settings(max_examples=200)
@given(st.sampled_from(PLACES[1:]), JSON)
def test_damaged_json_is_read(path: tuple[Any, ...], value: Any) -> None:
    tree = json.loads(json.dumps(RULES))
    spot = tree
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value

    assert walked(nft_json=json.dumps({"nftables": tree})) <= VERDICTS


@settings(max_examples=200)
@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_any_json_is_read_as_the_statements_of_a_rule(
    statements: list[Any], elements: list[Any]
) -> None:
    names = {"family": "inet", "table": "t"}
    objects = [
        {
            "chain": {
                **names,
                "name": "c",
                "type": "filter",
                "hook": "forward",
                "prio": 0,
                "policy": "accept",
            }
        },
        {"set": {**names, "name": "s", "elem": elements}},
        {"rule": {**names, "chain": "c", "expr": statements}},
    ]

    assert walked(nft_json=json.dumps({"nftables": objects})) <= VERDICTS


@given(st.text(max_size=60))
def test_any_text_is_read_as_json(text: str) -> None:
    assert walked(nft_json=text, nft=text) <= VERDICTS


@pytest.mark.parametrize("opening", ["[", '{"nftables": [{"rule": {"expr": ['])
def test_endless_depth(opening: str) -> None:
    assert "unknown" in walked(nft_json=opening * 20000)
    whole = '{"nftables": [{"table": {"family": "ip", "name": "x"}}, %s]}' % ("[" * 400 + "]" * 400)
    assert walked(nft_json=whole) <= VERDICTS


def test_names_of_any_length_and_letters() -> None:
    rule = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "\ud800x" * 40}}
    chain = {
        "family": "ip",
        "table": "t",
        "name": "c",
        "type": "filter",
        "hook": "forward",
        "prio": 0,
    }
    objects = [
        {"chain": chain},
        {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [rule, {"drop": None}]}},
    ]

    assert walked(nft_json=json.dumps({"nftables": objects})) <= VERDICTS
