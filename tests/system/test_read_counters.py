"""Counters as the kernel and the firewall tools print them, whole and broken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.system.parse_counters import (
    parse_dev,
    parse_lines,
    parse_nft,
    parse_pairs,
    parse_saved,
)

DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1680      20    0    0    0     0          0         0     1680      20    0    0    0     0       0          0
eth0:1:    936       11    0    0    0     0          0         0     1026      13    0    0    0     0       0          0
"""


def test_links_count_what_they_receive_and_send() -> None:
    assert dict(parse_dev(DEV)) == {"in lo": 20, "out lo": 20, "in eth0:1": 11, "out eth0:1": 13}
    assert dict(parse_dev("lo: 1 2 x")) == {}


def test_the_kernel_counts_in_pairs_of_lines() -> None:
    text = "Ip: Forwarding ForwDatagrams\nIp: 1 7\nIcmpMsg: OutType3\nIcmpMsg: -1\nodd"

    assert dict(parse_pairs(text)) == {"IpForwarding": 1, "IpForwDatagrams": 7}


def test_and_for_ipv6_one_in_each_line() -> None:
    assert dict(parse_lines("Ip6InNoRoutes    \t3\nIp6X\n")) == {"Ip6InNoRoutes": 3}


def test_rules_and_policies_count() -> None:
    text = """\
*filter
:FORWARD DROP [4:336]
:DOCKER - [0:0]
[2:168] -A FORWARD -i br0 -j DROP
[1:84] -A FORWARD -i br0 -j DROP
not a line of iptables-save
COMMIT"""

    assert dict(parse_saved("filter", text)) == {
        "filter: -P FORWARD DROP": 4,
        "filter: -A FORWARD -i br0 -j DROP": 3,
    }


def test_rules_of_nft_count_if_they_say_so() -> None:
    def rule(handle: int, *expr: object) -> dict[str, object]:
        where = {"family": "inet", "table": "f", "chain": "c"}
        return {"rule": {**where, "handle": handle, "expr": list(expr)}}

    counting = rule(4, {"match": {}}, {"counter": {"packets": 17, "bytes": 1}}, {"drop": None})
    named = rule(5, {"counter": "all"}, {"drop": None})
    text = json.dumps({"nftables": [{"table": {}}, counting, named, rule(6, "x"), 7]})

    assert dict(parse_nft(text)) == {"inet f c handle 4": 17}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nftables": 1}', "[" * 100_000])
def test_what_is_no_listing_counts_nothing(text: str) -> None:
    assert list(parse_nft(text)) == []


@given(st.text(alphabet="[]:-AP 0123456789x\n", max_size=200))
def test_nothing_that_is_printed_ends_in_a_traceback(text: str) -> None:
    for parse in (parse_dev, parse_pairs, parse_lines, parse_nft):
        assert all(value >= 0 for _, value in parse(text))
    assert all(value >= 0 for _, value in parse_saved("filter", text))
