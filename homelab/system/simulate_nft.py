"""Our table in nft's text and JSON, as nft would print it after an ingress filter came or went."""

import json
from collections.abc import Iterator
from typing import Any

from homelab.model.kernel import Namespace
from homelab.model.operation import AllowEntry, DeleteIngressFilter, IngressFilter, SetIngressFilter
from homelab.system import nft
from homelab.system.simulate_places import ruleset, with_rules

_HEAD = f"table inet {nft.TABLE} {{"
_HOOK = "type filter hook forward priority filter - 10; policy accept;"


def set_ingress(namespace: Namespace, operation: SetIngressFilter) -> Namespace:
    wanted = operation.filter
    nft.check(operation.place, wanted)
    items = _items(namespace)
    if wanted.chain in _chains(items):
        raise nft.in_the_way(operation.place, wanted)
    handle = _next_handle(items)
    namespace = _with_items(namespace, [*_with_table(items), *_objects(wanted, handle)])
    return with_rules(namespace, "nft", lambda text: _with_chain(text, wanted, handle))


def delete_ingress(namespace: Namespace, operation: DeleteIngressFilter) -> Namespace:
    wanted = operation.filter
    nft.check(operation.place, wanted)
    items = _items(namespace)
    if wanted.chain not in _chains(items):
        raise nft.missing(operation.place, wanted)
    kept = [each for each in items if wanted.chain not in (_chain(each), _chain_of_rule(each))]
    if not _chains(kept):
        return without_table(namespace)
    namespace = _with_items(namespace, kept)
    return with_rules(namespace, "nft", lambda text: _without_chain(text, wanted.chain))


def without_table(namespace: Namespace) -> Namespace:
    """The namespace after its table ``inet homelab`` is gone."""
    items = _items(namespace)
    kept = [each for each in items if not _is_ours(each)]
    if kept == items:
        return namespace
    return with_rules(_with_items(namespace, kept), "nft", _without_block)


def _with_items(namespace: Namespace, items: list[dict[str, Any]]) -> Namespace:
    return with_rules(namespace, "nft-json", lambda _: json.dumps({"nftables": items}))


def _items(namespace: Namespace) -> list[dict[str, Any]]:
    try:
        found = json.loads(ruleset(namespace, "nft-json") or '{"nftables": []}')["nftables"]
        return [each for each in found if isinstance(each, dict)]
    except (ValueError, TypeError, KeyError):
        return []


def _inner(item: dict[str, Any], kind: str) -> dict[str, Any]:
    found = item.get(kind)
    return found if isinstance(found, dict) else {}


def _is_ours(item: dict[str, Any]) -> bool:
    for kind, each in item.items():
        name = "name" if kind == "table" else "table"
        if isinstance(each, dict) and (each.get("family"), each.get(name)) == ("inet", nft.TABLE):
            return True
    return False


def _chain(item: dict[str, Any]) -> str | None:
    return _inner(item, "chain").get("name") if _is_ours(item) else None


def _chain_of_rule(item: dict[str, Any]) -> str | None:
    return _inner(item, "rule").get("chain") if _is_ours(item) else None


def _chains(items: list[dict[str, Any]]) -> list[str]:
    return [name for each in items if (name := _chain(each)) is not None]


