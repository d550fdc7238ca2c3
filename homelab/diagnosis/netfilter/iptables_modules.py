"""The modules of iptables whose options are one question together, not one each."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from homelab.diagnosis.netfilter import questions, route_questions
from homelab.diagnosis.netfilter.rules import Test
from homelab.diagnosis.netfilter.words import Option

Whole: TypeAlias = Callable[[tuple[Option, ...]], Test]

_LIMITS = {"limit-iface-in": "iif", "limit-iface-out": "oif"}
_ABSENT = ("rt", "frag", "hbh", "dst", "mh", "srh", "ah", "esp", "ipcomp")
"""Modules that ask for a header which the packets of this model do not carry: without it nothing matches."""
_SAME = {"protocol": "prot"}


def connection(options: tuple[Option, ...], parts: tuple[Test, ...]) -> Test:
    """xt_conntrack: where no connection is, only the state is asked, and without it nothing matches."""
    # conntrack_mt in net/netfilter/xt_conntrack.c: "if (ct == NULL) return info->match_flags & XT_CONNTRACK_STATE".
    whole = questions.every(parts)
    asked = [test for each, test in zip(options, parts, strict=True) if each.name == "ctstate"]
    alone = questions.every(tuple(asked)) if asked else questions.never
    return lambda packet, context: (whole if packet.connection else alone)(packet, context)


def _address_types(options: tuple[Option, ...]) -> Test:
    """xt_addrtype; ``--limit-iface-in`` and ``-out`` hold for both of its types."""
    names = {each.name for each in options}
    side = next((side for name, side in _LIMITS.items() if name in names), None)
    parts = tuple(
        _negated_type(each, side) for each in options if not each.name.startswith("limit-iface-")
    )
    return questions.every(parts)


def _headers(options: tuple[Option, ...]) -> Test:
    """ip6t_ipv6header of a packet whose only header is its protocol's; ``--soft`` lets it have others."""
    asked = next((each for each in options if each.name == "header" and each.values), None)
    if asked is None:
        return questions.undetermined
    names = {_SAME.get(each, each) for each in asked.values[0].lower().split(",")}
    if asked.negated and any(each.name == "soft" for each in options):
        return questions.never if "prot" in names else questions.always
    return questions.always if (names == {"prot"}) is not asked.negated else questions.never


def _negated_type(option: Option, side: str | None) -> Test:
    ends = {"src-type": "source", "dst-type": "destination"}
    if option.name not in ends or len(option.values) != 1:
        return questions.undetermined
    kinds = frozenset(option.values[0].lower().split(","))
    built = route_questions.address_type(ends[option.name], kinds, side)
    return questions.negation(built) if option.negated else built


def _reverse_path(options: tuple[Option, ...]) -> Test:
    return route_questions.reverse_path(frozenset(each.name for each in options))


def _absent(_options: tuple[Option, ...]) -> Test:
    return questions.never


WHOLE: Mapping[str, Whole] = {
    "rpfilter": _reverse_path,
    "addrtype": _address_types,
    "ipv6header": _headers,
    **dict.fromkeys(_ABSENT, _absent),
}
