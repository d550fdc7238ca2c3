"""Pure: the rules that make nft trace exactly our probes, and what ``nft monitor trace`` prints of them."""

import re
from collections.abc import Iterator

from homelab.model.place import Address, Place
from homelab.model.proof import Step, Watch

# Before every other chain, conntrack's and defragmentation's too (NF_IP_PRI_FIRST is INT_MIN).
_PRIORITY = -2147483648 + 1
_HOOKS = ("prerouting", "output")
_MOST = 2000
_LINE = re.compile(
    r"trace id (?P<id>[0-9a-f]+) (?P<family>\w+) (?P<table>\S+) (?P<chain>\S+) "
    r"(?P<kind>rule|policy|verdict) (?P<rest>.*)"
)
_RULE = re.compile(r"(?P<text>.*) \(verdict (?P<verdict>[^()]*)\)")


def script(table: str, wanted: Watch, own: int) -> str:
    """What ``nft -i`` reads: one transaction in one line, and a question that shows that it is done."""
    lines = [f"add table inet {table} {{ flags owner; }}"]
    for hook in _HOOKS:
        kind = f"type filter hook {hook} priority {_PRIORITY}; policy accept;"
        lines.append(f"add chain inet {table} {hook} {{ {kind} }}")
        lines += [
            f"add rule inet {table} {hook} {match} meta nftrace set 1"
            for match in matches(wanted, own)
        ]
    return "; ".join(lines) + f"\nlist table inet {table}\n"


def matches(wanted: Watch, own: int) -> Iterator[str]:
    """Our packets and their answers, by one of their ends: the other may be translated on the way."""
    numbers = f"{own}-{own + wanted.count - 1}"
    there, back = _numbers(wanted, numbers)
    if wanted.source is not None:
        yield f"{_end('saddr', wanted.source)} {there}"
        yield f"{_end('daddr', wanted.source)} {back}"
    yield f"{_end('daddr', wanted.target.address)} {there}"
    yield f"{_end('saddr', wanted.target.address)} {back}"


def _numbers(wanted: Watch, numbers: str) -> tuple[str, str]:
    target = wanted.target
    if target.port is not None:
        return f"{target.protocol} sport {numbers}", f"{target.protocol} dport {numbers}"
    kind = "icmp" if target.address.version == 4 else "icmpv6"
    request, reply = (
        f"{kind} type echo-{word} {kind} id {numbers}" for word in ("request", "reply")
    )
    return request, reply


def _end(which: str, address: Address) -> str:
    return f"{'ip' if address.version == 4 else 'ip6'} {which} {address}"


def parse_trace(place: Place, text: str) -> Iterator[Step]:
    """Every rule, policy and verdict that the kernel told; what is no such line is left out."""
    for line in text.splitlines()[:_MOST]:
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            continue
        text, verdict = found["rest"], found["rest"]
        rule = _RULE.fullmatch(text) if found["kind"] == "rule" else None
        if rule is not None:
            text, verdict = rule["text"], rule["verdict"]
        elif found["kind"] != "rule":
            text = f"{found['kind']} {verdict}"
        yield Step(
            place, found["id"], found["family"], found["table"], found["chain"], text, verdict
        )


def is_refusal(answer: str) -> bool:
    return "Error:" in answer
