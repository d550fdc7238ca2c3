"""Pure: what the kernel and the firewall tools print of their counters, as numbers."""

import json
import re
from collections.abc import Iterator

# "[packets:bytes] -A CHAIN …", ":CHAIN POLICY [packets:bytes]" (iptables-save -c).
_RULE = re.compile(r"\[(\d+):\d+\] (-A .*)")
_POLICY = re.compile(r":(\S+) (\S+) \[(\d+):\d+\]")
_COLUMNS = 16


def parse_dev(text: str) -> Iterator[tuple[str, int]]:
    """From /proc/net/dev: received packets are its second column, sent ones its tenth (proc(5))."""
    for line in text.splitlines():
        name, colon, rest = line.rpartition(":")
        columns = rest.split()
        if colon and len(columns) >= _COLUMNS and all(each.isdecimal() for each in columns):
            yield f"in {name.strip()}", int(columns[1])
            yield f"out {name.strip()}", int(columns[9])


def parse_pairs(text: str) -> Iterator[tuple[str, int]]:
    """From /proc/net/snmp and netstat: a line of names over a line of values, each led by a group."""
    lines = iter(text.splitlines())
    for names, values in zip(lines, lines, strict=False):
        group, _, columns = names.partition(":")
        for name, value in zip(columns.split(), values.split()[1:], strict=False):
            if value.isdecimal():
                yield group + name, int(value)


def parse_lines(text: str) -> Iterator[tuple[str, int]]:
    """From /proc/net/snmp6: a name and a value in each line."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value.strip().isdecimal():
            yield name.strip(), int(value)


def parse_saved(table: str, text: str) -> Iterator[tuple[str, int]]:
    """From ``iptables-save -c -t TABLE``: rules and policies; equal rules are told in one sum."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        rule, policy = _RULE.fullmatch(line), _POLICY.fullmatch(line)
        if rule:
            name, packets = rule[2], rule[1]
        elif policy and policy[2] != "-":
            name, packets = f"-P {policy[1]} {policy[2]}", policy[3]
        else:
            continue
        found[name] = found.get(name, 0) + int(packets)
    yield from ((f"{table}: {name}", packets) for name, packets in found.items())


def parse_nft(text: str) -> Iterator[tuple[str, int]]:
    """From ``nft -j list ruleset``: rules with a counter of their own, by their handle."""
    try:
        rows = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    for row in rows if isinstance(rows, list) else ():
        rule = row.get("rule") if isinstance(row, dict) else None
        if isinstance(rule, dict):
            packets = next(_counters(rule.get("expr")), None)
            if packets is not None:
                yield nft_name(rule), packets


def nft_name(rule: dict[str, object]) -> str:
    where = " ".join(str(rule.get(each)) for each in ("family", "table", "chain"))
    return f"{where} handle {rule.get('handle')}"


def _counters(expressions: object) -> Iterator[int]:
    for each in expressions if isinstance(expressions, list) else ():
        counter = each.get("counter") if isinstance(each, dict) else None
        packets = counter.get("packets") if isinstance(counter, dict) else None
        if isinstance(packets, int):
            yield packets
