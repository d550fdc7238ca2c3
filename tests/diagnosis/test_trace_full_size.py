"""Full-sized packets: where they are too long, who hears of it, and what that means for the transfer."""

from dataclasses import replace

import pytest

from homelab.diagnosis.icmp_error import TOO_LONG, error_about
from homelab.diagnosis.netfilter import Context
from homelab.diagnosis.netfilter.tcpmss import clamped, lowered
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.world import World
from homelab.model.kernel import Namespace, NextHop, Ruleset
from homelab.model.place import HOST, Address, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Large, Outcome
from tests.diagnosis.trace_worlds import (
    APP,
    GUEST,
    PLACES,
    lab,
    linked,
    route,
    routed,
    set_,
    target,
    trace,
    without,
)

FOUR, SIX = "10.4.0.10", "fd04::10"
SILENT = {
    4: Ruleset(
        "iptables-nft",
        "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -p icmp -m icmp --icmp-type 3/4 -j DROP\nCOMMIT\n",
    ),
    6: Ruleset(
        "ip6tables-nft",
        "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j DROP\nCOMMIT\n",
    ),
}


def silent(here: Namespace) -> Namespace:
    return replace(here, rulesets=tuple(SILENT.values()))


def narrow_app_bridge(mtu: int = 1400) -> dict[Place, Namespace]:
    """The guest's bridge and its port are narrower than the container and the guest's NIC."""
    host, guest = PLACES[HOST], PLACES[GUEST]
    return {
        HOST: linked(linked(host, "br0", mtu=mtu), "vguest", mtu=mtu),
        GUEST: linked(guest, "eth0", mtu=mtu),
    }


def large(seen: Snapshot, to: str, port: int | None = 80, origin: str = "lan") -> Large:
    found = trace(seen, origin, to, port)
    assert found.outcome is Outcome.DELIVERED, found.cause
    assert found.large is not None
    return found.large


@pytest.mark.parametrize("to", [FOUR, SIX])
@pytest.mark.parametrize("port", [80, None])
def test_where_all_links_are_alike_the_full_size_fits(to: str, port: int | None) -> None:
    assert large(lab(), to, port) == Large(1500, Outcome.DELIVERED, 1500)


@pytest.mark.parametrize("to", [FOUR, SIX])
def test_a_sender_that_is_told_sends_shorter_ones(to: str) -> None:
    assert large(lab(narrow_app_bridge()), to) == Large(1500, Outcome.DELIVERED, 1400)


@pytest.mark.parametrize("to", [FOUR, SIX])
def test_a_message_that_a_rule_drops_makes_a_black_hole(to: str) -> None:
    places = narrow_app_bridge()
    found = large(lab({**places, HOST: silent(places[HOST])}), to)

    assert found.outcome is Outcome.DROPPED
    assert found.cause is not None
    assert (found.cause.at, found.cause.key, found.cause.stage) == (HOST, "br0", "forward")
    assert found.silence is not None
    assert (found.silence.at, found.silence.direction) == (HOST, "return")


def test_the_way_back_has_its_own_limits() -> None:
    places = narrow_app_bridge()
    found = large(lab({**places, GUEST: silent(places[GUEST])}), FOUR)

    assert (found.outcome, found.size) == (Outcome.DROPPED, 1500)
    assert found.cause is not None
    assert (found.cause.at, found.cause.direction) == (GUEST, "return")


def test_a_message_that_a_rule_may_drop_leaves_it_open() -> None:
    places = narrow_app_bridge()
    unsure = replace(
        places[HOST],
        rulesets=(
            Ruleset("iptables-nft", "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -m odd -j DROP\nCOMMIT\n"),
        ),
    )

    assert large(lab({**places, HOST: unsure}), FOUR).outcome is Outcome.UNKNOWN


def test_the_far_end_of_a_wire_says_nothing() -> None:
    found = large(lab({GUEST: linked(PLACES[GUEST], "eth0", mtu=1400)}), FOUR)

    assert found.outcome is Outcome.DROPPED
    assert found.silence is None
    assert found.cause is not None
    assert (found.cause.at, found.cause.key, found.cause.stage) == (GUEST, "eth0", "link")


def test_there_is_room_for_a_tag_unless_rules_of_ip_see_the_frame() -> None:
    guest = linked(linked(PLACES[GUEST], "br-app", mtu=1500), "vapp", mtu=1496)
    bridged = set_(guest, "net.bridge.bridge-nf-call-iptables", "1")

    assert large(lab({GUEST: guest}), FOUR, origin="container:g/web").fits == 1500
    assert large(lab({GUEST: bridged}), FOUR, origin="container:g/web").outcome is Outcome.DROPPED


def test_a_route_has_an_mtu_of_its_own() -> None:
    host = routed(
        without(PLACES[HOST], "10.4.0.0/24"), route("10.4.0.0/24", "10.3.0.2", "br0", mtu=1300)
    )

    assert large(lab({HOST: host}), FOUR).fits == 1300


