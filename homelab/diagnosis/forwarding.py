"""Whether a place takes and forwards what comes in by a link.

IPv4: ``conf.IFACE.forwarding`` of the input link decides, and ``ip_forward`` sets it for all. IPv6:
``conf.all.forwarding`` decides for all links (Documentation/networking/ip-sysctl.rst), or from Linux 6.17 on
``conf.IFACE.force_forwarding``.
"""

from homelab.diagnosis.box import Box


def forwarding_key(box: Box, family: int, iif: str) -> str | None:
    """The sysctl that keeps this place from forwarding, None when it forwards."""
    if family == 6:
        key = "net.ipv6.conf.all.forwarding"
        forced = box.sysctl(f"net.ipv6.conf.{iif}.force_forwarding")
        return key if forced != "1" and box.sysctl(key) == "0" else None
    everywhere = box.sysctl("net.ipv4.ip_forward")
    if box.sysctl(f"net.ipv4.conf.{iif}.forwarding", everywhere) != "0":
        return None
    return "net.ipv4.ip_forward" if everywhere == "0" else f"net.ipv4.conf.{iif}.forwarding"


def disabled_key(box: Box, family: int, link: str) -> str | None:
    """The sysctl that keeps IPv6 off a link (ip6_rcv_core, ip6_output), None when there is none."""
    key = f"net.ipv6.conf.{link}.disable_ipv6"
    return key if family == 6 and box.sysctl(key) == "1" else None
