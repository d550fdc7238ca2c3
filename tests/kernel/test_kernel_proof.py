"""Proof by packet on real kernels: counters, nft's own tracing, packets by hand; and nothing is changed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from homelab.model.inventory import Inventory
from homelab.model.proof import Proof, Sender
from homelab.model.trace import Target
from homelab.system.crafting import craft
from homelab.system.live import LiveSystem
from homelab.workflow.trace import TraceDesk
from tests.kernel.test_kernel_layers import nft
from tests.kernel.worlds import World, world

pytestmark = pytest.mark.kernel

APP, APP6 = "10.4.0.10", "fd04::10"

# Counters apart, all that a kernel and its tools tell of what is set. What counts or ages by itself is left out.
STATE = """
nft -s list ruleset
{ iptables-legacy-save; ip6tables-legacy-save; } | sed '/^#/d; s/ .[0-9]*:[0-9]*.$//'
ip -d route show table all; ip -d -6 route show table all; ip rule; ip -6 rule
ip link; ip addr | grep -v valid_lft
cat /proc/net/ip_tables_names /proc/net/ip6_tables_names
sysctl -a 2>/dev/null | grep '^net[.]' | grep -v 'nf_conntrack_count\\|dst_entropy\\|tcp_.*mem\\|stable_secret'
"""


@pytest.fixture
def built() -> Iterator[World]:
    with world() as each:
        yield each


def quieten(built: World) -> None:
    """Wait until the links of a fresh world are silent: they begin with MLD reports and router solicitations."""
    count = "cat /sys/class/net/*/statistics/[rt]x_packets"
    before, since = b"", time.monotonic()
    deadline = since + 30
    while time.monotonic() < since + 2.5:
        assert time.monotonic() < deadline, "the links never fell silent"
        now = b"".join(
            _said(["ip", "netns", "exec", real, "sh", "-c", count]) for real in built.names.values()
        )
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.2)


def state(built: World) -> dict[str, list[bytes]]:
    """What is set in each place; a difference shows itself by its line."""
    found = {}
    for name, real in built.names.items():
        command = ["ip", "netns", "exec", real, "sh", "-c", STATE]
        said = subprocess.run(command, capture_output=True, check=False).stdout
        found[name] = said.splitlines()
    return found


def verified(built: World, origin: str, to: str, *, watched: bool = False) -> Proof:
    system = LiveSystem()
    desk = TraceDesk(system.read(), Inventory())
    proof = desk.verify(desk.trace(built.place(origin), to), system)
    return desk.watch(proof, system) if watched else proof


def homelab(built: World, *words: str) -> list[str]:
    """The command, as if the world's host were the machine that we run on."""
    return ["ip", "netns", "exec", built.names["host"], sys.executable, "-m", "homelab", *words]


@pytest.mark.parametrize(
    ("script", "to", "counter"),
    [
        ("iptables -A FORWARD -d 10.4.0.10 -j DROP", APP, "iptables-nft"),
        ("iptables-legacy -A FORWARD -d 10.4.0.10 -j DROP", APP, "iptables-legacy"),
        ("iptables-legacy -P FORWARD DROP", f"{APP}:80", "iptables-legacy"),
        ("ip6tables -A FORWARD -p tcp -j REJECT", f"[{APP6}]:80", "ip6tables-nft"),
        (
            nft(
                "table inet f { chain c { type filter hook forward priority 0; policy accept;",
                "  ip daddr 10.4.0.10 counter drop; } }",
            ),
            APP,
            "nft",
        ),
        ("sysctl -qw net.ipv4.ip_forward=0", APP, "IpInAddrErrors"),
        ("sysctl -qw net.ipv6.conf.all.forwarding=0", APP6, "Ip6In"),
        ("ip route del 10.4.0.0/24; ip route del default", APP, "IpExtInNoRoutes"),
        (
            "sysctl -qw net.ipv4.conf.all.rp_filter=1; ip route replace 10.1.0.0/24 dev br-app",
            APP,
            "TcpExtIPReversePathFilter",
        ),
    ],
)
def test_what_ended_the_packets_has_counted_them(
    built: World, script: str, to: str, counter: str
) -> None:
    quieten(built)
    built.run("guest", script)

    proof = verified(built, "client", to)

    assert proof.verdict == "agrees"
    cause = proof.evidence.cause
    assert cause is not None, proof
    assert cause.counted
    assert counter in f"{cause.counter.source} {cause.counter.name}"
    assert proof.evidence.last is not None
    assert "in eth0" in proof.evidence.last.counter.name
    assert proof.evidence.last.counter.at == built.place("guest")


