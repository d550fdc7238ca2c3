"""A machine that forwards IPv6 does not listen to router advertisements, so it has no default route.

Seen as: IPv6 works after the start, and ends when the lifetime of the last advertisement does; `ip -6 route` has no
default, or one of protocol ra that expires.

Look, in the place that is named:

    sysctl net.ipv6.conf.LINK.accept_ra net.ipv6.conf.LINK.forwarding
    ip -6 route show default

Why: with `accept_ra` 1 the kernel takes advertisements only on links that do not forward; 2 takes them in any case
(kernel, ip-sysctl). Whatever switches forwarding on, Docker and LXD among others, switches the other off with
it. The route that was there stays until it expires.

Fix: the one key, on the link that hears the router; the route comes with the next advertisement:

    sysctl -w net.ipv6.conf.LINK.accept_ra=2

Or set the default route by hand. Write either into the configuration of the network.

Opens: the way out of that machine; it believes who advertises on that link.

Undo: `sysctl -w net.ipv6.conf.LINK.accept_ra=1`.
"""

from collections.abc import Iterator

from homelab.checks.advice import sysctl_fix
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import subnet_addresses
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Case, Finding, Fix
from homelab.model.kernel import Namespace
from homelab.model.operation import SetSysctl
from homelab.model.place import Address, Place

CODE = "ipv6-accept-ra-lost"
OF_RA = ("ra", "9")
"""Name and number of the protocol of routes that the kernel made of advertisements (rtnetlink(7))."""


def claims(seen: Seen) -> bool:
    """No route for the packet in a place with a link that would have learned one."""
    return seen.version == 6 and seen.cause.kind == "route" and _link(seen) is not None


def _link(seen: Seen) -> str | None:
    """The link that is deaf to advertisements, in a place without a default route."""
    here = seen.here
    if here is None or seen.cause.rule is not None or _defaults(here):
        return None
    links = {e.link for e in subnet_addresses(seen.snapshot, seen.at) if e.interface.version == 6}
    deaf = (each for each in sorted(links) if _is_deaf(here, each))
    return next((each for each in deaf if _has_heard(here, each)), None)


def _has_heard(here: Namespace, link: str) -> bool:
    """Whether it took an advertisement once: a route of it, or an address made of its MAC (RFC 4862)."""
    routes = (each for each in here.routes if each.link == link and each.destination.version == 6)
    if any(each.protocol in OF_RA for each in routes):
        return True
    macs = {each.mac for each in here.links if each.name == link}
    own = (each for each in here.addresses if each.link == link and each.scope == "global")
    return any(_mac_in(each.interface.ip) in macs for each in own if each.interface.version == 6)


def _mac_in(address: Address) -> str | None:
    """The MAC of which an interface identifier was made (RFC 4291, appendix A)."""
    last = address.packed[-8:]
    if last[3:5] != b"\xff\xfe":
        return None
    octets = (last[0] ^ 2, *last[1:3], *last[5:])
    return ":".join(f"{each:02x}" for each in octets)


def _defaults(here: Namespace) -> tuple[str, ...]:
    """The protocols of its default routes."""
    every = (each for each in here.routes if each.destination.version == 6)
    return tuple(each.protocol for each in every if each.destination.prefixlen == 0)


def _is_deaf(here: Namespace, link: str) -> bool:
    conf = f"net.ipv6.conf.{link}"
    return here.sysctls.get(f"{conf}.accept_ra") == "1" == here.sysctls.get(f"{conf}.forwarding")


def tells(group: Group) -> Told:
    seen, link = group[0], _link(group[0])
    return Told(
        f"{seen.at}: {link} forwards and has accept_ra 1, so it heard of no default route, {seen.cause.text}",
        sysctl_fix(seen, f"net.ipv6.conf.{link}.accept_ra", "2"),
    )


def sees(case: Case) -> Iterator[Finding]:
    """A default route from an advertisement that will expire, since no other one is heard."""
    six = (each for each in case.judgements if any(n.version == 6 for n in each.subnets))
    for place in dict.fromkeys(each.place for each in six):
        here = case.snapshot.namespace(place)
        yield from _expiring(case, place, here) if here else ()


def _expiring(case: Case, place: Place, here: Namespace) -> Iterator[Finding]:
    names = tuple(each.name for each in case.judgements if each.place == place)
    for route in here.routes:
        alike = route.destination.version == 6 and route.destination.prefixlen == 0
        if alike and route.protocol in OF_RA and route.link and _is_deaf(here, route.link):
            key = f"net.ipv6.conf.{route.link}.accept_ra"
            yield Finding(
                CODE,
                "warning",
                place,
                f"{place}: its default route by {route.link} came from an advertisement and will expire: the "
                f"link forwards and has accept_ra 1",
                fix=Fix(f"set {key}=2 in {place}", (SetSysctl(place, key, "2", "1"),)),
                affects=names,
            )


FAULT = Fault(CODE, "a router does not hear advertisements", __doc__, claims, tells, by_place, sees)
