"""The second witness, and who sends the packets: pure, with a lab that says what it is told to say."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from homelab.diagnosis.tracer import Tracer
from homelab.load.snapshot import load_snapshot
from homelab.model.inventory import Inventory
from homelab.model.place import HOST, LAN, ROUTER, Place, guest, netns
from homelab.model.proof import Sender, Step, Watched
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Outcome, Target, Trace
from homelab.workflow import probing
from homelab.workflow.look import diagnose
from homelab.workflow.probing import compare, flows
from homelab.workflow.second_witness import tell
from homelab.workflow.sending import sender
from homelab.workflow.trace import TraceDesk
from tests.workflow.prober import Saying

APPLIED = load_snapshot(Path(__file__).parents[1] / "recorded/applied.json")
WEB, CLIENT = guest("web"), netns("client")
RULE = Cause(
    WEB,
    "forward",
    "forward",
    "rule",
    "drop",
    family="ip",
    table="filter",
    chain="FORWARD",
    rule="-A FORWARD -j DROP",
    tool="iptables-nft",
)
DROPPED = Trace(LAN, Target(ip_address("10.90.1.10")), Outcome.DROPPED, cause=RULE)
DROP = Step(WEB, "1", "ip", "filter", "FORWARD", "counter packets 1 bytes 84 drop", "drop")
PASS = replace(DROP, text="accept", verdict="accept")


@pytest.mark.parametrize(
    ("trace", "steps", "verdict", "text"),
    [
        (DROPPED, (PASS, DROP), "agrees", "drops it in ip filter FORWARD"),
        (DROPPED, (PASS,), "differs", "tell of no drop; the model says guest:web: ip filter"),
        (DROPPED, (replace(DROP, at=HOST),), "differs", "the kernel of host drops it"),
        (replace(DROPPED, outcome=Outcome.UNKNOWN), (DROP,), "untold", "does not know"),
        (replace(DROPPED, cause=None), (PASS,), "agrees", "no drop"),
        (replace(DROPPED, cause=None), (DROP,), "differs", "the model knows of no rule"),
        (replace(DROPPED, cause=replace(RULE, kind="route")), (), "agrees", "no drop"),
        (
            replace(DROPPED, cause=replace(RULE, tool="iptables-legacy")),
            (),
            "untold",
            "do not show",
        ),
        (replace(DROPPED, cause=replace(RULE, family="netdev")), (), "untold", "comes before"),
    ],
)
def test_the_kernel_beside_the_model(
    trace: Trace, steps: tuple[Step, ...], verdict: str, text: str
) -> None:
    told = tell(trace, Watched(("timeout",), steps))

    assert told.verdict == verdict
    assert text in told.text


def test_a_place_that_was_not_watched_cannot_contradict() -> None:
    told = tell(DROPPED, Watched(("timeout",), (), {WEB: "nft is not there"}))

    assert (told.verdict, told.text) == ("untold", "guest:web was not watched: nft is not there")


@pytest.mark.parametrize(("drop", "verdict"), [((), "agrees"), ((DROP,), "disagrees")])
def test_every_place_on_the_way_is_watched(drop: tuple[Step, ...], verdict: str) -> None:
    prober = Saying(("answered",), (CLIENT, ROUTER, HOST), seen=Watched(("answered",), drop))
    desk = TraceDesk(APPLIED, Inventory())
    proof = desk.verify(desk.trace(LAN, "10.90.1.10"), prober)

    watched = desk.watch(proof, prober)

    assert watched.verdict == verdict
    assert watched.told is not None
    (wanted,) = prober.watched
    assert (wanted.sender, wanted.count) == (Sender(CLIENT), 3)
    assert [str(each) for each in wanted.places] == [
        "netns:client",
        "router",
        "host",
        "guest:web",
        "container:web/front",
    ]


def test_without_a_sender_nothing_is_watched() -> None:
    prober = Saying(("answered",))
    desk = TraceDesk(APPLIED, Inventory())

    proof = desk.watch(desk.verify(desk.trace(LAN, "10.90.1.10"), prober), prober)

    assert (proof.sender, proof.verdict, prober.watched) == (None, "not compared", [])
    assert "neither a client" in proof.said


@pytest.mark.parametrize(
    ("vantage", "places", "found"),
    [
        ("lan", (CLIENT, ROUTER), Sender(CLIENT)),
        ("lan", (ROUTER,), Sender(ROUTER)),
        ("router", (ROUTER,), Sender(ROUTER)),
        ("netns:router", (ROUTER,), Sender(ROUTER)),
        ("host", (HOST,), Sender(HOST)),
        ("guest:web", (WEB,), Sender(WEB)),
        ("guest:web", (HOST,), "not possible: guest:web cannot be entered"),
        ("guest:gone", (Place("guest:gone"),), "not possible: guest:gone cannot be entered"),
    ],
)
def test_who_sends_for_a_vantage(
    vantage: str, places: tuple[Place, ...], found: Sender | str
) -> None:
    assert sender(vantage, 4, Tracer(APPLIED), APPLIED, places) == found


def test_a_packet_of_a_link_is_sent_from_its_other_end() -> None:
    tracer = Tracer(APPLIED)
    vantage = "packet:eth0:10.0.0.200"

    found = sender(vantage, 4, tracer, APPLIED, tuple(APPLIED.namespaces))

    assert isinstance(found, Sender)
    assert (found.place, found.source) == (ROUTER, ip_address("10.0.0.200"))
    assert found.link is not None
    assert found.mac is not None
    assert "router cannot be entered" in str(sender(vantage, 4, tracer, APPLIED, (HOST,)))
    assert "no link nope" in str(sender("packet:nope:10.0.0.200", 4, tracer, APPLIED, ()))
    assert "IPv4, and the target IPv6" in str(sender(vantage, 6, tracer, APPLIED, ()))
    assert "sends by itself" in str(tracer.wire("host", 4))
    assert "nobody who was observed" in str(tracer.wire("packet:lo:10.0.0.200", 4))


def test_a_contradiction_is_asked_again_before_it_counts() -> None:
    healthy = diagnose(Inventory(), APPLIED)
    prober = Saying(("timeout", "answered"), (CLIENT,))

    compared = compare(healthy, prober)

    assert prober.rounds == 2
    assert not compared.disagree
    assert compared.diagnosis.findings == healthy.findings
    assert {each.answers for each in compared.proofs} == {("answered",) * 3}


def test_where_all_agree_nothing_is_asked_again_and_no_counter_is_read() -> None:
    prober = Saying(("answered",), (CLIENT,))

    assert not compare(diagnose(Inventory(), APPLIED), prober).disagree
    assert prober.rounds == 1
    assert set(prober.wanted) == {()}


def test_of_many_flows_some_of_each_network_are_probed() -> None:
    diagnosis = diagnose(Inventory(), APPLIED)
    many = tuple(
        replace(
            diagnosis.case.judgements[0],
            targets=tuple(
                Target(ip_address(f"10.90.{net}.{each}"), "tcp", 80) for each in range(1, 101)
            ),
        )
        for net in range(4)
    )
    diagnosis = replace(diagnosis, case=replace(diagnosis.case, judgements=many))

    compared = compare(diagnosis, Saying(("error: too many",), (CLIENT,)))

    assert len(list(flows(diagnosis.case))) == 400
    assert (len(compared.proofs), compared.left_out) == (probing.MOST, 400 - probing.MOST)
    nets = [each.target.address.packed[2] for each in compared.proofs]
    assert [nets.count(each) for each in range(4)] == [64] * 4


def test_without_anybody_in_the_lan_the_host_asks() -> None:
    compared = compare(diagnose(Inventory(), APPLIED), Saying(("answered",), (HOST,)))

    assert {each.sender for each in compared.proofs} == {Sender(HOST)}
    assert {each.asked for each in compared.proofs} == {LAN}


def test_what_is_unknown_to_the_model_is_no_contradiction() -> None:
    trace = Trace("nowhere", DROPPED.target, Outcome.UNKNOWN)
    prober = Saying(("answered",), (HOST,))
    tracer = Tracer(Snapshot())

    (proof,) = probing.prove([probing.draft("host", Sender(HOST), trace.target, tracer)], prober)

    assert (proof.trace.outcome, proof.said, proof.verdict) == (
        Outcome.UNKNOWN,
        "answered",
        "unknown",
    )
