"""Client, router and host are on one segment: answers go past the router, and its firewall loses track.

Seen as: ping works and connections hang after their first packets, or each new one stalls for some seconds; the client
gets ICMP redirects.

Look, on the router and on a client:

    iptables-save -c | grep INVALID
    ip route get ADDRESS                # "redirected" in the cache

Why: the client sends through its router, which turns the packet round to the host on the same segment and may tell the
client of the shorter way (RFC 1812, 5.2.7.2). The host answers the client directly. The router sees the
client's packets only: the one that completes the handshake is invalid for it, and a rule that drops what is
invalid ends the connection.

Fix: a route to the subnet on the clients, by DHCP option 121 or by hand, so that the router is not asked; or no state
on the router for that subnet, both ways:

    iptables -t raw -I PREROUTING -d SUBNET -j CT --notrack

Opens: what the router's rules let pass without looking at state.

Undo: the same command with `-D` in place of `-I`.
"""

import re
from collections.abc import Iterator

from homelab.checks.conntrack_invalid import is_of_invalid
from homelab.checks.fault import Fault
from homelab.checks.lab import command
from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.kernel import Namespace
from homelab.model.place import ROUTER, Network
from homelab.model.trace import Trace

CODE = "router-redirect-asymmetry"
_COUNTED = re.compile(r" packets \d+ bytes \d+|^\[\d+:\d+\] ")
ENDS = ("-j DROP", "-j REJECT", " drop", " reject")


def sees(case: Case) -> Iterator[Finding]:
    here = case.snapshot.namespace(ROUTER)
    for version in (4, 6):
        rule = _drop_of_invalid(here, version) if here else None
        past = [each for each in case.judgements if rule and _goes_past(each, version)]
        if rule is not None and past:
            yield _finding(case, rule, past, version)


def _drop_of_invalid(here: Namespace, version: int) -> str | None:
    """The rule of the router that drops what it takes for invalid on its way through."""
    # nft lists the rules of iptables-nft too: they are told as whoever wrote them knows them.
    for tool in ("ip6tables" if version == 6 else "iptables", "nft"):
        for ruleset in here.rulesets:
            if ruleset.tool != "nft-json" and ruleset.tool.startswith(tool):
                for line in map(str.strip, ruleset.text.splitlines()):
                    if _drops_invalid(line):
                        return _COUNTED.sub("", line.partition(" # handle")[0])
    return None


def _drops_invalid(line: str) -> bool:
    own = " INPUT " in line or " OUTPUT " in line
    return is_of_invalid(line) and any(each in line for each in ENDS) and not own


def _goes_past(judgement: Judgement, version: int) -> bool:
    traces = (each for each in judgement.traces if each.target.address.version == version)
    return any(each.ok and _one_way(each) for each in traces)


def _one_way(trace: Trace) -> bool:
    """The request went through the router, the answer did not."""
    there = any(each.at == ROUTER for each in trace.forward)
    return there and bool(trace.back) and not any(each.at == ROUTER for each in trace.back)


def _finding(case: Case, rule: str, past: list[Judgement], version: int) -> Finding:
    subnets = [net for each in past for net in each.subnets if net.version == version]
    return Finding(
        CODE,
        "warning",
        ROUTER,
        f"router: packets to {', '.join(map(str, subnets))} pass it, the answers do not; `{rule}` then ends "
        "each connection at its third packet",
        fix=Fix(
            "give the clients a route to the subnet through the host, or track none of it on the router",
            commands=tuple(_untracked(case, each) for each in subnets),
        ),
        affects=tuple(each.name for each in past),
    )


def _untracked(case: Case, subnet: Network) -> str:
    tool = "ip6tables" if subnet.version == 6 else "iptables"
    words = ("-t", "raw", "-I", "PREROUTING", "-d", str(subnet), "-j", "CT", "--notrack")
    return command(case, ROUTER, tool, *words)


FAULT = Fault(CODE, "answers go past the router's firewall", __doc__, sees=sees)
