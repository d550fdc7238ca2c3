"""iptables as far as a fix must know it: which chain to stand in, and an accept of homelab's own."""

import re
from collections.abc import Iterator
from hashlib import blake2s

from homelab.checks.seen import Group, Seen, networks
from homelab.model.kernel import Namespace
from homelab.model.operation import AddFilterRule, FilterRule
from homelab.model.place import HOST, Network

TOOLS = {4: ("iptables-nft", "iptables-legacy"), 6: ("ip6tables-nft", "ip6tables-legacy")}
USER_CHAIN = "DOCKER-USER"
FORWARD = "FORWARD"
OPTIONS_SUFFICE = 28
"""From this Docker on a network of homelab's own is opened by its options alone (Engine 28.0)."""

_COUNTERS = re.compile(r"\[\d+:\d+\] ")


def lines(here: Namespace | None, tool: str, table: str) -> Iterator[str]:
    """The lines of one table as iptables-save prints them, without counters."""
    for ruleset in here.rulesets if here else ():
        inside = False
        for line in ruleset.text.splitlines() if ruleset.tool == tool else ():
            if line.startswith("*"):
                inside = line[1:] == table
            elif inside:
                yield _COUNTERS.sub("", line, count=1)


def has_docker_rules(here: Namespace) -> bool:
    """Whether anything of Docker's is in any ruleset, of iptables or of nft."""
    marks = (":DOCKER ", "chain DOCKER ", "table ip docker-bridges", '"docker-bridges"')
    return any(mark in each.text for each in here.rulesets for mark in marks)


def has_docker_chains(here: Namespace, version: int) -> bool:
    """Whether Docker's chains are in FORWARD's table of one version of IP: it writes each on demand."""
    tables = (lines(here, each, "filter") for each in TOOLS[version])
    return any(line.startswith(":DOCKER ") for table in tables for line in table)


def tool_of(seen: Seen) -> str:
    """The variant of iptables that holds the rule, or Docker's chains, or the one of today."""
    tool = seen.cause.tool or ""
    if "tables" in tool:
        return tool
    for each in TOOLS[seen.version]:
        if any(line.startswith(f":{USER_CHAIN} ") for line in lines(seen.here, each, "filter")):
            return each
    return TOOLS[seen.version][0]


def parent_of(seen: Seen) -> str:
    """DOCKER-USER when FORWARD comes to it before the rule that dropped, else FORWARD itself."""
    rules = [each for each in lines(seen.here, tool_of(seen), "filter") if each.startswith("-A")]
    forward = [each for each in rules if each.startswith(f"-A {FORWARD} ")]
    jump = f"-A {FORWARD} -j {USER_CHAIN}"
    if jump not in forward:
        return FORWARD
    dropped = seen.cause.rule or ""
    before = dropped not in forward or forward.index(jump) < forward.index(dropped)
    return USER_CHAIN if before else FORWARD


def accepts(group: Group, code: str) -> tuple[AddFilterRule, ...]:
    """Our accept of the group's networks in the table filter, before what dropped them.

    In DOCKER-USER one direction is enough, since Docker lets replies pass; elsewhere nobody does.
    """
    return tuple(
        AddFilterRule(seen.at, rule) for seen in networks(group) for rule in _pair(seen, code)
    )


def among(group: Group, code: str) -> tuple[AddFilterRule, ...]:
    """Our accept from each of the group's subnets to itself."""
    rules = (
        (seen, _accept(seen, code, "filter", parent_of(seen), "both")) for seen in networks(group)
    )
    return tuple(AddFilterRule(seen.at, rule) for seen, rule in rules if seen.subnet)


def raw_accepts(group: Group, code: str) -> tuple[AddFilterRule, ...]:
    """Our accept in raw PREROUTING, before Docker's drops of direct access."""
    return tuple(
        AddFilterRule(seen.at, _accept(seen, code, "raw", "PREROUTING", "in"))
        for seen in networks(group)
        if seen.subnet
    )


def has_raw_drop(seen: Seen) -> bool:
    """Whether Docker drops direct access to some address of the judged network."""
    bridge = seen.network.bridge if seen.network else ""
    end = f"! -i {bridge} -j DROP"
    return any(each.endswith(end) for each in lines(seen.here, tool_of(seen), "raw"))


def _pair(seen: Seen, code: str) -> Iterator[FilterRule]:
    if seen.subnet is None:
        return
    parent = parent_of(seen)
    both = parent == FORWARD or seen.at == HOST
    for way in ("in", "out"):
        if both or (way == "out") == seen.is_return:
            yield _accept(seen, code, "filter", parent, way)


def _accept(seen: Seen, code: str, table: str, parent: str, way: str) -> FilterRule:
    source: Network | None = seen.subnet if way in ("out", "both") else None
    target: Network | None = seen.subnet if way in ("in", "both") else None
    tool = tool_of(seen)
    content = f"{tool} {parent} {source} {target}"
    digest = blake2s(content.encode(), digest_size=4).hexdigest()
    purpose = way if _is_of_apply(seen, table, way) else f"fix-{code}"
    names = (seen.judgement.name.guest, seen.judgement.name.network)
    mark = f"{'/'.join(map(_plain, names))}:{purpose}:{digest}"
    return FilterRule(tool, table, parent, mark, source, target)


def _is_of_apply(seen: Seen, table: str, way: str) -> bool:
    """Whether `homelab apply` puts this very rule there too: then it has the same identity."""
    if table != "filter" or seen.is_unwanted or not seen.is_wanted:
        return False
    old = seen.daemon is not None and seen.daemon.major < OPTIONS_SUFFICE
    return seen.at == HOST or (old and way == "in")


def _plain(name: str) -> str:
    """A name of a guest or network, fit for a comment that iptables-save prints in one word."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:60]
