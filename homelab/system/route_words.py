"""A route of homelab's own in the words of ip(8): one command, or lines of a batch."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from homelab.model.kernel import MAIN, Route
from homelab.model.operation import AddRoute, DeleteRoute

Step: TypeAlias = AddRoute | DeleteRoute

_BATCHED = re.compile(r"[A-Za-z0-9_.@-]{1,15}")


def words(route: Route) -> str:
    """The route as ip(8) writes it."""
    return " ".join(as_words(route))


def as_words(route: Route) -> list[str]:
    kind = [] if route.kind == "unicast" else [route.kind]
    return [
        *kind,
        str(route.destination),
        *(["via", str(route.via)] if route.via else []),
        *(["dev", route.link] if route.link else []),
        *(["onlink"] if route.hops and route.hops[0].onlink else []),
        *(["proto", route.protocol]),
        *(["scope", route.scope] if _has_scope(route) else []),
        *(["src", str(route.source)] if route.source else []),
        *(["metric", str(route.metric)] if route.metric else []),
        *(["mtu", str(route.mtu)] if route.mtu else []),
        *(["advmss", str(route.advmss)] if route.advmss else []),
        *(["table", str(route.table)] if route.table != MAIN else []),
    ]


def _has_scope(route: Route) -> bool:
    # Routes of IPv6 have no scope (ip-route(8)).
    return route.destination.version == 4 and route.scope != "global"


def family(route: Route) -> str:
    return f"-{route.destination.version}"


def is_plain(route: Route) -> bool:
    r"""In a batch ip(8) takes ``#`` for the start of a comment, and quotes and ``\`` for its own.

    It knows the family by the destination, and takes a next hop of the same family only.
    """
    same = route.via is None or route.via.version == route.destination.version
    return same and (route.link is None or _BATCHED.fullmatch(route.link) is not None)


def lines(steps: Sequence[Step]) -> str:
    return "".join(f"{' '.join(command(each)[1:])}\n" for each in steps)


def command(step: Step) -> list[str]:
    verb = "add" if isinstance(step, AddRoute) else "del"
    return [family(step.route), "route", verb, *as_words(step.route)]


def opposite(step: Step) -> Step:
    if isinstance(step, AddRoute):
        return DeleteRoute(step.place, step.route)
    return AddRoute(step.place, step.route)
