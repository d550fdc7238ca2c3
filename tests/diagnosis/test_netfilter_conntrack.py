"""Connections of one place: states, translations there and back, and the errors about them."""

import json
from ipaddress import ip_address

import pytest

from homelab.diagnosis.netfilter import Context, Firewall
from homelab.diagnosis.netfilter.nat import bind, rewrite
from homelab.diagnosis.netfilter.rules import Translation
from homelab.diagnosis.packet import Packet, Tuple
from homelab.model.place import Address
from tests.diagnosis.netfilter_lab import (
    CLIENT,
    FAR,
    NEAR,
    ROUTER,
    SERVER,
    Journey,
    RouterFib,
    answer,
    firewall,
    namespace,
    ping,
    tcp,
    udp,
)

FIB = RouterFib()
TRACKS = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n"


def nat(*lines: str, version: int = 4) -> Firewall:
    text = "\n".join(("*nat", ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]",
                      ":POSTROUTING ACCEPT [0:0]", *lines, "COMMIT", ""))  # fmt: skip
    return firewall(None, **{"iptables_nft" if version == 4 else "ip6tables_nft": text})


def state(packet: Packet, hook: str = "prerouting", loose: str = "1") -> str:
    """The state of a packet that belongs to no known connection."""
    here = namespace(
        {"iptables-nft": TRACKS, "ip6tables-nft": TRACKS},
        net__netfilter__nf_conntrack_tcp_loose=loose,
    )
    fire = Firewall.compile(here, ROUTER)
    return fire.traverse(hook, packet, Context(FIB, "in0")).packet.state


def flags(*names: str) -> Packet:
    return tcp(80)._replace(flags=frozenset(names))


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (ping(), "new"),
        (ping(6), "new"),
        (udp(53), "new"),
        (tcp(80), "new"),
        (flags("SYN", "ACK"), "invalid"),
        (flags("RST", "ACK"), "invalid"),
        (flags("FIN", "ACK"), "invalid"),
        (flags(), "invalid"),
        (flags("ACK"), "new"),
        (ping()._replace(icmp_type=0), "invalid"),
        (ping()._replace(icmp_type=3), "invalid"),
        (ping(6)._replace(icmp_type=129), "invalid"),
        (ping(6)._replace(icmp_type=135), "untracked"),
        (udp(53)._replace(protocol="gre"), "new"),
    ],
)
def test_the_state_of_a_first_packet(packet: Packet, expected: str) -> None:
    assert state(packet) == expected
    assert state(packet, "output") == expected


def test_an_ack_in_the_middle_is_picked_up_only_when_loose() -> None:
    assert state(flags("ACK"), loose="0") == "invalid"


def test_conntrack_runs_only_where_a_rule_needs_it() -> None:
    passed = firewall(iptables_nft="*nat\n:PREROUTING DROP [0:0]\nCOMMIT\n").traverse(
        "prerouting", tcp(80), Context(FIB, "in0")
    )

    assert passed.packet == tcp(80)
    assert passed.verdict == "accept"


def test_a_connection_is_established_once_a_reply_was_seen() -> None:
    trip = Journey(firewall(iptables_nft=TRACKS))
    trip.go(tcp(80))
    again = trip.hook("prerouting", tcp(80), "in0", None)

    assert again is not None
    assert (again.state, again.reply) == ("established", False)
    assert [each.replied for each in trip.connections] == [True]


def test_a_request_that_comes_by_twice_is_new_both_times() -> None:
    trip = Journey(firewall(iptables_nft=TRACKS))
    trip.through(ping(), "in0")
    again = trip.hook("prerouting", ping(), "in0", None)

    assert again is not None
    assert (again.state, len(trip.connections)) == ("new", 1)
    assert trip.hook("prerouting", again, "in0", None) == again


def test_what_is_dropped_leaves_no_connection() -> None:
    trip = Journey(firewall(iptables_nft=TRACKS.replace("FORWARD ACCEPT", "FORWARD DROP")))

    assert trip.go(tcp(80)) == "dropped"
    assert trip.connections == ()