def test_a_sender_whose_route_may_be_locked_is_not_judged() -> None:
    places = narrow_app_bridge()
    app = routed(
        without(PLACES[APP], "0.0.0.0/0"), route("0.0.0.0/0", "10.4.0.1", "eth0", mtu=1450)
    )
    found = large(lab({**places, GUEST: silent(places[GUEST]), APP: app}), FOUR)

    assert (found.outcome, found.size) == (Outcome.UNKNOWN, 1450)


def test_an_mss_of_the_route_keeps_the_other_end_short() -> None:
    places = narrow_app_bridge()
    app = routed(
        without(PLACES[APP], "0.0.0.0/0"), route("0.0.0.0/0", "10.4.0.1", "eth0", advmss=1300)
    )

    assert (
        large(lab({**places, HOST: silent(places[HOST]), APP: app}), FOUR).outcome
        is Outcome.DELIVERED
    )


def test_ipv6_may_have_a_smaller_mtu_on_a_link() -> None:
    host = set_(PLACES[HOST], "net.ipv6.conf.br0.mtu", "1280")

    assert large(lab({HOST: host}), SIX).fits == 1280
    assert large(lab({HOST: host}), FOUR).fits == 1500


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("net.ipv4.ip_no_pmtu_disc", Outcome.DELIVERED),
        ("net.ipv4.tcp_mtu_probing", Outcome.UNKNOWN),
    ],
)
def test_senders_that_do_without_the_message(key: str, expected: Outcome) -> None:
    places = narrow_app_bridge()
    app = set_(PLACES[APP], key, "1")

    found = large(lab({**places, GUEST: silent(places[GUEST]), APP: app}), FOUR)
    assert found.outcome is expected


def test_what_does_not_arrive_has_no_size() -> None:
    assert trace(lab(), "lan", FOUR, 81).large is None


def test_of_several_ways_all_must_carry_it() -> None:
    host = without(PLACES[HOST], "10.4.0.0/24")
    hops = (NextHop(via=target("10.3.0.2").address, link="br0"),) * 2
    both = replace(route("10.4.0.0/24", "10.3.0.2", "br0"), hops=hops)

    assert large(lab({HOST: routed(host, both)}), FOUR).outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    ("to", "answer", "said"),
    [
        (FOUR, TOO_LONG, ("icmp", 3, 4)),
        (SIX, TOO_LONG, ("icmp6", 2, 0)),
        (FOUR, "icmp-ttl", ("icmp", 11, 0)),
        (SIX, "icmp-ttl", ("icmp6", 3, 0)),
        (FOUR, "port-unreachable", ("icmp", 3, 3)),
        (SIX, "icmp6-no-route", ("icmp6", 1, 0)),
        (FOUR, "icmp-of-tomorrow", ("icmp", 3, 0)),
    ],
)
def test_errors_have_their_types_and_codes(
    to: str, answer: str, said: tuple[str, int, int]
) -> None:
    box = World(lab()).observed(HOST)
    client: Address = target("10.0.0.9" if to == FOUR else "fd00::9").address
    found = error_about(box, Packet(client, target(to).address, "tcp", 1, 2), answer)

    assert (found.protocol, found.icmp_type, found.icmp_code) == said
    assert found.source in box.own


def test_rules_only_lower_an_mss() -> None:
    near, far = target("10.0.0.9").address, target(FOUR).address
    syn = Packet(near, far, "tcp", mss=1460)

    assert lowered(syn, 1400).mss == 1400
    assert lowered(syn, 1500).mss == 1460
    assert lowered(syn._replace(mss=None), 1400).mss is None
    assert clamped(syn, _context({HOST: linked(PLACES[HOST], "br0", mtu=1400)})).mss == 1360
    assert clamped(syn, _context({HOST: Namespace()})).mss == 1460


def _context(places: dict[Place, Namespace]) -> Context:
    return Context(World(lab(places)).observed(HOST))


NFT = """{"nftables": [{"table": {"family": "inet", "name": "t"}},
 {"chain": {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "forward", "prio": 0}},
 {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [
  {"match": {"op": "in", "left": {"payload": {"protocol": "tcp", "field": "flags"}}, "right": "syn"}},
  {"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}}, "value": VALUE}}]}}]}"""


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Ruleset("nft-json", NFT.replace("VALUE", "1360")), Outcome.DELIVERED),
        (Ruleset("nft-json", NFT.replace("VALUE", "1400")), Outcome.DROPPED),
        (Ruleset("nft-json", NFT.replace("VALUE", '{"rt": {"key": "mtu"}}')), Outcome.DELIVERED),
        (Ruleset("nft-json", NFT.replace("VALUE", '{"rt": {"key": "classid"}}')), Outcome.UNKNOWN),
        (
            Ruleset(
                "iptables-nft",
                "*mangle\n:FORWARD ACCEPT\n-A FORWARD -j TCPMSS --set-mss 1300\nCOMMIT\n",
            ),
            Outcome.DELIVERED,
        ),
        (
            Ruleset(
                "iptables-nft", "*mangle\n:FORWARD ACCEPT\n-A FORWARD -j TCPMSS --odd\nCOMMIT\n"
            ),
            Outcome.UNKNOWN,
        ),
    ],
)
def test_rules_that_set_the_mss(rules: Ruleset, expected: Outcome) -> None:
    places = narrow_app_bridge()
    host = replace(places[HOST], rulesets=(SILENT[4],))
    guest = replace(places[GUEST], rulesets=(rules,))

    assert large(lab({**places, HOST: host, GUEST: guest}), FOUR).outcome is expected


