"""Numbers and names of the field as rule sets write them, as plain values; None when unreadable."""

from collections.abc import Mapping
from ipaddress import ip_address

from homelab.model.place import Address

PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "ipencap": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ipv6-esp": 50,
    "ah": 51,
    "ipv6-ah": 51,
    "icmp6": 58,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
    "sctp": 132,
    "udplite": 136,
}
ICMP_TYPES = {
    "echo-reply": 0,
    "pong": 0,
    "destination-unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "ping": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "ttl-exceeded": 11,
    "parameter-problem": 12,
    "timestamp-request": 13,
    "timestamp-reply": 14,
    "info-request": 15,
    "info-reply": 16,
    "address-mask-request": 17,
    "address-mask-reply": 18,
}
ICMPV6_TYPES = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "ttl-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "ping": 128,
    "echo-reply": 129,
    "pong": 129,
    "mld-listener-query": 130,
    "mld-listener-report": 131,
    "mld-listener-done": 132,
    "mld-listener-reduction": 132,
    "router-solicitation": 133,
    "nd-router-solicit": 133,
    "router-advertisement": 134,
    "nd-router-advert": 134,
    "neighbour-solicitation": 135,
    "neighbor-solicitation": 135,
    "nd-neighbor-solicit": 135,
    "neighbour-advertisement": 136,
    "neighbor-advertisement": 136,
    "nd-neighbor-advert": 136,
    "redirect": 137,
    "nd-redirect": 137,
    "router-renumbering": 138,
    "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}
STATES = {
    "invalid": 0x1,
    "established": 0x2,
    "related": 0x4,
    "new": 0x8,
    "untracked": 0x40,
}
TCP_FLAGS = {
    "fin": 0x1,
    "syn": 0x2,
    "rst": 0x4,
    "psh": 0x8,
    "ack": 0x10,
    "urg": 0x20,
    "ecn": 0x40,
    "cwr": 0x80,
}
DSCP = {
    "cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56,
    "be": 0, "df": 0, "lephb": 1, "ef": 46, "va": 44, "voice-admit": 44,
    "af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22,
    "af31": 26, "af32": 28, "af33": 30, "af41": 34, "af42": 36, "af43": 38,
}  # fmt: skip
ALL = 0xFFFFFFFF


def number(text: str, names: Mapping[str, int] | None = None) -> int | None:
    """A number in C notation, or the value of a name."""
    if names and text.lower() in names:
        return names[text.lower()]
    try:
        return int(text, 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        return None


def number_range(text: str, separator: str = ":") -> tuple[int, int] | None:
    """``80``, ``1:1023``, ``:1023`` or ``1024:`` as first and last."""
    first, found, last = text.partition(separator)
    low = number(first) if first else 0
    high = low if not found else number(last) if last else 65535
    return None if low is None or high is None else (low, high)


def masked(text: str) -> tuple[int, int] | None:
    """``VALUE/MASK`` with an implied mask of all ones."""
    value_text, _, mask_text = text.partition("/")
    value, mask = number(value_text), number(mask_text) if mask_text else ALL
    return None if value is None or mask is None else (value, mask)


def address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def masked_address(text: str) -> tuple[int, int, int] | None:
    """``ADDRESS``, ``ADDRESS/LENGTH`` or ``ADDRESS/MASK`` (any bits) as version, value, mask."""
    head, slash, tail = text.partition("/")
    base = address(head)
    if base is None:
        return None
    width = base.max_prefixlen
    every = (1 << width) - 1
    if not slash:
        return base.version, int(base), every
    if tail.isascii() and tail.isdecimal() and len(tail) <= 3:
        if int(tail) > width:
            return None
        mask = every ^ (every >> int(tail))
    else:
        given = address(tail)
        if given is None or given.version != base.version:
            return None
        mask = int(given)
    return base.version, int(base) & mask, mask


def address_range(text: str) -> tuple[int, int, int] | None:
    """``FIRST-LAST`` as version, first, last."""
    first_text, dash, last_text = text.partition("-")
    first, last = address(first_text), address(last_text if dash else first_text)
    if first is None or last is None or first.version != last.version:
        return None
    return first.version, int(first), int(last)