@pytest.mark.parametrize("to", [APP, APP6, f"{APP}:80", f"[{APP6}]:80"])
def test_a_packet_that_arrives_is_counted_on_every_link_there_and_back(
    built: World, to: str
) -> None:
    proof = verified(built, "client", to)

    assert (proof.said, proof.verdict) == ("answered", "agrees")
    assert proof.evidence.missing is None
    assert len(proof.evidence.way) >= 10


def test_a_disagreement_lies_where_the_packet_was_last_counted(built: World) -> None:
    """The model is asked of the lab as it was; then a rule comes that it never saw."""
    quieten(built)
    system = LiveSystem()
    desk = TraceDesk(system.read(), Inventory())
    trace = desk.trace(built.place("client"), APP)
    built.run("guest", "iptables -A FORWARD -d 10.4.0.10 -j DROP")

    proof = desk.verify(trace, system)

    assert (proof.said, proof.verdict) == ("timeout", "disagrees")
    assert proof.evidence.last is not None
    assert proof.evidence.last.counter[::2] == (built.place("guest"), "in eth0")
    assert proof.evidence.missing is not None
    assert proof.evidence.missing.counter[::2] == (built.place("guest"), "out br-app")


def test_what_the_model_does_not_know_is_no_disagreement(built: World) -> None:
    built.run("guest", "iptables -A FORWARD -m limit --limit 1/second -j DROP")

    proof = verified(built, "client", APP)

    assert proof.verdict == "unknown"
    assert proof.said in ("answered", "timeout")


@pytest.mark.parametrize(
    ("script", "to", "verdict", "told"),
    [
        ("true", APP, "agrees", "no drop"),
        ("true", f"[{APP6}]:80", "agrees", "no drop"),
        ("iptables -A FORWARD -d 10.4.0.10 -j DROP", APP, "agrees", "ip filter FORWARD"),
        ("iptables -P FORWARD DROP", f"{APP}:80", "agrees", "policy drop"),
        ("iptables -A FORWARD -p udp -j REJECT", f"{APP}:9/udp", "agrees", "ip filter FORWARD"),
        ("ip6tables -A FORWARD -j DROP", APP6, "agrees", "ip6 filter FORWARD"),
        ("iptables -t raw -A PREROUTING -j DROP", APP, "agrees", "ip raw PREROUTING"),
        ("iptables-legacy -A FORWARD -j DROP", APP, "untold", "do not show"),
        (
            nft(
                "table inet f { chain c { type filter hook forward priority 0; policy accept;",
                "  ip daddr 10.4.0.10 drop; } }",
            ),
            APP,
            "agrees",
            "inet f c",
        ),
    ],
)
def test_the_kernel_names_the_chain_that_the_model_names(
    built: World, script: str, to: str, verdict: str, told: str
) -> None:
    built.run("guest", script)
    before = state(built)

    proof = verified(built, "client", to, watched=True)

    assert proof.told is not None
    assert proof.told.watched.unwatched == {}
    assert (proof.told.verdict, proof.told.text) == (verdict, proof.told.text)
    assert told in proof.told.text
    assert state(built) == before


def test_the_second_witness_finds_the_rule_that_the_model_never_saw(built: World) -> None:
    system = LiveSystem()
    desk = TraceDesk(system.read(), Inventory())
    trace = desk.trace(built.place("client"), APP)
    built.run("guest", "iptables -A FORWARD -d 10.4.0.10 -j DROP")

    proof = desk.watch(desk.verify(trace, system), system)

    assert proof.told is not None
    assert proof.told.verdict == "differs"
    assert f"the kernel of {built.place('guest')} drops it in ip filter FORWARD" in proof.told.text


def test_only_our_own_packets_are_traced(built: World) -> None:
    built.run("guest", "iptables -P FORWARD ACCEPT")
    script = f"while :; do ping -c 1 -W 1 {APP}; done >/dev/null"
    command = ["ip", "netns", "exec", built.names["client"], "sh", "-c", script]
    with subprocess.Popen(command, start_new_session=True) as others:
        try:
            proof = verified(built, "client", APP, watched=True)
        finally:
            os.killpg(others.pid, signal.SIGKILL)

    assert proof.told is not None
    at_guest = [each for each in proof.told.watched.steps if each.at == built.place("guest")]
    # Three requests and three replies, each of which is one packet with one identity.
    assert 0 < len({each.packet for each in at_guest}) <= 6


