"""The cases of ``tests/diagnosis/syntax``: a rule of one tool, packets, and what it does to them."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from homelab.diagnosis.netfilter import Context, Firewall
from homelab.diagnosis.packet import Packet
from tests.diagnosis.netfilter_lab import (
    CLIENT_SIDE,
    FAR,
    SERVER_SIDE,
    RouterFib,
    ping,
    tcp,
    udp,
)

FOLDER = Path(__file__).parent / "syntax"
SETS = "create homes hash:net family inet\nadd homes 10.99.1.0/24\n"
_PLACE = re.compile(r"\s*@(filter|nat|mangle|raw) ([A-Z]+)\s*")


class Expectation(NamedTuple):
    packet: str
    fate: str


@dataclass(frozen=True)
class Case:
    """One rule; ``table`` and ``chain`` as iptables names them."""

    rule: str
    table: str
    chain: str
    expectations: tuple[Expectation, ...]

    @property
    def saved(self) -> str:
        """The rule in its table, as ``iptables-save`` frames it."""
        head = f"*{self.table}\n:{self.chain} ACCEPT [0:0]\n"
        return f"{head}[1:60] -A {self.chain} {self.rule}\nCOMMIT\n"


def cases(name: str) -> list[Case]:
    found: list[Case] = []
    for line in (FOLDER / f"{name}.t").read_text().splitlines():
        if line.startswith("    "):
            packet, _, fate = line.strip().partition(" ")
            expected = (*found[-1].expectations, Expectation(packet, fate))
            found[-1] = replace(found[-1], expectations=expected)
        elif line and not line.startswith("#"):
            place = _PLACE.search(line)
            table, chain = (place[1], place[2]) if place else ("filter", "FORWARD")
            found.append(Case(_PLACE.sub(" ", line).strip(), table, chain, ()))
    return found


def judge(firewall: Firewall, case: Case, version: int) -> None:
    """No rule is lost, and each packet has the fate that the case tells."""
    assert list(firewall.ruleset.problems()) == []
    for packet, fate in case.expectations:
        assert _fate(firewall, case.chain.lower(), packet, version, fate) == fate, (
            case.rule,
            packet,
        )


def _fate(firewall: Firewall, hook: str, name: str, version: int, expected: str) -> str:
    iif = None if hook == "output" else CLIENT_SIDE
    oif = None if hook in {"prerouting", "input"} else SERVER_SIDE
    context = Context(RouterFib(), iif, oif)
    packet = _packet(name, version)
    if hook in {"forward", "postrouting"}:
        start = "prerouting"
        first = firewall.traverse(start, packet, context._replace(oif=None))
        packet = first.packet._replace(ttl=packet.ttl - 1)
    found = firewall.traverse(hook, packet, context)
    if found.verdict != "accept":
        return "?" if found.verdict == "unknown" else "yes"
    side = expected.partition(" ")[0]
    if side == "to":
        return f"to {found.packet.destination}:{found.packet.dport}"
    return f"from {found.packet.source}" if side == "from" else "no"


def _packet(name: str, version: int) -> Packet:
    kind, _, port = name.partition(":")
    if kind == "ping":
        return ping(version)
    if kind == "out":
        return tcp(int(port), version)._replace(source=FAR[version])
    return (tcp if kind == "tcp" else udp)(int(port), version)
