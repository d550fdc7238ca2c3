"""The nat statements of nft: dnat, snat, masquerade and redirect, to constants or through maps."""

from collections.abc import Callable
from ipaddress import ip_network

from homelab.diagnosis.netfilter.door import Context
from homelab.diagnosis.netfilter.nft_expressions import Scope, mapping
from homelab.diagnosis.netfilter.nft_kinds import NUMBER, Json
from homelab.diagnosis.netfilter.rules import Step, Translate, Translation
from homelab.diagnosis.netfilter.values import address
from homelab.diagnosis.packet import Packet
from homelab.model.place import Address


def translation(kind: str, given: Json, scope: Scope) -> Step | None:
    """The step of a nat statement; None when it cannot be read."""
    target = given.get("addr")
    if "prefix" in _flags(given):
        kind = "netmap"
    mapped = target.get("map") if isinstance(target, dict) else None
    if isinstance(mapped, dict):
        return _through_map(kind, mapped, scope)
    made = _constant(kind, target, given.get("port"))
    return None if made is None else Translate(lambda *_: made)


def _flags(given: Json) -> list[object]:
    """Without the flag ``prefix`` a prefix is only how nft prints a range."""
    found = given.get("type_flags")
    return found if isinstance(found, list) else [found]


def _constant(kind: str, target: object, port: object) -> Translation | None:
    hosts, ports = _addresses(target), _ports(port)
    if hosts is None or ports is None:
        return None
    return Translation(kind, *hosts, *ports)


def _through_map(kind: str, given: Json, scope: Scope) -> Step | None:
    def read(target: object) -> Translation | None:
        parts = target.get("concat") if isinstance(target, dict) else None
        if isinstance(parts, list) and len(parts) == 2:
            return _constant(kind, parts[0], parts[1])
        return _constant(kind, target, None)

    found = mapping(given, scope, read)
    return Translate(_only(found)) if found else None


def _only(
    found: Callable[[Packet, Context], tuple[Translation | None, ...]],
) -> Callable[[Packet, Context], Translation | None]:
    """What the map gives, where it can only give one thing; NONE of it leaves the rule."""

    def find(packet: Packet, context: Context) -> Translation | None:
        targets = found(packet, context)
        if len(targets) > 1:
            return None
        return targets[0] or Translation("none")

    return find


def _addresses(given: object) -> tuple[Address | None, Address | None] | None:
    if given is None:
        return (None, None)
    if isinstance(given, str):
        one = address(given)
        return None if one is None else (one, one)
    inner = given.get("range") if isinstance(given, dict) else None
    if isinstance(inner, list) and len(inner) == 2:
        low, high = address(str(inner[0])), address(str(inner[1]))
        return (low, high) if low and high else None
    net = given.get("prefix") if isinstance(given, dict) else None
    if not isinstance(net, dict):
        return None
    try:
        whole = ip_network(f"{net.get('addr')}/{net.get('len')}", strict=False)
    except ValueError:
        return None
    return (whole.network_address, whole.broadcast_address)


def _ports(given: object) -> tuple[int | None, int | None] | None:
    if given is None:
        return (None, None)
    found = NUMBER.interval(given)
    return found if found and 0 <= found[0] <= found[1] <= 0xFFFF else None
