"""Rules of nft from its JSON: every expression and statement, and the text that names a rule."""

import json
from dataclasses import replace

import pytest

from homelab.diagnosis.netfilter import Context, Traversal
from homelab.diagnosis.netfilter.nft_text import rendered, rule_lines, tables
from homelab.diagnosis.packet import Connection, Packet
from homelab.model.kernel import Link
from tests.diagnosis.netfilter_lab import FAR, NEAR, SERVER, RouterFib, firewall, ping, tcp, udp

FIB = RouterFib()
HERE = Context(FIB, "in0", "out0")
TCP = tcp(80)


def ruleset(
    *statements: object, extra: tuple[object, ...] = (), hook: str = "forward", kind: str = "filter"
) -> str:
    base = {
        "family": "inet",
        "table": "t",
        "name": "c",
        "type": kind,
        "hook": hook,
        "prio": 0,
        "policy": "accept",
    }
    rule = {"family": "inet", "table": "t", "chain": "c", "handle": 7, "expr": list(statements)}
    listed = [
        {"metainfo": {}},
        {"table": {"family": "inet", "name": "t"}},
        {"chain": base},
        *extra,
        {"rule": rule},
    ]
    return json.dumps({"nftables": listed})


def found(
    *statements: object,
    packet: Packet = TCP,
    context: Context = HERE,
    extra: tuple[object, ...] = (),
) -> Traversal:
    return firewall(nft_json=ruleset(*statements, extra=extra)).traverse("forward", packet, context)


def held(
    left: object,
    right: object,
    op: str = "==",
    packet: Packet = TCP,
    context: Context = HERE,
    extra: tuple[object, ...] = (),
) -> bool | None:
    match = {"match": {"op": op, "left": left, "right": right}}
    verdict = found(match, {"drop": None}, packet=packet, context=context, extra=extra).verdict
    return {"drop": True, "accept": False, "unknown": None}[verdict]


def payload(protocol: str, field: str) -> object:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> object:
    return {"meta": {"key": key}}


def ct(key: str, **way: str) -> object:
    return {"ct": {"key": key, **way}}


def fib(result: str, *flags: str) -> object:
    return {"fib": {"result": result, "flags": list(flags)}}


def prefix(address: str, length: object) -> object:
    return {"prefix": {"addr": address, "len": length}}


