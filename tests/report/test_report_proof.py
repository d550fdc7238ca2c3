"""Model and packet side by side, for people and for programs."""

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest

from homelab.model.place import HOST, LAN, ROUTER, guest, netns
from homelab.model.proof import (
    Count,
    Counter,
    Evidence,
    Proof,
    Sender,
    Step,
    Told,
    Watched,
)
from homelab.model.trace import Cause, Outcome, Target, Trace
from homelab.report.documents import as_json
from homelab.report.paint import Paint
from homelab.report.proof import SHOWN, proof_document, proof_text, proofs_text

WEB, CLIENT = guest("web"), netns("client")
CAUSE = Cause(WEB, "forward", "forward", "rule", "drop by ip filter FORWARD: -A FORWARD -j DROP")
TRACE = Trace(CLIENT, Target(ip_address("10.90.1.10")), Outcome.DROPPED, cause=CAUSE)
RULE = Count(Counter(WEB, "iptables-nft", "filter: -A FORWARD -j DROP"), 17, 20, 3)
CAME = Count(Counter(WEB, "link", "in eth0"), 4, 8, 3)
LEFT = Count(Counter(WEB, "link", "out br-app"), 9, 9, 3)
PROOF = Proof(
    LAN,
    Sender(CLIENT),
    TRACE,
    "timeout",
    "agrees",
    ("timeout",) * 3,
    Evidence(RULE, (CAME, LEFT)),
)
TOLD = (
    "guest:web: the counter of filter: -A FORWARD -j DROP went from 17 to 20 "
    "while 3 probes were sent"
)
STEP = Step(WEB, "1", "ip", "filter", "FORWARD", "counter drop", "drop")


def test_what_a_person_reads() -> None:
    assert proof_text(PROOF, Paint()).splitlines() == [
        "the model says:  dropped, at guest:web: drop by ip filter FORWARD: -A FORWARD -j DROP",
        "the packet says: timeout (3 of 3 timeout, sent from netns:client for lan)",
        "they say: the same; model and packet agree",
        f"evidence: {TOLD}",
        "evidence: last counted at guest:web: packets in eth0 went from 4 to 8 while 3 probes were sent",
        "evidence: not counted at guest:web: packets out br-app stayed at 9 while 3 probes were sent",
    ]


@pytest.mark.parametrize(
    ("proof", "line"),
    [
        (replace(PROOF, verdict="disagrees"), "model and packet disagree"),
        (
            replace(PROOF, verdict="unknown", said="answered"),
            "the model does not know; the packet says: answered",
        ),
        (
            Proof("router", None, TRACE, "not possible: router cannot be entered", "not compared"),
            "the packet says: not possible: router cannot be entered",
        ),
        (
            replace(PROOF, sender=Sender(ROUTER, "to-host", "02::", ip_address("10.0.0.9"))),
            "written onto to-host of router)",
        ),
        (replace(PROOF, answers=("timeout", "answered")), "(1 of 2 timeout, 1 of 2 answered"),
        (replace(PROOF, asked="netns:client"), "sent from netns:client)"),
    ],
)
def test_each_verdict_has_its_words(proof: Proof, line: str) -> None:
    assert line in proof_text(proof, Paint())


def test_the_second_witness_is_told_step_by_step_once() -> None:
    steps = (STEP, replace(STEP, packet="2"), replace(STEP, text="policy accept", verdict="accept"))
    told = Told(Watched(("timeout",), steps, {HOST: "no nft"}), "agrees", "the kernel drops it")

    lines = proof_text(replace(PROOF, told=told), Paint()).splitlines()

    assert lines[-5:] == [
        "nft trace, the kernels' own words:",
        "  guest:web  ip filter FORWARD  counter drop (drop)",
        "  guest:web  ip filter FORWARD  policy accept",
        "  host: not watched: no nft",
        "second witness: the kernel drops it",
    ]


def test_what_a_program_reads() -> None:
    told = Told(Watched(("timeout",), (STEP,), {HOST: "no nft"}), "agrees", "alike")
    document = json.loads(as_json(proof_document(replace(PROOF, told=told))))

    assert document["said"] == "timeout"
    assert [each["after"] for each in document["evidence"]] == [20, 8, 9]
    assert document["last_counted"]["counter"] == "in eth0"
    assert document["nft_trace"]["steps"][0]["chain"] == "FORWARD"
    assert document["nft_trace"]["unwatched"] == {"host": "no nft"}
    bare = proof_document(replace(PROOF, evidence=Evidence()))
    assert (bare["last_counted"], bare["nft_trace"], bare["evidence"]) == (None, None, [])


def test_a_diagnosis_tells_its_probes_in_a_few_lines() -> None:
    unknown = replace(
        PROOF,
        trace=replace(TRACE, outcome=Outcome.UNKNOWN),
        said="answered",
        verdict="unknown",
        evidence=Evidence(),
    )

    text = proofs_text((PROOF, *(unknown,) * (SHOWN + 2)), 7, Paint())

    assert text.splitlines()[:4] == [
        f"probed from netns:client: {SHOWN + 2} of {SHOWN + 3} real packets answered",
        "a sample: 7 more flows were not probed",
        "model and packet agree on 1 of 1",
        f"evidence: {TOLD}",
    ]
    assert text.count("unknown to the model: 10.90.1.10; the packet says: answered") == SHOWN
    assert text.splitlines()[-1] == "and 2 more; --json tells them all"


def test_where_nothing_could_be_compared_nobody_agrees() -> None:
    proof = replace(PROOF, verdict="not compared", said="error: no", evidence=Evidence())

    assert proofs_text((proof,), 0, Paint()) == (
        "probed from netns:client: 0 of 1 real packets answered"
    )


def test_one_probe_is_one_probe() -> None:
    assert str(replace(CAME, after=5, sent=1)).endswith("went from 4 to 5 while 1 probe was sent")
    kernel = replace(RULE, counter=Counter(WEB, "kernel", "IpInAddrErrors"))
    assert "the kernel's IpInAddrErrors went" in str(kernel)


def test_a_hostile_rule_moves_no_cursor() -> None:
    hostile = replace(RULE, counter=RULE.counter._replace(name="\x1b[2J"))

    assert "\x1b" not in proof_text(replace(PROOF, evidence=Evidence(hostile)), Paint())