@pytest.mark.parametrize(
    "packet",
    [tcp(81, destination=NEAR[4]), udp(53, destination=NEAR[4]), ping(destination=NEAR[4])],
)
def test_dnat_there_and_back(packet: Packet) -> None:
    trip = Journey(nat("-A PREROUTING -d 10.99.1.1 -j DNAT --to-destination 10.99.2.2"))

    assert trip.go(packet) == "delivered"
    assert trip.arrived is not None
    assert trip.delivered is not None
    assert trip.arrived.destination == SERVER[4]
    assert trip.delivered.tuple == answer(packet).tuple
    assert trip.arrived.connection is not None
    assert (trip.arrived.connection.is_dnat, trip.arrived.connection.is_snat) == (True, False)
    assert trip.notes[0].startswith("destination translated to 10.99.2.2")


def test_masquerade_there_and_back() -> None:
    trip = Journey(nat("-A POSTROUTING -o out0 -j MASQUERADE"))

    assert trip.go(tcp(80)) == "delivered"
    assert trip.arrived is not None
    assert trip.delivered is not None
    assert trip.arrived.source == FAR[4]
    assert trip.delivered.destination == CLIENT[4]
    assert "source translated to 10.99.2.1:40000" in trip.notes[0]


def test_addresses_and_ports_of_version_6() -> None:
    trip = Journey(
        nat(
            "-A PREROUTING -d fd99:1::1 -p tcp -m tcp --dport 81 -j DNAT --to-destination [fd99:2::2]:80",
            version=6,
        )
    )

    assert trip.go(tcp(81, 6, NEAR[6])) == "delivered"
    assert trip.notes[0].startswith(
        "destination translated to [fd99:2::2]:80 by ip6 nat PREROUTING"
    )


def test_both_translations_of_one_connection() -> None:
    trip = Journey(nat("-A PREROUTING -d 10.99.1.1 -p tcp -m tcp --dport 81 -j DNAT --to-destination 10.99.2.2:80",
                       "-A POSTROUTING -j SNAT --to-source 10.99.2.1"))  # fmt: skip

    assert trip.go(tcp(81, destination=NEAR[4])) == "delivered"
    assert trip.delivered is not None
    assert (trip.delivered.source, trip.delivered.sport) == (NEAR[4], 81)


def test_a_null_binding_is_kept_when_a_packet_comes_again() -> None:
    trip = Journey(nat("-A PREROUTING -p udp -j REDIRECT"))
    first = trip.through(tcp(80), "in0")
    again = trip.through(tcp(80), "in0")

    assert first is not None
    assert again is not None
    assert again.tuple == first.tuple
    assert again.connection is not None
    assert again.connection.bound == {"src", "dst"}


def test_a_rule_that_translates_to_the_same_changes_nothing() -> None:
    trip = Journey(nat("-A PREROUTING -d 10.99.2.2 -j DNAT --to-destination 10.99.2.2"))

    assert trip.go(tcp(80)) == "delivered"
    assert trip.notes[0].startswith("translated to what it was")


def nat_chain(name: str, priority: int, statement: object) -> list[object]:
    names = {"family": "ip", "table": name}
    return [
        {
            "chain": {
                **names,
                "name": "c",
                "type": "nat",
                "hook": "prerouting",
                "prio": priority,
                "policy": "accept",
            }
        },
        {"rule": {**names, "chain": "c", "expr": [statement]}},
    ]


def test_the_first_nat_chain_that_translates_decides() -> None:
    objects = [
        *nat_chain("late", -50, {"dnat": {"addr": "10.99.2.9"}}),
        *nat_chain("early", -150, {"dnat": {"addr": "10.99.2.8"}}),
        *nat_chain("first", -200, {"accept": None}),
    ]
    fire = firewall(nft_json=json.dumps({"nftables": objects}))

    end = fire.traverse("prerouting", tcp(80), Context(FIB, "in0"))
    assert str(end.packet.destination) == "10.99.2.8"


