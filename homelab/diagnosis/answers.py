"""How a neighbour is asked for, and whether a link answers: ARP, NDP, and their proxies.

Facts: arp_process, arp_ignore, arp_filter and arp_fwd_proxy in net/ipv4/arp.c, inet_confirm_addr in
net/ipv4/devinet.c; ndisc_recv_ns in net/ipv6/ndisc.c (only addresses of the link itself, and proxies); of the
switches either that of all or of the link counts, of the numbers the greater (ip-sysctl.rst).
"""

from homelab.diagnosis.box import Box
from homelab.diagnosis.forwarding import disabled_key, forwarding_key
from homelab.model.place import Address

OWN, OF_ANOTHER_LINK, PROXY = 3, 2, 1
"""How surely a link answers; a proxy waits a moment first (proxy_delay, arp(7))."""

OF_THE_LINK, OF_ITS_SUBNET, NO_HOST_SCOPE, NONE = 1, 2, 3, 8
"""Values of arp_ignore."""

SAME_SUBNET, BEST_ADDRESS = 1, 2
"""Values of arp_announce."""


def answers_arp(box: Box, link: str, via: Address, asker: Address | None) -> int:
    """How surely this link answers: with an address of its own or of another link, as a proxy, or (0) not at all."""
    if not (box.holds(via, link) or box.is_local(via)):
        return _proxies_arp(box, link, via)
    if _is_ignored(box, link, via, asker) or _is_filtered(box, link, via, asker):
        return 0
    return OWN if box.holds(via, link) else OF_ANOTHER_LINK


def answers_ndp(box: Box, link: str, via: Address) -> int:
    if disabled_key(box, 6, link):
        return 0
    return OWN if box.holds(via, link) else _proxies_ndp(box, link, via)


def asks_from(box: Box, link: str, via: Address, source: Address) -> Address | None:
    """The address with which a place asks for a neighbour of a packet from ``source``."""
    if via.version == 6:
        return _solicits_from(box, link, via, source)
    # arp_solicit in net/ipv4/arp.c
    announce = _greatest(box, "arp_announce", link)
    if source not in box.own or announce >= BEST_ADDRESS:
        return box.near_address(link, via)
    if announce == SAME_SUBNET and not box.on_subnet_of(link, source, via):
        return box.near_address(link, via)
    return source


def _solicits_from(box: Box, link: str, via: Address, source: Address) -> Address | None:
    """ndisc_solicit and ndisc_send_ns: the packet's source if the link has it, else the link's own address."""
    if box.holds(source, link):
        return source
    return box.link_local(link) or box.near_address(link, via)


def _is_ignored(box: Box, link: str, via: Address, asker: Address | None) -> bool:
    mode = _greatest(box, "arp_ignore", link)
    if mode == NO_HOST_SCOPE:
        own = box.own.get(via)
        return own is None or own.scope == "host"
    if mode == OF_ITS_SUBNET and asker is not None:
        return not box.holds(via, link) or not box.on_subnet_of(link, via, asker)
    if mode in (OF_THE_LINK, OF_ITS_SUBNET):
        return not box.holds(via, link)
    return mode == NONE


def _is_filtered(box: Box, link: str, via: Address, asker: Address | None) -> bool:
    """``arp_filter``: only where the way back to who asks leaves by this link."""
    if asker is None or not _greatest(box, "arp_filter", link):
        return False
    return box.route_link(asker, via) not in (None, link)


def _proxies_arp(box: Box, link: str, via: Address) -> int:
    if forwarding_key(box, 4, link) is not None:
        return 0
    way = box.route_link(via)
    if not way:
        return 0
    if way == link:
        return PROXY if _greatest(box, "proxy_arp_pvlan", link) else 0
    return PROXY if box.is_proxy(via, link) or _greatest(box, "proxy_arp", link) else 0


def _proxies_ndp(box: Box, link: str, via: Address) -> int:
    if box.sysctl(f"net.ipv6.conf.{link}.forwarding", box.sysctl(ALL_FORWARDING)) == "0":
        return 0
    on = any(box.sysctl(f"net.ipv6.conf.{each}.proxy_ndp") == "1" for each in ("all", link))
    return PROXY if on and box.is_proxy(via, link) else 0


ALL_FORWARDING = "net.ipv6.conf.all.forwarding"


def _greatest(box: Box, key: str, link: str) -> int:
    return max(box.number(f"net.ipv4.conf.{each}.{key}") for each in ("all", link))