@pytest.mark.parametrize(
    ("left", "op", "right", "answer"),
    [
        (payload("ip", "saddr"), "==", "10.99.1.2", True),
        (payload("ip", "saddr"), "!=", "10.99.1.2", False),
        (payload("ip", "saddr"), "==", prefix("10.99.0.0", 16), True),
        (payload("ip", "saddr"), "==", prefix("10.99.0.0", "x"), None),
        (payload("ip", "saddr"), "==", prefix("fd00::", 16), None),
        (payload("ip", "saddr"), "==", {"prefix": 3}, None),
        (payload("ip", "saddr"), "==", {"range": ["10.99.1.1", "10.99.1.9"]}, True),
        (payload("ip", "saddr"), "==", {"range": ["10.99.1.1", "x"]}, None),
        (payload("ip", "saddr"), "==", {"range": ["10.99.1.1"]}, None),
        (payload("ip", "saddr"), "==", "fd00::1", None),
        (payload("ip", "saddr"), "==", "@nosuch", None),
        (payload("ip", "saddr"), "==", None, None),
        (payload("ip6", "saddr"), "!=", "fd00::1", False),
        (payload("ip", "nosuch"), "==", 1, None),
        (payload("sctp", "dport"), "!=", 80, False),
        (payload("nosuch", "dport"), "!=", 80, None),
        (payload("ip", "version"), "==", 4, True),
        (payload("ip", "hdrlength"), "==", 5, True),
        (payload("ip", "length"), "<", 61, True),
        (payload("ip", "length"), ">", "x", None),
        (payload("ip", "ecn"), "==", 0, True),
        (payload("ip", "dscp"), "==", "cs0", True),
        (payload("ip", "protocol"), "==", "tcp", True),
        (payload("tcp", "dport"), ">=", 80, True),
        (payload("tcp", "dport"), "<=", 79, False),
        (payload("tcp", "dport"), "==", {"set": [22, {"range": [79, 81]}]}, True),
        (payload("tcp", "dport"), "==", {"set": [22, "http"]}, None),
        (payload("tcp", "dport"), "!=", {"set": [22, 443]}, True),
        (payload("tcp", "dport"), "==", {"set": [{"elem": {"val": 80, "counter": {}}}]}, True),
        (payload("tcp", "flags"), "in", "syn", True),
        (payload("tcp", "flags"), "==", {"|": ["syn", "ack"]}, False),
        (payload("tcp", "flags"), "!", "ack", True),
        (payload("tcp", "flags"), "in", "nosuch", None),
        (payload("tcp", "flags"), "==", {"set": [{"|": ["fin", "syn"]}, "syn"]}, True),
        (payload("tcp", "flags"), "==", {"set": [{"|": ["fin", "x"]}]}, None),
        (payload("tcp", "flags"), "in", ["nosuch"], None),
        ({"&": [payload("tcp", "flags"), ["syn", "ack"]]}, "==", "syn", True),
        ({"&": [payload("tcp", "flags"), {"|": ["syn", "ack"]}]}, "==", "ack", False),
        ({"&": [payload("ip", "daddr"), "0.0.255.0"]}, "==", "0.0.2.0", True),
        ({"&": [meta("mark"), 255, 15]}, "==", 0, True),
        ({"&": [meta("mark"), 255, "x"]}, "==", 0, None),
        ({"|": [meta("mark"), 4]}, "==", 4, True),
        ({"^": [meta("mark"), 4]}, "==", 4, True),
        ({"<<": [payload("tcp", "dport"), 1]}, "==", 160, True),
        ({">>": [payload("tcp", "dport"), 4]}, "==", 5, True),
        ({"&": [meta("mark"), ct("mark")]}, "==", 0, False),
        ({"&": [meta("mark"), {"numgen": {"mod": 2}}]}, "==", 0, None),
        ({"&": [meta("priority"), 1]}, "==", 0, None),
        ({"&": [meta("skuid"), 1]}, "==", 0, None),
        ({"&": [payload("ip", "frag-off"), 8191]}, "!=", 0, False),
        ({"&": [payload("ip", "frag-off"), 16384]}, "!=", 0, None),
        (payload("ether", "type"), "==", "ip", True),
        (payload("ether", "saddr"), "==", "02:00:00:00:01:02", None),
        (payload("th", "dport"), "==", 80, True),
        (payload("icmp", "type"), "!=", "echo-request", False),
        (meta("iifname"), "==", "in0", True),
        (meta("iifname"), "==", "in*", True),
        (meta("iifname"), "==", "in\\*", False),
        (meta("iifname"), "!=", {"set": ["lo", "eth*"]}, True),
        (meta("iifname"), "==", 3, None),
        (meta("iif"), "==", "in0", True),
        (meta("oif"), "==", "in0", False),
        (meta("iifkind"), "==", "veth", True),
        (meta("iiftype"), "==", "ether", True),
        (meta("iifgroup"), "==", 0, None),
        (meta("ibrname"), "==", "br0", False),
        (meta("l4proto"), "==", {"set": ["tcp", "udp"]}, True),
        (meta("nfproto"), "==", "ipv6", False),
        (meta("protocol"), "==", "ip", True),
        (meta("pkttype"), "==", "unicast", True),
        (meta("length"), "==", {"range": [0, 60]}, True),
        (meta("nosuch"), "==", 0, None),
        (meta("mark"), "==", [1, 4], False),
        (payload("th", "sport"), "==", 40000, True),
        (ct("state"), "in", ["established", "related"], False),
        (ct("state"), "in", "invalid", True),
        (ct("status"), "in", "dnat", False),
        (ct("nosuch"), "==", 1, None),
        (ct("nosuch", dir="original"), "==", 1, None),
        (fib("type", "daddr"), "==", "unicast", True),
        (fib("type", "daddr", "oif"), "==", {"set": ["local", "broadcast"]}, False),
        (fib("oif", "saddr", "iif"), "==", False, False),
        (fib("oif", "saddr", "iif"), "==", True, True),
        (fib("oif", "saddr", "oif"), "==", True, False),
        (fib("oifname", "daddr", "mark"), "==", "out0", True),
        (fib("nosuch", "daddr"), "==", 1, None),
        ({"exthdr": {"name": "frag"}}, "==", True, False),
        ({"exthdr": {"name": "frag", "field": "id"}}, "==", 1, False),
        ({"rt": {"key": "nexthop"}}, "==", "10.0.0.1", None),
        ({"socket": {"key": "transparent"}}, "==", 1, None),
        ({"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}, "==", {"concat": ["10.99.1.2", 80]}, True),
        ({"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}, "==",
         {"set": [{"concat": [prefix("10.99.0.0", 16), {"range": [1, 79]}]}]}, False),
        ({"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}, "==",
         {"set": [{"concat": [prefix("10.99.0.0", 16), {"range": [1, 80]}]}]}, True),
        ({"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}, "==", {"set": [{"concat": ["10.99.1.2"]}]}, None),
        ({"concat": [payload("ip", "saddr"), payload("udp", "dport")]}, "!=", {"concat": ["10.99.1.2", 80]}, False),
        ({"concat": [payload("ip", "saddr"), meta("skuid")]}, "==", {"concat": ["10.99.1.2", 80]}, None),
        ({"concat": 3}, "==", 3, None),
        ({"map": {"key": payload("tcp", "dport"), "data": {"set": [[80, 5]]}}}, "==", 5, True),
        ({"map": {"key": payload("tcp", "dport"), "data": {"set": [[81, 5]]}}}, "!=", 5, False),
        ({"map": {"key": meta("skuid"), "data": {"set": [[81, 5]]}}}, "==", 5, None),
        ({"map": {"key": meta("mark"), "data": "@nosuch"}}, "==", 5, None),
        ("text", "==", 5, None),
        ({}, "==", 5, None),
        ({"payload": 3}, "==", 5, None),
        ({"nosuch": [1, 2]}, "==", 5, None),
    ],
)  # fmt: skip
def test_what_a_match_says_of_a_tcp_packet(
    left: object, op: str, right: object, *, answer: bool | None
) -> None:
    assert held(left, right, op) is answer


def tracked(packet: Packet, *, replied: bool = False) -> Packet:
    there = packet.tuple
    entry = Connection(there, there.reverse(), mark=2, confirmed=True, replied=replied)
    return packet._replace(connection=entry)


@pytest.mark.parametrize(
    ("left", "right", "packet", "answer"),
    [
        (payload("icmp", "type"), {"set": ["echo-request"]}, ping(), True),
        (payload("icmp", "code"), 0, ping(), True),
        (payload("icmp", "id"), 7, ping(), True),
        (payload("icmpv6", "type"), "echo-request", ping(6), True),
        (payload("icmpv6", "code"), "no-route", ping(6), True),
        (payload("th", "sport"), 0x0800, ping(), True),
        (payload("th", "dport"), 80, ping(), False),
        (payload("ip6", "length"), 44, ping(6), True),
        (payload("ip6", "nexthdr"), "ipv6-icmp", ping(6), True),
        (payload("ether", "type"), "ip6", ping(6), True),
        (payload("ether", "saddr"), "02:00:00:00:01:02", TCP._replace(mac_source="02:00:00:00:01:02"), True),
        (ct("state"), "new", tracked(TCP), True),
        (ct("direction"), "original", tracked(TCP), True),
        (ct("direction"), "original", TCP, False),
        (ct("mark"), 2, tracked(TCP), True),
        (ct("l3proto"), "ipv4", tracked(TCP), True),
        (ct("protocol"), "tcp", tracked(TCP), True),
        (ct("status"), {"|": ["confirmed", "seen-reply"]}, tracked(TCP, replied=True), True),
        (ct("ip saddr", dir="reply"), "10.99.2.2", tracked(TCP), True),
        (ct("ip6 daddr", dir="original"), "fd99:2::2", tracked(tcp(80, 6)), True),
        (ct("daddr", dir="original"), "10.99.2.2", tracked(TCP), True),
        (ct("proto-src", dir="original"), 40000, tracked(TCP), True),
        (ct("proto-dst", dir="reply"), 40000, tracked(TCP), True),
    ],
)  # fmt: skip
def test_what_a_match_says_of_other_packets(
    left: object, right: object, packet: Packet, *, answer: bool
) -> None:
    assert held(left, right, packet=packet) is answer


def test_where_there_is_no_interface_the_name_is_empty() -> None:
    nowhere = Context(FIB, None, "out0")

    assert held(meta("iifname"), "in0", "!=", context=nowhere) is True
    assert held(meta("iifkind"), "veth", context=nowhere) is None
    assert held(meta("iiftype"), "ether", context=nowhere) is None
    assert held(meta("iiftype"), "loopback", context=Context(FIB, "lo")) is True
    assert held(fib("oif", "saddr", "iif"), right=False, context=Context(FIB, "lo")) is False


def test_the_bridge_of_a_port() -> None:
    links = (Link(1, "br0", "bridge"), Link(2, "veth1", "veth", master=1))
    fire = firewall(
        nft_json=ruleset(
            {"match": {"op": "==", "left": meta("ibrname"), "right": "br0"}}, {"drop": None}
        )
    )
    fire = type(fire).compile(replace(fire.namespace, links=links), fire.place)

    assert fire.traverse("forward", TCP, Context(FIB, "veth1")).verdict == "drop"
    assert fire.traverse("forward", TCP, Context(FIB, "in0")).verdict == "accept"


class Blind(RouterFib):
    def address_type(self, *_: object) -> None:
        return None

    def route_link(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("left", [fib("type", "daddr"), fib("oif", "saddr"), meta("pkttype")])
def test_what_routes_do_not_tell_is_undetermined(left: object) -> None:
    assert held(left, "local", context=Context(Blind(), "in0")) is None


NAMED = {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr",
                 "elem": ["10.99.2.2", {"elem": {"val": "10.99.1.1", "timeout": 60}}, prefix("10.1.0.0", 16)]}}  # fmt: skip
EMPTY = {"set": {"family": "inet", "table": "t", "name": "e", "type": "ipv4_addr"}}
DEEP: list[object] = []
for _ in range(60):
    DEEP = [DEEP]


def test_named_sets() -> None:
    deep = {"set": {"family": "inet", "table": "t", "name": "d", "elem": DEEP}}

    assert held(payload("ip", "daddr"), "@s", extra=(NAMED,)) is True
    assert held(payload("ip", "saddr"), "@s", extra=(NAMED,)) is False
    assert held(payload("ip", "saddr"), "@e", extra=(EMPTY,)) is False
    assert held(payload("ip", "saddr"), "@d", extra=(deep,)) is None


def jumps(*elements: object) -> object:
    return {
        "map": {
            "family": "inet",
            "table": "t",
            "name": "m",
            "map": "verdict",
            "elem": list(elements),
        }
    }


def vmap(key: object, data: object) -> object:
    return {"vmap": {"key": key, "data": data}}


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        (vmap(payload("tcp", "dport"), {"set": [[80, {"drop": None}]]}), "drop"),
        (vmap(payload("tcp", "dport"), {"set": [[{"range": [1, 99]}, {"drop": None}]]}), "drop"),
        (vmap(payload("tcp", "dport"), {"set": [[81, {"drop": None}]]}), "accept"),
        (vmap(payload("tcp", "dport"), {"set": [[81, {"accept": None}], ["*", {"drop": None}]]}), "drop"),
        (vmap(payload("tcp", "dport"), {"set": [[80, {"continue": None}]]}), "accept"),
        (vmap(payload("tcp", "dport"), {"set": [[80, {"jump": {"target": "nosuch"}}]]}), "unknown"),
        (vmap(payload("tcp", "dport"), {"set": [[80, {"queue": None}]]}), "accept"),
        (vmap(payload("tcp", "dport"), {"set": [["x", {"drop": None}]]}), "unknown"),
        (vmap(payload("tcp", "dport"), {"set": [3]}), "accept"),
        (vmap(meta("skuid"), {"set": [[1, {"drop": None}]]}), "unknown"),
        (vmap(meta("skuid"), {"set": [[1, {"accept": None}]]}), "accept"),
        (vmap(payload("udp", "dport"), {"set": [["*", {"drop": None}]]}), "accept"),
        (vmap(payload("tcp", "dport"), "@nosuch"), "unknown"),
        (vmap(meta("oifname"), "@m"), "drop"),
        (vmap({"concat": [meta("iifname"), meta("oifname")]}, {"set": [[{"concat": ["in*", "out0"]}, {"drop": None}]]}), "drop"),
    ],
)  # fmt: skip
def test_verdict_maps(statement: object, verdict: str) -> None:
    assert found(statement, extra=(jumps(["out0", {"drop": None}]),)).verdict == verdict


@pytest.mark.parametrize(
    ("statements", "verdict"),
    [
        (({"accept": None},), "accept"),
        (({"continue": None}, {"drop": None}), "drop"),
        (({"return": None}, {"drop": None}), "accept"),
        (({"jump": {"target": "c"}},), "unknown"),
        (({"jump": "c"},), "unknown"),
        (({"counter": {"packets": 1}}, {"log": None}, {"drop": None}), "drop"),
        (({"limit": {"rate": 1}}, {"drop": None}), "unknown"),
        (({"limit": {"rate": 1}}, {"accept": None}), "accept"),
        (({"quota": {"val": 1}}, {"drop": None}), "unknown"),
        (({"queue": {"num": 1}},), "unknown"),
        (({"tproxy": {"port": 1}},), "unknown"),
        (({"xt": {"type": "match", "name": "comment"}}, {"drop": None}), "drop"),
        (({"xt": {"type": "match", "name": "addrtype"}}, {"drop": None}), "unknown"),
        (({"xt": {"type": "target", "name": "LOG"}}, {"drop": None}), "drop"),
        (({"xt": {"type": "target", "name": "DNAT"}},), "unknown"),
        (({"xt": None},), "unknown"),
        (("text",), "unknown"),
        ((None, {"drop": None}), "drop"),
        (({"a": 1, "b": 2},), "unknown"),
        (({"set": {"op": "add", "elem": 1, "set": "@x"}}, {"drop": None}), "drop"),
        (({"set": {"op": "update", "elem": 1, "set": "@x", "stmt": [{"limit": {}}]}}, {"drop": None}), "unknown"),
        (({"mangle": {"key": meta("nftrace"), "value": 1}}, {"drop": None}), "drop"),
        (({"mangle": {"key": ct("label"), "value": 1}}, {"drop": None}), "drop"),
        (({"mangle": {"key": ct("zone"), "value": 1}},), "unknown"),
        (({"mangle": {"key": payload("ip", "daddr"), "value": "1.1.1.1"}},), "unknown"),
        (({"mangle": {"key": payload("udp", "checksum"), "value": 0}}, {"drop": None}), "accept"),
        (({"mangle": {"key": payload("tcp", "checksum"), "value": 0}}, {"drop": None}), "drop"),
        (({"reject": {"type": "icmpv6", "expr": "no-route"}},), "accept"),
        (({"reject": {"type": "icmp", "expr": "port-unreachable"}},), "reject"),
        (({"match": {"op": "==", "left": payload("ether", "type"), "right": "ip"}}, {"drop": None}), "drop"),
        (({"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}}, "value": 1}}, {"drop": None}), "drop"),
        (({"mangle": {"key": {"payload": 3}, "value": 0}},), "unknown"),
        (({"mangle": {"key": 3, "value": 0}},), "unknown"),
        (({"mangle": {"key": meta("mark"), "value": "x"}},), "unknown"),
        (({"mangle": {"key": meta("mark"), "value": {"numgen": {"mod": 2}}}},), "unknown"),
        ((DEEP,), "unknown"),
    ],
)  # fmt: skip
def test_statements(statements: tuple[object, ...], verdict: str) -> None:
    assert found(*statements).verdict == verdict


def test_what_mangles() -> None:
    marked = found({"mangle": {"key": meta("mark"), "value": {"|": [meta("mark"), 5]}}})
    tracked_mark = found({"mangle": {"key": ct("mark"), "value": 9}}, packet=tracked(TCP))
    hops = found({"mangle": {"key": payload("ip", "ttl"), "value": 3}})
    untracked = found({"notrack": None})
    left = found({"mangle": {"key": meta("mark"), "value": ct("mark")}}, {"drop": None})

    assert marked.packet.mark == 5
    assert tracked_mark.packet.connection is not None
    assert tracked_mark.packet.connection.mark == 9
    assert found({"mangle": {"key": ct("mark"), "value": 9}}).packet == TCP
    assert (hops.packet.ttl, untracked.packet.state, left.verdict) == (3, "untracked", "accept")


@pytest.mark.parametrize(
    ("reject", "version", "answer"),
    [
        (None, 4, "icmp-port-unreachable"),
        (None, 6, "icmp6-port-unreachable"),
        ({"type": "tcp reset"}, 4, "tcp-reset"),
        ({"type": "icmpx", "expr": "admin-prohibited"}, 4, "icmp-admin-prohibited"),
        ({"type": "icmpx", "expr": "admin-prohibited"}, 6, "icmp6-adm-prohibited"),
        ({"type": "icmpx", "expr": "no-route"}, 4, "icmp-net-unreachable"),
        ({"type": "icmpx", "expr": "host-unreachable"}, 6, "icmp6-addr-unreachable"),
    ],
)
def test_the_answer_of_a_reject(reject: object, version: int, answer: str) -> None:
    end = found({"reject": reject}, packet=tcp(80, version))

    assert (end.verdict, end.reject) == ("reject", answer)


def translated(
    statement: object, packet: Packet = TCP, extra: tuple[object, ...] = ()
) -> Traversal:
    # A rule that tracks makes conntrack run; the nat chain of prerouting then decides.
    text = ruleset(statement, extra=extra, hook="prerouting", kind="nat")
    return firewall(nft_json=text).traverse("prerouting", packet, Context(FIB, "in0"))


def to(address: object, port: object = None, **more: object) -> object:
    given = {"addr": address, "port": port, **more}
    return {"dnat": {key: value for key, value in given.items() if value is not None}}


def through(key: object, *elements: object) -> object:
    return {"map": {"key": key, "data": {"set": list(elements)}}}


PORT = payload("tcp", "dport")


@pytest.mark.parametrize(
    ("statement", "destination", "port"),
    [
        (to("10.99.2.9"), "10.99.2.9", 80),
        (to("10.99.2.9", 8080), "10.99.2.9", 8080),
        (to("10.99.2.9", {"range": [70, 90]}), "10.99.2.9", 80),
        (to(None, 8080), "10.99.2.2", 8080),
        (to("10.99.2.9", family="ip"), "10.99.2.9", 80),
        (to("fd99:2::9", family="ip6"), "10.99.2.2", 80),
        (to(prefix("10.98.0.0", 16), type_flags="prefix"), "10.98.2.2", 80),
        (to(through(PORT, [80, "10.99.2.9"])), "10.99.2.9", 80),
        (to(through(PORT, [80, {"concat": ["10.99.2.9", 81]}])), "10.99.2.9", 81),
        (to(through(PORT, [81, "10.99.2.9"])), "10.99.2.2", 80),
        (to(through(payload("ip", "daddr"), [prefix("10.99.2.0", 24), prefix("10.98.7.0", 24)]), type_flags=["prefix"]), "10.98.7.2", 80),
        ({"redirect": {"port": 8080}}, "10.99.1.1", 8080),
        ({"redirect": None}, "10.99.1.1", 80),
    ],
)  # fmt: skip
def test_destinations(statement: object, destination: str, port: int) -> None:
    end = translated(statement)

    assert (end.verdict, str(end.packet.destination), end.packet.dport) == (
        "accept",
        destination,
        port,
    )


@pytest.mark.parametrize(
    "statement",
    [
        to("nonsense"), to({"range": ["10.99.2.3", "10.99.2.9"]}), to({"range": ["10.99.2.3", "x"]}), to({"x": 1}),
        to(prefix("x", 3)), to("10.99.2.9", "x"), to("10.99.2.9", {"range": [8000, 9000]}), to("10.99.2.9", 70000),
        to(through({"numgen": {"mod": 2}}, [0, "10.99.2.8"], [1, "10.99.2.9"])), to({"map": {"key": PORT, "data": "@nosuch"}}),
        to("fd99:2::9"), {"dnat": 3},
    ],
)  # fmt: skip
def test_a_translation_that_cannot_be_told(statement: object) -> None:
    assert translated(statement).verdict == ("accept" if statement == {"dnat": 3} else "unknown")


TEXT = """table inet t { # handle 1
\tset s { # handle 2
\t\ttype ipv4_addr
\t\telements = { 10.0.0.1,
\t\t\t     10.0.0.2 }
\t}

\tchain c { # handle 3
\t\tcomment "a chain"
\t\ttype filter hook forward priority filter; policy accept;
\t\ttcp dport 80 counter packets 3 bytes 180 drop comment "no # handle 9" # handle 7
\t\ttype foo # handle 8
\t}
}
table "odd" {
}
table ip6 x {
\tchain "y" {
\t\taccept
\t\tdrop
\t}
}
"""


def test_a_rule_is_named_as_nft_prints_it() -> None:
    end = firewall(nft_json=ruleset({"drop": None}), nft=TEXT).traverse("forward", TCP, HERE)

    assert end.blame is not None
    assert end.blame.rule == 'tcp dport 80 counter packets 3 bytes 180 drop comment "no # handle 9"'
    assert (end.blame.handle, end.blame.tool) == (7, "nft")


def test_rules_are_found_by_handle_else_by_position() -> None:
    lines = rule_lines(TEXT)

    assert lines["inet", "t", "c"].find(8, 0) == "type foo"
    assert lines["inet", "t", "c"].find(99, 0) is None
    assert lines["ip6", "x", "y"].find(99, 1) == "drop"
    assert lines["ip6", "x", "y"].find(None, 2) is None
    assert tables(TEXT) == {("inet", "t"), ("ip6", "x")}


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        ([{"match": {"op": "==", "left": meta("iifname"), "right": "in0"}}, {"accept": None}], "iifname in0 accept"),
        ([{"match": {"op": "!=", "left": meta("mark"), "right": 5}}], "meta mark != 5"),
        ([{"match": {"op": "in", "left": ct("state"), "right": ["new", "related"]}}], "ct state new, related"),
        ([{"match": {"op": "==", "left": ct("ip daddr", dir="original"), "right": prefix("10.0.0.0", 8)}}],
         "ct original ip daddr 10.0.0.0/8"),
        ([{"match": {"op": "==", "left": payload("tcp", "dport"), "right": {"set": [80, {"range": [1, 2]}]}}}],
         "tcp dport { 80, 1-2 }"),
        ([{"counter": {"packets": 1, "bytes": 2}}, {"jump": {"target": "x"}}], "counter packets 1 bytes 2 jump x"),
        ([{"counter": None}, {"log": {"prefix": "a"}}, {"xt": {"type": "match", "name": "x"}}], "counter log a match x"),
        ([], ""),
        ("nonsense", ""),
        (DEEP, "…"),
    ],
)  # fmt: skip
def test_a_rule_without_text_is_rendered(expr: object, text: str) -> None:
    assert rendered(expr, "").replace("  ", " ") == text
    assert rendered(expr, "why").strip().endswith('comment "why"')


def test_chains_that_the_list_does_not_declare_still_have_rules() -> None:
    text = json.dumps({"nftables": [
        {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": "x", "comment": 3, "expr": 3}},
        {"chain": {"family": "inet", "table": "t", "name": "b", "hook": "forward", "prio": [], "devices": ["in0"]}},
        {"flowtable": {"family": "inet", "table": "t", "name": "f"}}, {"x": 3}, 3, {}, {"metainfo": {}},
    ]})  # fmt: skip
    fire = firewall(nft_json=text)

    assert [chain.name for chain in fire.ruleset.tables[0].chains.values()] == ["b", "c"]
    assert fire.traverse("forward", TCP, HERE).verdict == "accept"


def test_other_addresses_are_what_they_are() -> None:
    many = udp(53)._replace(destination=SERVER[4].__class__("224.0.0.1"))
    everyone = udp(53)._replace(destination=SERVER[4].__class__("10.99.2.255"))

    assert held(meta("pkttype"), "multicast", packet=many) is True
    assert held(meta("pkttype"), "broadcast", packet=everyone) is True
    assert held(fib("type", "daddr"), "local", packet=TCP._replace(destination=NEAR[4])) is True
    assert held(fib("type", "saddr", "iif"), "local", packet=TCP._replace(source=FAR[4])) is False