def mangle(*rules: str) -> Ruleset:
    lines = "\n".join(f"-A {each}" for each in rules)
    return Ruleset("iptables-nft", f"*mangle\n:FORWARD ACCEPT\n:C -\n{lines}\nCOMMIT\n")


MATCHING = NFT.replace("VALUE", "1300").replace(
    '{"mangle"',
    '{"match": {"op": ">", "left": {"tcp option": {"name": "maxseg", "field": "FIELD"}}, "right": LEAST}}, {"mangle"',
)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            mangle("FORWARD -p tcp -m tcpmss --mss 1400:65535 -j TCPMSS --set-mss 1360"),
            Outcome.DELIVERED,
        ),
        (
            mangle("FORWARD -p tcp -m tcpmss ! --mss 1:1400 -j TCPMSS --set-mss 1360"),
            Outcome.DELIVERED,
        ),
        (mangle("FORWARD -p tcp -m tcpmss --mss odd -j TCPMSS --set-mss 1360"), Outcome.UNKNOWN),
        (mangle("FORWARD -m limit --limit 1/sec -j TCPMSS --set-mss 1360"), Outcome.UNKNOWN),
        (
            mangle(
                "FORWARD -j C",
                "FORWARD -j TCPMSS --set-mss 1360",
                "FORWARD -j C",
                "C -p udp -j DROP",
            ),
            Outcome.DELIVERED,
        ),
        (
            Ruleset("nft-json", MATCHING.replace("FIELD", "size").replace("LEAST", "1400")),
            Outcome.DELIVERED,
        ),
        (
            Ruleset("nft-json", MATCHING.replace("FIELD", "length").replace("LEAST", "1400")),
            Outcome.UNKNOWN,
        ),
    ],
)
def test_rules_that_look_at_the_mss(rules: Ruleset, expected: Outcome) -> None:
    places = narrow_app_bridge()
    host = replace(places[HOST], rulesets=(SILENT[4],))
    guest = replace(places[GUEST], rulesets=(rules,))

    assert large(lab({**places, HOST: host, GUEST: guest}), FOUR).outcome is expected


@pytest.mark.parametrize(
    ("mss", "flags", "rule", "expected"),
    [
        (None, "SYN", "-m tcpmss --mss 1:500", None),
        (None, "ACK", "-m tcpmss --mss 1:500", False),
        (None, "ACK", "-m tcpmss ! --mss 1:500", True),
        (400, "SYN", "-m tcpmss --mss 1:500", True),
    ],
)
def test_the_option_is_in_a_syn_only(
    mss: int | None, flags: str, rule: str, expected: bool | None
) -> None:
    near, far = target("10.0.0.9").address, target(FOUR).address
    packet = Packet(near, far, "tcp", flags=frozenset({flags}), mss=mss)
    here = replace(
        PLACES[HOST],
        rulesets=(
            Ruleset(
                "iptables-nft", f"*filter\n:FORWARD ACCEPT\n-A FORWARD {rule} -j DROP\nCOMMIT\n"
            ),
        ),
    )
    box = World(lab({HOST: here})).observed(HOST)
    verdict = box.firewall.traverse("forward", packet, Context(box, "eth0", "br0")).verdict

    assert verdict == {None: "unknown", True: "drop", False: "accept"}[expected]


@pytest.mark.parametrize(("flags", "expected"), [("SYN", "unknown"), ("ACK", "accept")])
def test_the_option_is_in_a_syn_only_for_nft_as_well(flags: str, expected: str) -> None:
    rules = (
        MATCHING.replace("FIELD", "size")
        .replace("LEAST", "1")
        .replace('"right": "syn"', '"right": ["syn", "ack"]')
    )
    dropping = rules[: rules.index('{"mangle"')] + '{"drop": null}]}}]}'
    here = replace(PLACES[HOST], rulesets=(Ruleset("nft-json", dropping),))
    box = World(lab({HOST: here})).observed(HOST)
    packet = Packet(
        target("10.0.0.9").address, target(FOUR).address, "tcp", flags=frozenset({flags})
    )

    assert box.firewall.traverse("forward", packet, Context(box, "eth0", "br0")).verdict == expected