def test_a_kill_in_the_middle_leaves_no_rule_and_no_process(built: World) -> None:
    built.run("guest", "iptables -A FORWARD -d 10.4.0.10 -j DROP")
    before = state(built)
    words = homelab(built, "trace", built.place("client"), APP, "--verify", "--nft-trace")
    guest = ["ip", "netns", "exec", built.names["guest"]]

    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as command:
        _wait(lambda: b"homelab_trace" in _said([*guest, "nft", "list", "tables"]))
        command.send_signal(signal.SIGKILL)
        command.wait()
    killed = time.monotonic()

    _wait(lambda: b"homelab_trace" not in _said([*guest, "nft", "list", "tables"]))
    assert time.monotonic() - killed < 1
    assert state(built) == before
    _wait(lambda: _programs(built) == {"python3"}, 1.0)


def _programs(built: World) -> set[str]:
    """What runs in the world: the servers, and whatever was left behind."""
    pids = (_said(["ip", "netns", "pids", each]).split() for each in built.names.values())
    found = (_said(["cat", f"/proc/{pid.decode()}/comm"]) for each in pids for pid in each)
    return {each.decode().strip() for each in found if each}


def _said(command: list[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=False).stdout


def _wait(holds: object, patience: float = 10.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("script", ["true", "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP"])
def test_the_first_witness_changes_nothing(built: World, script: str) -> None:
    built.run("guest", script)
    before = state(built)

    targets = (APP, APP6, f"{APP}:80", f"[{APP6}]:81", f"{APP}:9/udp")
    verdicts = [verified(built, "client", each).verdict for each in targets]

    assert set(verdicts) <= {"agrees", "not compared"}
    assert state(built) == before


def test_a_diagnosis_changes_nothing(built: World) -> None:
    before = state(built)

    done = subprocess.run(homelab(built, "diagnose", "--json"), capture_output=True, check=False)

    assert done.returncode in (0, 1, 3), done.stderr
    assert b"Traceback" not in done.stderr
    assert state(built) == before


FATES = {
    Target(ip_address(APP)): "answered",
    Target(ip_address(APP), "tcp", 80): "answered",
    Target(ip_address(APP), "tcp", 81): "refused",
    Target(ip_address(APP), "udp", 9): "refused",
    Target(ip_address("10.4.0.77")): "timeout",
    Target(ip_address("10.8.0.1")): "unreachable",
    Target(ip_address(APP), "sctp", 9): "error: no probe speaks sctp",
}
FATES6 = {
    Target(ip_address(APP6)): "answered",
    Target(ip_address(APP6), "tcp", 80): "answered",
    Target(ip_address(APP6), "tcp", 81): "refused",
    Target(ip_address(APP6), "udp", 9): "refused",
    Target(ip_address("fd08::1")): "unreachable",
}


@pytest.mark.parametrize(
    ("source", "fates"), [("10.2.0.77", FATES), ("fd02::77", FATES6)], ids=["IPv4", "IPv6"]
)
def test_a_packet_by_hand_tells_each_fate(
    built: World, source: str, fates: dict[Target, str]
) -> None:
    """As if 10.2.0.77 were on the wire between router and host: it answers ARP and NDP too."""
    built.run("host", "ip route add unreachable 10.8.0.0/24; ip route add unreachable fd08::/64")
    system = LiveSystem()
    system.read()
    link = f"ip netns exec {built.names['host']} cat /sys/class/net/eth0/address"
    mac = _said(link.split()).decode().strip()
    place = built.place("router")
    sender = Sender(place, "wan", mac, ip_address(source))

    said = craft(system.door(place), sender, tuple(fates), 0.8)

    assert dict(zip(fates, said, strict=True)) == fates


@pytest.mark.parametrize("source", ["10.2.0.77", "10.99.0.1"])
def test_the_vantage_of_a_packet_is_asked_from_the_other_end_of_the_wire(
    built: World, source: str
) -> None:
    """Strict filters refuse the second source: no route leads back to it by eth0."""
    built.run("host", "ip route del default; sysctl -qw net.ipv4.conf.all.rp_filter=1")
    words = homelab(built, "trace", f"packet:eth0:{source}", APP, "--verify")

    done = subprocess.run(words, capture_output=True, text=True, check=False)

    fate = "answered" if source == "10.2.0.77" else "timeout"
    assert f"the packet says: {fate} (3 of 3 {fate}, written onto wan of" in done.stdout
    assert "model and packet agree" in done.stdout
    assert done.returncode == (0 if fate == "answered" else 1)


def test_where_nobody_is_at_the_other_end_it_is_said(built: World) -> None:
    words = homelab(built, "trace", "packet:br0:10.3.0.77", APP, "--verify")

    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert "not possible: nobody who was observed is at the other end of br0" in done.stdout
    assert "not compared" in done.stdout
