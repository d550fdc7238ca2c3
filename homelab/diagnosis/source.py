"""Which of its addresses a place sends from, where the route names none.

Facts: inet_select_addr in net/ipv4/devinet.c; RFC 6724, section 5, and ipv6_get_saddr_eval in
net/ipv6/addrconf.c.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address, IPv6Network

from homelab.model.kernel import LinkAddress
from homelab.model.place import Address

# RFC 6724, section 2.1: the labels of the default policy table; the longest prefix counts.
_LABELS = (
    (IPv6Network("::1/128"), 0),
    (IPv6Network("::ffff:0:0/96"), 4),
    (IPv6Network("2002::/16"), 2),
    (IPv6Network("2001::/32"), 5),
    (IPv6Network("fc00::/7"), 13),
)
_SCOPES = {"host": 1, "link": 2, "site": 5}
_GLOBAL = 14
# rtm_scope in linux/rtnetlink.h: the farther something counts, the lower.
_NEARNESS = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}


def select(
    addresses: Sequence[LinkAddress], link: str, destination: Address | None, scope: str = "link"
) -> Address | None:
    """The address for what leaves by ``link`` to ``destination`` (None: to nobody of IPv4 in particular).

    ``scope`` is how far one of IPv4 has to count at least: that of the route for which it is chosen.
    """
    version = destination.version if destination is not None else 4
    own = [each for each in addresses if each.interface.version == version and not each.tentative]
    if isinstance(destination, IPv6Address):
        return _six(own, link, destination)
    bound = _nearness(scope)
    far = [e for e in own if not e.secondary and _nearness(e.scope) <= bound]
    return _four(far, link, destination)


def _four(own: Sequence[LinkAddress], link: str, destination: Address | None) -> Address | None:
    """The first primary address of the link, of the destination's subnet if there is one; else any."""
    here = [e for e in own if e.link == link]
    near = [e for e in here if destination is not None and destination in e.interface.network]
    elsewhere = [e for e in own if e.scope != "link"]
    chosen = next(iter((*near, *here, *elsewhere)), None)
    return chosen.interface.ip if chosen else None


def _six(own: Sequence[LinkAddress], link: str, destination: IPv6Address) -> Address | None:
    wanted = _scope(destination)

    def merit(each: LinkAddress) -> tuple[bool, int, bool, bool, bool, int]:
        address = IPv6Address(each.interface.ip)
        scope = _scope(address)
        return (
            address == destination,
            -scope if scope >= wanted else scope - 100,
            not each.deprecated,
            each.link == link,
            _label(address) == _label(destination),
            # Only as far as the address's own subnet goes; of equal ones the first in the list (the newest).
            min(_common(address, destination), each.interface.network.prefixlen),
        )

    # An address of a link is of use on that link only (RFC 4291, 2.5.6).
    usable = [e for e in own if e.scope not in ("host", "link") or e.link == link]
    chosen = max(usable, key=merit, default=None)
    return chosen.interface.ip if chosen else None


def _nearness(scope: str) -> int:
    return int(scope) if scope.isdecimal() else _NEARNESS.get(scope, 0)


def _scope(address: IPv6Address) -> int:
    if address.is_loopback or address.is_link_local:
        return _SCOPES["link"]
    return _SCOPES["site"] if address.is_site_local else _GLOBAL


def _label(address: IPv6Address) -> int:
    return next((label for network, label in _LABELS if address in network), 1)


def _common(one: IPv6Address, other: IPv6Address) -> int:
    """How many leading bits are the same."""
    return 128 - (int(one) ^ int(other)).bit_length()
