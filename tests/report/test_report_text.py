import json
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from homelab.model.docker import Daemon
from homelab.model.finding import Case, Finding, Fix, Judgement, NetworkName
from homelab.model.inventory import Inventory
from homelab.model.kernel import Namespace, NextHop, Route
from homelab.model.lxc import Instance, Runtime
from homelab.model.operation import AddRoute
from homelab.model.place import HOST, LAN, Place, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Hop, Outcome, Target, Trace
from homelab.report.diagnosis_text import diagnosis_text, drawing
from homelab.report.documents import as_json, diagnosis_document, error_document, trace_document
from homelab.report.paint import Paint, plain
from homelab.report.trace_text import trace_text

ADDRESS = ip_address("10.90.1.10")
CAUSE = Cause(
    at=guest("web"),
    direction="forward",
    stage="forward",
    kind="policy",
    text="the policy of FORWARD drops",
    family="ip",
    table="filter",
    chain="FORWARD",
    rule="-P FORWARD DROP",
    owner="docker",
    tool="iptables-nft",
    iif="eth0",
    oif="br0",
    source=ip_address("10.0.0.100"),
    destination=ADDRESS,
)
TRACE = Trace(
    "lan",
    Target(ADDRESS),
    Outcome.DROPPED,
    forward=(
        Hop(LAN, "send", "to 10.90.1.10"),
        Hop(
            HOST, "route", "10.90.1.0/24 via 10.77.0.11", "eth0", "lxdbr0", ip_address("10.77.0.11")
        ),
        Hop(guest("web"), "forward", "dropped"),
    ),
    cause=CAUSE,
)
NAME = NetworkName("nuc", "web", "apps")
JUDGED = Judgement(
    NAME,
    guest("web"),
    (ip_network("10.90.1.0/24"),),
    "lan",
    (Target(ADDRESS),),
    (TRACE,),
    reachable=False,
)
ROUTE = Route(ip_network("10.90.1.0/24"), (NextHop(ip_address("10.77.0.11")),), protocol="201")
FINDING = Finding(
    "guest-forward-policy-drop",
    "error",
    guest("web"),
    "guest web drops what is forwarded",
    CAUSE,
    Fix("accept it", (AddRoute(HOST, ROUTE),), opens=("all ports",), verified=True),
    (NAME,),
)
CASE = Case(Inventory(), Snapshot(), (JUDGED,))


def test_a_diagnosis_names_network_hop_rule_fix_and_what_to_type_next() -> None:
    text = diagnosis_text(CASE, (FINDING,), Paint())

    assert text.splitlines() == [
        "web/apps  10.90.1.0/24        NOT reachable from lan, 0 of 1 targets answer",
        "",
        "✗ guest-forward-policy-drop at guest:web (web/apps)",
        "    lan ─▶ host ─▶ guest:web ✗   (to 10.90.1.10)",
        "    -P FORWARD DROP   [ip/filter/FORWARD, iptables-nft, by docker]",
        "    the packet: 10.0.0.100 → 10.90.1.10, eth0 → br0, forward",
        "    guest web drops what is forwarded",
        "    fix: accept it (the model shows that this opens the path)",
        "        ip route add 10.90.1.0/24 via 10.77.0.11 proto 201",
        "    also opens: all ports",
        "",
        "next: `homelab diagnose --fix` runs the fixes above",
        "more: `homelab explain guest-forward-policy-drop`",
    ]


def test_a_healthy_network_and_one_without_containers_take_one_line_each() -> None:
    well = replace(JUDGED, reachable=True, traces=(replace(TRACE, outcome=Outcome.DELIVERED),))
    empty = replace(JUDGED, reachable=None, traces=(), subnets=())

    lab = Snapshot(daemons={guest("web"): Daemon("28.5")})
    text = diagnosis_text(Case(Inventory(), lab, (well, empty)), (), Paint())

    assert text.splitlines() == [
        "web/apps  10.90.1.0/24        reachable from lan, 1 of 1 targets answer",
        "web/apps  no subnet           unknown, no containers",
    ]


