"""Every rule that real labs were seen to have is understood, and Docker's drops are named as it prints them."""

import json
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from homelab.diagnosis.netfilter import Context, Firewall, Traversal
from homelab.diagnosis.netfilter.questions import undetermined
from homelab.diagnosis.netfilter.rules import Match, Opaque, Rule
from homelab.diagnosis.packet import Packet
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.place import Place, guest
from tests import captured
from tests.diagnosis.netfilter_lab import RouterFib

WEB = guest("web")
LAN = ip_address("10.66.0.1")
RUNTIMES = [each for each in captured.RUNTIMES if (each / "host-nft-ruleset.json").exists()]


def runtime(folder: Path) -> Namespace:
    return Namespace(
        rulesets=(
            Ruleset("nft-json", (folder / "host-nft-ruleset.json").read_text()),
            Ruleset("nft", (folder / "host-nft-ruleset.txt").read_text()),
        )
    )


def rules(firewall: Firewall) -> Iterator[Rule]:
    for table in firewall.ruleset.tables:
        for chain in table.chains.values():
            yield from chain.rules


@pytest.mark.parametrize("folder", [*captured.DOCKER, *RUNTIMES], ids=captured.name)
def test_nothing_stays_unparsed(folder: Path) -> None:
    here = runtime(folder) if folder in RUNTIMES else captured.namespace(folder)
    firewall = Firewall.compile(here, WEB)

    assert list(firewall.ruleset.problems()) == []
    assert not any(firewall.ruleset.unread.values())
    for rule in rules(firewall):
        for step in rule.steps:
            assert not isinstance(step, Opaque), rule.text
            assert step != Match(undetermined), rule.text


@pytest.mark.parametrize("folder", captured.DOCKER, ids=captured.name)
def test_rules_are_named_as_their_tool_prints_them(folder: Path) -> None:
    here = captured.namespace(folder)
    printed = {
        line.partition("] ")[2] if line.startswith("[") else line.partition(" # handle")[0].strip()
        for each in here.rulesets
        for line in each.text.splitlines()
    }

    for rule in rules(Firewall.compile(here, WEB)):
        assert rule.text in printed


@pytest.mark.parametrize("folder", captured.DOCKER, ids=captured.name)
def test_all_of_it_is_of_docker_or_of_the_user(folder: Path) -> None:
    firewall = Firewall.compile(captured.namespace(folder), WEB)
    owners = {rule.text: firewall.owner(rule) for rule in rules(firewall)}

    assert set(owners.values()) <= {"docker", "user", "homelab"}
    for text, owner in owners.items():
        if "DOCKER-USER" not in text and "-i eth0 -j ACCEPT" not in text:
            assert owner in {"docker", "homelab"}, text


def lan_packet(destination: str, port: int | None) -> Packet:
    target = ip_address(destination)
    if port is None:
        return Packet(LAN, target, "icmp", sport=1, icmp_type=8, icmp_code=0)
    return Packet(LAN, target, "tcp", sport=4000, dport=port, flags=frozenset({"SYN"}))


def stopped(folder: Path, packet: Packet) -> Traversal | None:
    """Where the guest's rules end a packet from the LAN to a container on br-n1."""
    here = captured.namespace(folder)
    firewall = Firewall.compile(here, WEB)
    fib = RouterFib(here.addresses)
    first = firewall.traverse("prerouting", packet, Context(fib, "eth0"))
    if first.verdict != "accept":
        return first
    context = Context(fib, "eth0", "br-n1", connections=first.connections)
    second = firewall.traverse("forward", first.packet, context)
    return None if second.verdict == "accept" else second


VERDICTS = [
    (folder, key, address, port)
    for folder in captured.DOCKER
    if (folder / "verdict.json").exists()
    for key, address, port in (
        ("ping_c1", "10.90.1.10", None),
        ("tcp80_c1(unpublished)", "10.90.1.10", 80),
        ("ping_c2", "10.90.1.11", None),
        ("tcp80_c2(published,direct)", "10.90.1.11", 80),
    )
]


@pytest.mark.parametrize(("folder", "key", "address", "port"), VERDICTS)
def test_the_measured_verdict(folder: Path, key: str, address: str, port: int | None) -> None:
    probe = json.loads((folder / "verdict.json").read_text())["probe"]
    end = stopped(folder, lan_packet(address, port))

    assert (end is None) == (probe[key] == "ok"), end
    if end is not None:
        assert end.verdict == "drop"
        assert end.blame is not None
        assert end.blame.owner == "docker"


def named(
    case: str, port: int | None = None, address: str = "10.90.1.10"
) -> tuple[str | None, ...]:
    end = stopped(captured.CAPTURES / case, lan_packet(address, port))
    assert end is not None
    assert end.blame is not None
    cause = end.blame.cause(
        Place("guest:web"), "forward", "forward", Context(RouterFib()), end.packet
    )
    return cause.kind, cause.table, cause.chain, cause.rule, cause.tool


def test_docker_20_drops_by_its_policy() -> None:
    assert named("docker-20.10/default-fwd0") == (
        "policy", "filter", "FORWARD", "-P FORWARD DROP", "iptables-nft",
    )  # fmt: skip


def test_docker_28_drops_before_routing() -> None:
    assert named("docker-28.5/default-fwd0") == (
        "rule", "raw", "PREROUTING", "-A PREROUTING -d 10.90.1.10/32 ! -i br-n1 -j DROP", "iptables-nft",
    )  # fmt: skip


def test_docker_29_drops_in_its_own_nft_table() -> None:
    kind, table, chain, rule, tool = named("docker-29.7/nft-default-fwd1")

    assert (kind, table, chain, tool) == ("rule", "docker-bridges", "raw-PREROUTING", "nft")
    assert rule is not None
    assert rule.endswith('drop comment "DROP DIRECT ACCESS"')
