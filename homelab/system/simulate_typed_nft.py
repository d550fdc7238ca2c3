"""An accept that a person inserts at the top of a chain with nft(8), in what nft prints as text and as JSON."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_network
from typing import Any, NamedTuple, TypeAlias

from homelab.errors import OperationError
from homelab.model.kernel import Namespace
from homelab.model.place import Network
from homelab.system.simulate_places import ruleset, with_rules

Here: TypeAlias = Callable[[Namespace], Namespace]

FAMILIES = {"ip": 4, "ip6": 6}


class Accept(NamedTuple):
    """``field`` is ``saddr`` or ``daddr``."""

    family: str
    table: str
    chain: str
    field: str
    network: Network

    @property
    def protocol(self) -> str:
        return "ip6" if self.network.version == 6 else "ip"


def understood(words: Sequence[str]) -> Here | None:
    """What ``nft insert rule FAMILY TABLE CHAIN ip daddr NETWORK accept`` does; None for other words."""
    match tuple(words):
        case (
            "nft",
            "insert",
            "rule",
            family,
            table,
            chain,
            ("ip" | "ip6") as protocol,
            ("saddr" | "daddr") as field,
            to,
            "accept",
        ):
            network = ip_network(to)
            if network.version != FAMILIES[protocol]:
                return None
            wanted = Accept(family, table, chain, field, network)
            return lambda here: _inserted(here, wanted)
    return None


def _inserted(here: Namespace, wanted: Accept) -> Namespace:
    """In both forms of what nft prints, as far as there is one."""
    tools = [each for each in ("nft-json", "nft") if ruleset(here, each)]
    for tool in tools:
        change = partial(_in_json if tool == "nft-json" else _in_text, wanted)
        here = with_rules(here, tool, change)
    if not tools:
        raise OperationError(f"nft {wanted.family} {wanted.table}: there is no such table")
    return here


def _in_json(wanted: Accept, text: str) -> str:
    whole = json.loads(text)
    items = whole["nftables"]
    at = next((at for at, each in enumerate(items) if _is_chain(each, wanted)), None)
    if at is None:
        raise _missing(wanted)
    return json.dumps({**whole, "nftables": [*items[: at + 1], _rule(wanted), *items[at + 1 :]]})


def _is_chain(item: dict[str, Any], wanted: Accept) -> bool:
    found = item.get("chain", {})
    said = (found.get("family"), found.get("table"), found.get("name"))
    return said == (wanted.family, wanted.table, wanted.chain)


def _rule(wanted: Accept) -> dict[str, Any]:
    field = {"payload": {"protocol": wanted.protocol, "field": wanted.field}}
    address: object = str(wanted.network.network_address)
    if wanted.network.prefixlen < wanted.network.max_prefixlen:
        address = {"prefix": {"addr": address, "len": wanted.network.prefixlen}}
    match = {"match": {"op": "==", "left": field, "right": address}}
    own = {"family": wanted.family, "table": wanted.table, "chain": wanted.chain, "handle": 0}
    return {"rule": {**own, "expr": [match, {"accept": None}]}}


def _in_text(wanted: Accept, text: str) -> str:
    """Behind the line of the chain, and behind that of its hook if it has one."""
    lines = text.splitlines(keepends=True)
    table = f"table {wanted.family} {wanted.table} {{"
    start = next((at for at, each in enumerate(lines) if each.startswith(table)), len(lines))
    head = f"chain {wanted.chain} {{"
    inside = range(start + 1, len(lines))
    at = next((at for at in inside if lines[at].strip().startswith(head)), None)
    if at is None:
        raise _missing(wanted)
    at += 1
    while at < len(lines) and lines[at].strip().startswith(("type ", "policy ", "comment ")):
        at += 1
    line = f"\t\t{wanted.protocol} {wanted.field} {_printed(wanted.network)} accept # handle 0\n"
    return "".join((*lines[:at], line, *lines[at:]))


def _printed(network: Network) -> str:
    """A single address without its length, as nft prints it."""
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


def _missing(wanted: Accept) -> OperationError:
    return OperationError(
        f"nft {wanted.family} {wanted.table} {wanted.chain}: there is no such chain"
    )