@pytest.mark.parametrize(
    ("lab", "said"),
    [
        (Snapshot(), "run `homelab diagnose` as root on the machine that runs the guests"),
        (
            Snapshot(namespaces={Place("netns:edge"): Namespace()}),
            "if one of them is the host of a lab: ip netns exec NAME homelab diagnose",
        ),
        (
            Snapshot(runtime=Runtime("incus", "6.0", (Instance("web", "Running"),))),
            "no container network was found in the 1 guests of incus on this machine",
        ),
    ],
)
def test_without_any_network_the_text_says_where_to_look(lab: Snapshot, said: str) -> None:
    text = diagnosis_text(Case(Inventory(), lab, ()), (), Paint())

    assert text.splitlines()[-1] == said
    assert text.startswith("no container network was found")


def test_the_reply_is_drawn_as_a_reply() -> None:
    back = replace(
        TRACE,
        back=(Hop(guest("web"), "route", "no route"),),
        cause=replace(CAUSE, direction="return", rule=None, key="net.ipv4.ip_forward"),
    )

    assert drawing(back) == "guest:web ✗   (reply from 10.90.1.10)"


def test_a_name_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[2Jb") == "a\\x1b[2Jb"
    hostile = replace(FINDING, at=Place("guest:\x1b[2J"), affects=())

    assert "\x1b" not in diagnosis_text(CASE, (hostile,), Paint())


def test_colour_only_when_asked() -> None:
    assert Paint()("bad", "x") == "x"
    assert Paint(colour=True)("bad", "x") == "\x1b[31mx\x1b[0m"


def test_the_documents_have_the_keys_of_the_contract() -> None:
    document = trace_document(TRACE)

    assert list(document) == [
        "schema",
        "from",
        "to",
        "outcome",
        "source",
        "forward",
        "return",
        "rewritten",
        "cause",
        "notes",
        "large",
    ]
    assert document["forward"][1] == {
        "at": "host",
        "stage": "route",
        "in": "eth0",
        "out": "lxdbr0",
        "via": "10.77.0.11",
        "text": "10.90.1.0/24 via 10.77.0.11",
    }
    assert document["cause"]["rule"] == "-P FORWARD DROP"
    assert trace_document(replace(TRACE, cause=None))["cause"] is None


def test_a_diagnosis_document_links_networks_to_their_findings() -> None:
    document = json.loads(as_json(diagnosis_document(CASE, (FINDING,))))

    assert document["networks"][0]["findings"] == [0]
    assert document["networks"][0]["reachable"] is False
    assert document["findings"][0]["fix"] == {
        "text": "accept it",
        "commands": ["ip route add 10.90.1.0/24 via 10.77.0.11 proto 201"],
        "opens": ["all ports"],
        "verified_on_model": True,
        "automatic": True,
    }


def test_a_question_that_cannot_be_asked_has_an_answer_too() -> None:
    assert error_document("nowhere", "x", "no such place")["outcome"] == "unknown"


def test_a_trace_reads_hop_by_hop() -> None:
    full = replace(
        TRACE,
        back=(Hop(guest("web"), "send", "reply"),),
        rewritten_source="10.77.0.11",
        rewritten_destination="10.90.1.11",
        notes=("a note",),
    )

    assert trace_text(full, Paint()).splitlines() == [
        "lan → 10.90.1.10: dropped",
        "  lan        send         to 10.90.1.10",
        "  host       route        10.90.1.0/24 via 10.77.0.11",
        "  guest:web  forward      dropped",
        "reply:",
        "  guest:web  send         reply",
        "the receiver sees the source 10.77.0.11",
        "the destination is translated to 10.90.1.11",
        "✗ at guest:web: the policy of FORWARD drops",
        "    -P FORWARD DROP   [ip/filter/FORWARD, iptables-nft, by docker]",
        "    the packet: 10.0.0.100 → 10.90.1.10, eth0 → br0, forward",
        "note: a note",
    ]
