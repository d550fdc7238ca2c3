"""What a namespace printed, read into one ruleset, with what could not be read."""

import re
from collections.abc import Iterator, Mapping

from homelab.diagnosis.netfilter import iptables, nft
from homelab.diagnosis.netfilter.nft_fields import Links
from homelab.diagnosis.netfilter.rules import Ruleset, Table, Unread
from homelab.diagnosis.netfilter.sets import Sets
from homelab.model.kernel import Namespace

# set_target in net/netfilter/xt_set.c adds and deletes at once: a later rule sees it for the same packet.
_SET_TARGET = re.compile(r'--(?:add|del)-set "?([^\s"]+)')
_IPTABLES = ("iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy")


def read(namespace: Namespace) -> Ruleset:
    """All rules of the namespace; each source that is missing is named for the family it concerns."""
    texts = {each.tool: each.text for each in namespace.rulesets}
    changed = {name for tool in _IPTABLES for name in _SET_TARGET.findall(texts.get(tool, ""))}
    sets = Sets.parse(texts.get("ipset", ""), changed)
    tables = [
        table for tool in _IPTABLES for table in iptables.parse(tool, texts.get(tool, ""), sets)
    ]
    native, trouble = _native(texts, tables, namespace)
    both = tuple(trouble)
    # What iptables-nft could not print, nft has listed.
    listed = bool(native) and not trouble
    unread = {
        4: (*_missing(namespace, _IPTABLES[listed:2], texts), *both),
        6: (*_missing(namespace, _IPTABLES[2 + listed :], texts), *both),
    }
    read = {(each.tool, each.family, each.name) for each in native}
    alone = [each for each in tables if (each.tool, each.family, each.name) not in read]
    return Ruleset((*alone, *native), unread)


def _missing(
    namespace: Namespace, tools: tuple[str, ...], texts: Mapping[str, str]
) -> Iterator[Unread]:
    for tool in tools:
        if tool in namespace.unread and tool not in texts:
            yield Unread(tool, namespace.unread[tool])


def _native(
    texts: Mapping[str, str], tables: list[Table], namespace: Namespace
) -> tuple[tuple[Table, ...], list[Unread]]:
    """What nft tells: tables of its own, those of iptables-nft completed, and what is missing."""
    owned = {(each.family, each.name): each for each in tables if each.tool.endswith("-nft")}
    listing = texts.get("nft", "")
    text = texts.get("nft-json", "")
    if not text.strip() and (not listing.strip() or "nft" in namespace.unread):
        return (), [*_unread_nft(namespace)]
    links = Links({each.name: each for each in namespace.links})
    try:
        return nft.parse(text, listing, owned, links), []
    except nft.NotARulesetError as error:
        return (), [Unread("nft-json" if text.strip() else "nft", str(error))]


def _unread_nft(namespace: Namespace) -> Iterator[Unread]:
    for source in ("nft-json", "nft"):
        if source in namespace.unread:
            yield Unread(source, namespace.unread[source])
            return