def test_without_a_connection_nothing_is_translated() -> None:
    wanted = Translation("dnat", SERVER[4], SERVER[4])

    assert bind(tcp(80), "prerouting", wanted, Context(FIB), namespace({})) == tcp(80)
    assert rewrite(tcp(80), "prerouting") == tcp(80)
    assert nat("-A POSTROUTING -j MASQUERADE").traverse(
        "postrouting", tcp(80), Context(FIB)
    ).packet == tcp(80)


def test_a_connection_is_found_among_others() -> None:
    trip = Journey(firewall(iptables_nft=TRACKS))

    assert [trip.go(each) for each in (tcp(80), udp(53), ping(), tcp(80, sport=4))] == [
        "delivered"
    ] * 4
    assert len(trip.connections) == 4
    assert trip.go(udp(53)) == "delivered"
    assert len(trip.connections) == 4


@pytest.mark.parametrize(
    ("rule", "iif", "expected"),
    [
        ("-A PREROUTING -j NETMAP --to 10.50.0.0/16", "in0", "10.50.2.2"),
        ("-A PREROUTING -j REDIRECT", "in0", "10.99.1.1"),
        ("-A PREROUTING -j REDIRECT", "eth9", None),
        ("-A PREROUTING -j DNAT --to-destination 10.1.1.1-10.1.1.9", "in0", None),
        ("-A PREROUTING -p tcp -j DNAT --to-destination :8080", "in0", "10.99.2.2"),
        ("-A PREROUTING -p tcp -j DNAT --to-destination 10.1.1.1:8000-9000", "in0", None),
        ("-A PREROUTING -p tcp -j DNAT --to-destination 10.1.1.1:8000-9000/8000", "in0", None),
        ("-A PREROUTING -p tcp -j DNAT --to-destination fd00::1", "in0", None),
        ("-A PREROUTING -p tcp -j DNAT --to-destination [fd00::1]:80", "in0", None),
    ],
)
def test_where_dnat_sends(rule: str, iif: str, expected: str | None) -> None:
    end = nat(rule).traverse("prerouting", tcp(80), Context(FIB, iif))

    assert (end.verdict == "unknown") is (expected is None)
    assert expected is None or str(end.packet.destination) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("-A POSTROUTING -j SNAT --to-source 10.99.1.1-10.99.1.9", "10.99.1.2"),
        ("-A POSTROUTING -j SNAT --to-source 10.99.1.3-10.99.1.9", None),
        ("-A POSTROUTING -p tcp -j SNAT --to-source 10.99.2.1:1000-2000", "10.99.2.1"),
        ("-A POSTROUTING -p tcp -j MASQUERADE --to-ports 1000-2000", "10.99.2.1"),
        ("-A POSTROUTING -j NETMAP --to 10.50.0.0/16", "10.50.1.2"),
    ],
)
def test_what_snat_puts_there(rule: str, expected: str | None) -> None:
    trip = Journey(nat(rule))

    assert (trip.go(tcp(80)) == "unknown") is (expected is None)
    assert expected is None or (trip.arrived and str(trip.arrived.source)) == expected


class Unnumbered(RouterFib):
    def source_address(self, link: str, destination: Address) -> None:
        return None


def test_masquerade_without_an_address_cannot_be_told() -> None:
    trip = Journey(nat("-A POSTROUTING -j MASQUERADE"), Unnumbered())

    assert trip.go(tcp(80)) == "unknown"
    assert trip.stopped is not None
    assert trip.stopped.blame is not None
    assert trip.stopped.blame.rule == "-A POSTROUTING -j MASQUERADE"


def test_a_packet_of_the_host_itself_is_redirected_to_loopback() -> None:
    for version, loopback in ((4, "127.0.0.1"), (6, "::1")):
        fire = nat("-A OUTPUT -j REDIRECT", version=version)
        packet = tcp(80, version)._replace(source=FAR[version])
        end = fire.traverse("output", packet, Context(FIB, None, "out0"))
        assert str(end.packet.destination) == loopback


