"""A doubt names the match that it hangs on, as its tool would write it."""

import pytest

from homelab.diagnosis.netfilter.nft_asked import asked


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ({"meta": {"key": "skuid"}}, "meta skuid"),
        ({"ct": {"key": "bytes", "dir": "original"}}, "ct original bytes"),
        ({"payload": {"protocol": "ip", "field": "id"}}, "ip id"),
        ({"payload": {"base": "nh", "offset": 8, "len": 16}}, "@nh"),
        ({"fib": {"result": "oif", "flags": ["saddr"]}}, "fib oif"),
        ({"tcp option": {"name": "sack-perm"}}, "tcp option sack-perm"),
        ({"numgen": {"mode": "inc", "mod": 2}}, "numgen inc"),
        ({"jhash": {"mod": 4, "expr": {"payload": {"protocol": "ip", "field": "saddr"}}}}, "jhash"),
        ({"&": [{"ct": {"key": "mark"}}, 255]}, "ct mark"),
        ({"map": {"key": {"ct": {"key": "zone"}}, "data": "@m"}}, "ct zone"),
        (
            {
                "concat": [
                    {"meta": {"key": "cpu"}},
                    {"payload": {"protocol": "tcp", "field": "dport"}},
                ]
            },
            "meta cpu . tcp dport",
        ),
        ("nonsense", ""),
        ({"meta": 3}, "meta"),
        ({"x" * 200: {}}, "x" * 60),
    ],
)
def test_an_expression_is_named_without_its_values(left: object, words: str) -> None:
    assert asked(left) == words
