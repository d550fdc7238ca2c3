"""A firewall drops as invalid what belongs to a connection of which it saw one half only.

Seen as: requests arrive and answers vanish, or the first packet passes and the connection hangs; the counter of a rule
with `ctstate INVALID` or `ct state invalid` grows.

Look, in the place that is named; compare with the way of the request:

    iptables-save -c | grep INVALID
    homelab trace lan ADDRESS

Why: connection tracking knows a connection only where its first packet passed. An answer that comes back another way
meets a machine that never saw the request, and is invalid there: neither accepted as established
nor translated back by NAT.

Fix: make both ways the same: where the two part, the answer must go back to where the request came from. The
route that does it is named; it belongs into that machine's network configuration.

Opens: nothing. The connection passes where it was let through before.

Undo: delete that route.
"""

import re
from itertools import pairwise

from homelab.checks.advice import evidence, way_of
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command, next_hop
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix
from homelab.model.place import Place
from homelab.model.trace import Hop

CODE = "conntrack-invalid"
_INVALID = re.compile(r"(ctstate|state|ct state)\b[^-]*\binvalid\b", re.IGNORECASE)


def is_of_invalid(rule: str) -> bool:
    """Whether a rule, as its tool prints it, asks for packets of no known connection."""
    return bool(_INVALID.search(rule)) and "! --ct" not in rule


def claims(seen: Seen) -> bool:
    return seen.by_firewall and is_of_invalid(seen.cause.rule or "")


def _places(hops: tuple[Hop, ...]) -> list[Place]:
    return list(dict.fromkeys(each.at for each in hops))


def _parting(seen: Seen) -> tuple[Place, Place] | None:
    """Where the answer leaves the way of the request, and the place to which it should have gone."""
    there, back = _places(seen.trace.forward), _places(seen.trace.back)
    for here, after in pairwise((*back, seen.at)):
        if here in there and after not in there and there.index(here) > 0:
            return here, there[there.index(here) - 1]
    return None


def _fix(seen: Seen) -> Fix:
    parting, source = _parting(seen), seen.trace.source
    if parting is None or source is None:
        return Fix("send request and answer the same way; nothing has to be accepted then")
    here, there = parting
    hop = next_hop(seen.snapshot, here, there, seen.version)
    text = f"send answers to {source} from {here} by {there}, as the request came"
    if hop is None:
        return Fix(text)
    words = ("ip", "route", "replace", str(source), "via", str(hop.via))
    link = ("dev", hop.link) if hop.link else ()
    return Fix(text, commands=(command(seen.case, here, *words, *link),))


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: it never saw the first packet of this connection, and drops {way_of(seen)} {aims(group)} as "
        f"invalid, {evidence(seen)}",
        _fix(seen),
    )


FAULT = Fault(
    CODE, "one half of a connection is dropped as invalid", __doc__, claims, tells, by_place
)