def _with_table(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if any(_is_ours(each) for each in items):
        return items
    start = items or [{"metainfo": {"json_schema_version": 1}}]
    return [*start, {"table": {"family": "inet", "name": nft.TABLE, "handle": 1}}]


def _next_handle(items: list[dict[str, Any]]) -> int:
    taken = (_inner(each, kind).get("handle", 0) for each in items for kind in ("chain", "rule"))
    return 1 + max((each for each in taken if isinstance(each, int)), default=0)


def _objects(wanted: IngressFilter, handle: int) -> Iterator[dict[str, Any]]:
    own = {"family": "inet", "table": nft.TABLE}
    hook = {"type": "filter", "hook": "forward", "prio": -10, "policy": "accept"}
    yield {"chain": {**own, "name": wanted.chain, "handle": handle, **hook}}
    for number, expressions in enumerate(_rules(wanted), handle + 1):
        comment = {"handle": number, "comment": f"homelab:{wanted.mark}"}
        yield {"rule": {**own, "chain": wanted.chain, **comment, "expr": expressions}}


def _rules(wanted: IngressFilter) -> Iterator[list[dict[str, Any]]]:
    to_bridge = _equal({"meta": {"key": "oifname"}}, wanted.bridge)
    replies = {
        "match": {
            "op": "in",
            "left": {"ct": {"key": "state"}},
            "right": ["established", "related"],
        }
    }
    yield [_equal({"meta": {"key": "iifname"}}, wanted.bridge), {"accept": None}]
    yield [to_bridge, replies, {"accept": None}]
    for each in wanted.entries:
        yield [to_bridge, *_matches(each), {"accept": None}]
    yield [to_bridge, {"drop": None}]


def _equal(left: dict[str, Any], right: object) -> dict[str, Any]:
    return {"match": {"op": "==", "left": left, "right": right}}


def _matches(entry: AllowEntry) -> Iterator[dict[str, Any]]:
    source = entry.source
    if source.prefixlen == 0:
        if not nft.tells_family(entry):
            yield _equal({"meta": {"key": "nfproto"}}, f"ipv{source.version}")
    else:
        field = {"protocol": "ip" if source.version == 4 else "ip6", "field": "saddr"}
        yield _equal({"payload": field}, _addresses(entry))
    if entry.ports is not None:
        first, last = entry.ports
        ports = {"range": [first, last]} if last > first else first
        yield _equal({"payload": {"protocol": entry.protocol, "field": "dport"}}, ports)
    elif entry.protocol is not None:
        yield _equal({"meta": {"key": "l4proto"}}, nft.l4(entry.protocol))


def _addresses(entry: AllowEntry) -> object:
    address = str(entry.source.network_address)
    if entry.source.prefixlen == entry.source.max_prefixlen:
        return address
    return {"prefix": {"addr": address, "len": entry.source.prefixlen}}


def _with_chain(text: str, wanted: IngressFilter, handle: int) -> str:
    """Nft's plain text with the chain as the last of our table."""
    lines = text.splitlines()
    start, end = _block(lines)
    chain = list(_chain_lines(wanted, handle))
    if start == end:
        return _joined([*lines, f"{_HEAD} # handle 1", *chain, "}"])
    return _joined([*lines[:end], "", *chain, *lines[end:]])


def _without_chain(text: str, chain: str) -> str:
    lines = text.splitlines()
    start, end = _block(lines)
    first = next(
        (at for at in range(start, end) if lines[at].startswith(f"\tchain {chain} {{")), end
    )
    last = next((at for at in range(first, end) if lines[at] == "\t}"), end)
    # An empty line stands between two chains.
    rest = lines[last + 1 + (lines[last + 1 : last + 2] == [""]) :] if last < end else lines[end:]
    return _joined([*_trimmed(lines[:first], rest), *rest])


def _trimmed(before: list[str], rest: list[str]) -> list[str]:
    at_end = rest[:1] == ["}"] and before[-1:] == [""]
    return before[:-1] if at_end else before


def _without_block(text: str) -> str:
    lines = text.splitlines()
    start, end = _block(lines)
    return _joined([*lines[:start], *lines[end + 1 :]])


def _block(lines: list[str]) -> tuple[int, int]:
    """First and last line of our table; both behind the last line when there is none."""
    start = next((at for at, line in enumerate(lines) if line.startswith(_HEAD)), len(lines))
    return start, next((at for at in range(start, len(lines)) if lines[at] == "}"), len(lines))


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _chain_lines(wanted: IngressFilter, handle: int) -> Iterator[str]:
    yield f"\tchain {wanted.chain} {{ # handle {handle}"
    yield f"\t\t{_HOOK}"
    for number, words in enumerate(_words(wanted), handle + 1):
        yield f'\t\t{words} comment "homelab:{wanted.mark}" # handle {number}'
    yield "\t}"


def _words(wanted: IngressFilter) -> Iterator[str]:
    yield f'iifname "{wanted.bridge}" accept'
    yield f'oifname "{wanted.bridge}" ct state established,related accept'
    for each in wanted.entries:
        yield f'oifname "{wanted.bridge}" {nft.match(each)} accept'
    yield f'oifname "{wanted.bridge}" drop'
