"""Ingress filters of homelab's own: base chains in ``table inet homelab``, each one nft transaction."""

import json
import re

from homelab.errors import OperationError
from homelab.model.operation import AllowEntry, IngressFilter
from homelab.model.place import Place
from homelab.system.doors import Door
from homelab.system.templates import render

TABLE = "homelab"

# What nft's scanner takes for an identifier, and a link that needs no quoting inside a string; a
# star at the end of an iifname would be a wildcard (nft(8)).
_CHAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,127}")
_LINK = re.compile(r"[A-Za-z0-9_.:-]{1,15}")
# A comment holds at most 128 bytes with its end (NFTNL_UDATA_COMMENT_MAXLEN in libnftnl).
_MARK = re.compile(r"[A-Za-z0-9_./:-]{1,119}")
_PROTOCOL = re.compile(r"[a-z][a-z0-9-]{0,15}")
_WITH_PORTS = ("tcp", "udp", "sctp", "dccp", "udplite")


def set_ingress_filter(door: Door, wanted: IngressFilter) -> None:
    """Install the chain; ``OperationError`` when there is one of that name already."""
    check(door.place, wanted)
    try:
        door.run(["nft", "-f", "-"], stdin=script(wanted))
    except OperationError as error:
        if wanted.chain in chains(door):
            raise in_the_way(door.place, wanted) from error
        raise


def delete_ingress_filter(door: Door, wanted: IngressFilter) -> None:
    """Remove the chain, and the table with the last one; ``OperationError`` when it is not there."""
    check(door.place, wanted)
    there = chains(door)
    if wanted.chain not in there:
        raise missing(door.place, wanted)
    door.run(["nft", "-f", "-"], stdin=removal(wanted, alone=there == (wanted.chain,)))


def in_the_way(place: Place, wanted: IngressFilter) -> OperationError:
    return OperationError(
        f"{place}: table inet {TABLE} already has a chain {wanted.chain}; "
        f"see nft list table inet {TABLE}"
    )


def missing(place: Place, wanted: IngressFilter) -> OperationError:
    return OperationError(
        f"{place}: table inet {TABLE} has no chain {wanted.chain} to delete; read the lab again"
    )


def check(place: Place, wanted: IngressFilter) -> None:
    """Refuse names that nft would read as anything else than a name."""
    fine = (
        _CHAIN.fullmatch(wanted.chain)
        and _LINK.fullmatch(wanted.bridge)
        and _MARK.fullmatch(wanted.mark)
        and all(_is_fine(each) for each in wanted.entries)
    )
    if not fine:
        raise OperationError(
            f"{place}: ingress filter {wanted.chain!r} of {wanted.bridge!r} with mark "
            f"{wanted.mark!r}: a name or a port in it is none that nft knows"
        )


def _is_fine(entry: AllowEntry) -> bool:
    if entry.protocol is not None and not _PROTOCOL.fullmatch(entry.protocol):
        return False
    if entry.ports is None:
        return True
    first, last = entry.ports
    return entry.protocol in _WITH_PORTS and 0 <= first <= last <= 0xFFFF


def script(wanted: IngressFilter) -> str:
    """The transaction that installs the chain."""
    values = {
        "table": TABLE,
        "chain": wanted.chain,
        "bridge": wanted.bridge,
        "comment": f"homelab:{wanted.mark}",
        "matches": [match(each) for each in wanted.entries],
    }
    return render("ingress.nft.j2", values)


def removal(wanted: IngressFilter, *, alone: bool) -> str:
    """The transaction that removes the chain; ``alone`` when the table has no other."""
    if alone:
        return f"delete table inet {TABLE}\n"
    name = f"inet {TABLE} {wanted.chain}"
    return f"flush chain {name}\ndelete chain {name}\n"


def match(entry: AllowEntry) -> str:
    """The entry as nft prints it."""
    return " ".join((*_source(entry), *_service(entry)))


def tells_family(entry: AllowEntry) -> bool:
    """ICMP exists in one family each: nft then leaves the match of the family out."""
    return entry.ports is None and l4(entry.protocol or "") in ("icmp", "ipv6-icmp")


def _source(entry: AllowEntry) -> tuple[str, ...]:
    source = entry.source
    if source.prefixlen == 0:
        return () if tells_family(entry) else (f"meta nfproto ipv{source.version}",)
    alone = source.prefixlen == source.max_prefixlen
    family = "ip" if source.version == 4 else "ip6"
    return (f"{family} saddr {source.network_address if alone else source}",)


def _service(entry: AllowEntry) -> tuple[str, ...]:
    if entry.ports is not None:
        first, last = entry.ports
        return (f"{entry.protocol} dport " + (f"{first}-{last}" if last > first else str(first)),)
    return (f"meta l4proto {l4(entry.protocol)}",) if entry.protocol else ()


def l4(protocol: str) -> str:
    """The protocol as nft prints it after meta l4proto."""
    return {"icmp6": "ipv6-icmp", "icmpv6": "ipv6-icmp"}.get(protocol, protocol)


def chains(door: Door) -> tuple[str, ...]:
    """Names of the chains in our own table; none when there is no table."""
    try:
        printed = door.run(["nft", "-j", "list", "table", "inet", TABLE])
    except OperationError:
        return ()
    try:
        found = json.loads(printed)["nftables"]
        return tuple(str(each["chain"]["name"]) for each in found if "chain" in each)
    except (ValueError, KeyError, TypeError) as error:
        raise OperationError(f"{door.place}: nft -j list table inet {TABLE}: {error}") from error
