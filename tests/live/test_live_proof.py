"""Proof by packet on the real lab: every vantage, both witnesses, and nothing is changed."""

import pytest

from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab

# Counters apart. What Docker and LXD do by themselves meanwhile is nothing of this.
STATE = """
nft -s list ruleset
ip -4 -d route show table all; ip -6 route show table all | sed 's/ expires [0-9]*sec//'; ip rule; ip -6 rule; ip link
cat /proc/net/ip_tables_names /proc/net/ip6_tables_names
cd /proc/sys/net && grep -rs '' . | grep -v 'nf_conntrack_count\\|stable_secret\\|tcp_.*mem' | sort
"""
PLACES = ("client", "router", "host", "web", "db", "app")


def state(lab: Lab) -> dict[str, list[str]]:
    return {place: lab.sh(place, STATE).splitlines() for place in PLACES}


@pytest.mark.parametrize(
    "words",
    [
        ("diagnose",),
        ("trace", "lan", "10.90.7.10", "--verify"),
        ("trace", "lan", "10.90.1.10:80", "--verify"),
        ("trace", "packet:eth0:10.0.0.200", "10.90.3.10", "--verify"),
        ("trace", "lan", "10.90.3.10:80", "--verify", "--nft-trace"),
    ],
    ids=" ".join,
)
def test_nothing_is_changed(applied: Lab, words: tuple[str, ...]) -> None:
    applied.homelab("diagnose")
    before = state(applied)

    done = applied.homelab(*words)

    assert done.returncode == 0, done.stdout + done.stderr
    assert state(applied) == before


@pytest.mark.parametrize(
    ("vantage", "sent"),
    [
        ("lan", "netns:client"),
        ("router", "router"),
        ("host", "host"),
        ("guest:web", "guest:web"),
        ("container:web/front", "container:web/front"),
        ("netns:client", "netns:client"),
        ("packet:eth0:10.0.0.200", "packet:eth0:10.0.0.200"),
    ],
)
@pytest.mark.parametrize("to", ["10.90.7.10", "10.90.7.10:5432"])
def test_every_vantage_sends(applied: Lab, vantage: str, sent: str, to: str) -> None:
    probe = applied.document("trace", vantage, to, "--verify", "--nft-trace", codes=(0, 1))["probe"]

    assert (probe["from"], probe["asked"]) == (sent, vantage)
    assert probe["verdict"] == "agrees", probe
    assert probe["nft_trace"]["verdict"] == "agrees"
    assert probe["nft_trace"]["unwatched"] == {}


@pytest.mark.parametrize(
    ("guest", "address"), [("web", "10.90.1.10"), ("db", "10.90.7.10"), ("app", "10.90.3.10")]
)
def test_a_drop_in_a_guest_is_counted_and_told_by_its_kernel(
    applied: Lab, guest: str, address: str
) -> None:
    rule = f"DOCKER-USER -d {address} -j DROP"
    applied.sh(guest, f"iptables -I {rule}")
    try:
        words = ("trace", "lan", address, "--verify", "--nft-trace")
        probe = applied.document(*words, codes=(1,))["probe"]
    finally:
        applied.sh(guest, f"iptables -D {rule}")

    first = probe["evidence"][0]
    assert first["counter"] == f"filter: -A DOCKER-USER -d {address}/32 -j DROP"
    assert first["after"] - first["before"] == 3
    assert (probe["last_counted"]["at"], probe["last_counted"]["counter"]) == (
        f"guest:{guest}",
        "in eth0",
    )
    assert (probe["verdict"], probe["nft_trace"]["verdict"]) == ("agrees", "agrees")
    assert "drops it in ip filter DOCKER-USER" in probe["nft_trace"]["text"]


def test_a_diagnosis_has_the_evidence_of_its_drops(applied: Lab) -> None:
    applied.sh("db", "iptables -I DOCKER-USER -d 10.90.7.10 -j DROP")
    try:
        done = applied.homelab("diagnose")
    finally:
        applied.sh("db", "iptables -D DOCKER-USER -d 10.90.7.10 -j DROP")

    assert done.returncode == 1, done.stdout
    assert (
        "evidence: guest:db: the counter of filter: -A DOCKER-USER -d 10.90.7.10/32" in done.stdout
    )
    assert "model-probe-disagreement" not in done.stdout


def test_a_kill_in_the_middle_leaves_nothing(applied: Lab) -> None:
    applied.sh("db", "iptables -I DOCKER-USER -d 10.90.7.10 -j DROP")
    try:
        before = state(applied)
        script = (
            "homelab -i inventory trace lan 10.90.7.10 --verify --nft-trace >/dev/null & p=$!;"
            "until nft list tables | grep -q homelab_trace; do :; done;"
            "kill -KILL $p; sleep 0.5; nft list tables | grep -c homelab_trace || true"
        )
        assert applied.sh("host", script).strip() == "0"
        assert state(applied) == before
    finally:
        applied.sh("db", "iptables -D DOCKER-USER -d 10.90.7.10 -j DROP")