def test_untracked_packets_see_no_nat() -> None:
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\nCOMMIT\n"
    text = raw + "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j REDIRECT\nCOMMIT\n"
    end = firewall(iptables_nft=text).traverse("prerouting", tcp(80), Context(FIB, "in0"))

    assert (end.packet.state, end.packet.destination) == ("untracked", SERVER[4])


def test_a_match_that_cannot_be_told_before_a_translation_makes_it_unknown() -> None:
    end = nat("-A PREROUTING -m limit --limit 1/sec -j REDIRECT").traverse(
        "prerouting", tcp(80), Context(FIB, "in0")
    )

    assert end.verdict == "unknown"


def test_a_drop_in_a_nat_chain_ends_the_first_packet() -> None:
    fire = nat("-A PREROUTING -p tcp -m tcp --dport 80 -j DROP", "-A PREROUTING -p tcp -j REDIRECT")

    assert Journey(fire).go(tcp(80)) == "dropped"


def unreachable(sender: Address, receiver: Address, about: Tuple) -> Packet:
    return Packet(sender, receiver, "icmp", icmp_type=3, icmp_code=3, inner=about)


def test_an_error_is_related_to_the_connection_it_quotes_and_translated_like_it() -> None:
    fire = nat(
        "-A PREROUTING -d 10.99.1.1 -p udp -j DNAT --to-destination 10.99.2.2",
        "-A POSTROUTING -o out0 -j MASQUERADE",
    )
    request = udp(53, destination=NEAR[4])
    trip = Journey(fire)
    arrived = trip.through(request, "in0")
    assert arrived is not None

    back = trip.through(unreachable(SERVER[4], FAR[4], arrived.tuple), "out0")
    assert back is not None
    assert (back.state, back.source, back.destination) == ("related", NEAR[4], CLIENT[4])
    assert back.inner == request.tuple


def test_an_error_about_a_reply_goes_the_way_of_the_request() -> None:
    fire = nat("-A PREROUTING -d 10.99.1.1 -p udp -j DNAT --to-destination 10.99.2.2")
    trip = Journey(fire)
    trip.go(udp(53, destination=NEAR[4]))
    assert trip.delivered is not None

    error = trip.through(unreachable(CLIENT[4], NEAR[4], trip.delivered.tuple), "in0")
    assert error is not None
    assert (error.state, error.reply, error.destination) == ("related", False, SERVER[4])
    assert error.inner == Tuple(SERVER[4], CLIENT[4], "udp", 53, 40000)


def test_an_error_without_translation_is_left_alone_and_one_about_nothing_is_invalid() -> None:
    trip = Journey(nat("-A PREROUTING -p tcp -j REDIRECT"))
    arrived = trip.through(udp(53), "in0")
    assert arrived is not None
    error = unreachable(SERVER[4], CLIENT[4], arrived.tuple)
    stray = unreachable(SERVER[4], CLIENT[4], arrived.tuple._replace(dport=9))

    passed, strayed = trip.through(error, "out0"), trip.through(stray, "out0")
    assert passed is not None
    assert strayed is not None
    assert (passed.state, passed.source, passed.inner) == ("related", SERVER[4], arrived.tuple)
    assert strayed.state == "invalid"


def test_a_packet_that_enters_another_place_leaves_its_connection_behind() -> None:
    trip = Journey(firewall(iptables_nft=TRACKS))
    arrived = trip.through(tcp(80)._replace(mark=5), "in0")
    assert arrived is not None

    assert arrived.arriving() == tcp(80)._replace(ttl=63)
    assert arrived.arriving(same_namespace=True).mark == 5


def test_tuples_of_icmp_keep_their_id_in_both_directions() -> None:
    there = ping().tuple

    assert there.reverse() == Tuple(SERVER[4], CLIENT[4], "icmp", 7, 0)
    assert tcp(80).tuple.reverse() == Tuple(SERVER[4], CLIENT[4], "tcp", 80, 40000)
    assert ip_address("10.99.2.2") == there.reverse().source
