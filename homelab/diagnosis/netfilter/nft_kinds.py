"""Data types of nft: how a JSON scalar of each becomes an interval of plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from homelab.diagnosis.netfilter.values import (
    DSCP,
    ICMP_TYPES,
    ICMPV6_TYPES,
    PROTOCOLS,
    STATES,
    TCP_FLAGS,
    address,
    number,
)

Value: TypeAlias = int | tuple[int, ...]
Interval: TypeAlias = tuple[int, int]
Json: TypeAlias = Mapping[str, object]

_NAME_LENGTH = 16
"""IFNAMSIZ: names are compared as that many bytes, so that ``br-*`` is an interval like any other."""


class Missing(Enum):
    """What an expression gives for a packet that has no such field: the rule is left at once."""

    MISSING = "missing"


MISSING = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Kind:
    """``form`` is number, address4, address6, or text; ``flags``: a plain match asks for any bit."""

    form: str = "number"
    names: Mapping[str, int] = field(default_factory=dict)
    flags: bool = False

    def interval(self, given: object) -> Interval | None:
        """The values a JSON scalar, range, prefix or list of flags stands for; None: unreadable."""
        if isinstance(given, dict):
            return self._compound(given)
        if isinstance(given, list):
            bits = self.bits(given)
            return None if bits is None else (bits, bits)
        if self.form == "text":
            return _text(given)
        value = self.scalar(given)
        return None if value is None else (value, value)

    def scalar(self, given: object) -> int | None:
        if isinstance(given, int):
            return int(given)
        if not isinstance(given, str):
            return None
        if self.form.startswith("address"):
            found = address(given)
            fits = found is not None and found.version == int(self.form[-1])
            return int(found) if found is not None and fits else None
        return number(given, self.names)

    def bits(self, given: object) -> int | None:
        """All flags of a list, or of an ``|`` expression, together."""
        if isinstance(given, dict):
            given = given.get("|")
        if not isinstance(given, list):
            return self.scalar(given)
        total = 0
        for each in given:
            one = self.bits(each)
            if one is None:
                return None
            total |= one
        return total

    def _compound(self, given: Mapping[str, object]) -> Interval | None:
        if "range" in given:
            ends = given["range"]
            if not isinstance(ends, list) or len(ends) != 2:
                return None
            low, high = (self.interval(each) for each in ends)
            if low is None or high is None:
                return None
            return (low[0], high[1])
        if "prefix" in given:
            return self._prefix(given["prefix"])
        bits = self.bits(given)
        return None if bits is None else (bits, bits)

    def _prefix(self, given: object) -> Interval | None:
        if not isinstance(given, dict) or not self.form.startswith("address"):
            return None
        first, length = self.scalar(given.get("addr")), given.get("len")
        width = 32 if self.form == "address4" else 128
        if first is None or not isinstance(length, int) or not 0 <= length <= width:
            return None
        hosts = (1 << (width - length)) - 1
        return (first & ~hosts, first | hosts)


def _text(given: object) -> Interval | None:
    if not isinstance(given, str):
        return None
    if given.endswith("*") and not given.endswith("\\*"):
        return (name_value(given[:-1]), name_value(given[:-1], b"\xff"))
    whole = name_value(given.replace("\\*", "*"))
    return (whole, whole)


@lru_cache(maxsize=4096)
def name_value(name: str, filler: bytes = b"\0") -> int:
    return int.from_bytes(
        name.encode("utf-8", "surrogatepass")[:_NAME_LENGTH].ljust(_NAME_LENGTH, filler)
    )


NUMBER = Kind()
ADDRESS4 = Kind("address4")
ADDRESS6 = Kind("address6")
NAME = Kind("text")
PROTOCOL = Kind(names=PROTOCOLS)
FAMILY = Kind(names={"ipv4": 2, "ipv6": 10})
ETHERTYPE = Kind(
    names={
        "ip": 0x0800,
        "arp": 0x0806,
        "vlan": 0x8100,
        "8021q": 0x8100,
        "8021ad": 0x88A8,
        "ip6": 0x86DD,
    }
)
STATE = Kind(names=STATES, flags=True)
# enum ip_conntrack_status in include/uapi/linux/netfilter/nf_conntrack_common.h
STATUS = Kind(
    names={
        "expected": 1,
        "seen-reply": 2,
        "assured": 4,
        "confirmed": 8,
        "snat": 16,
        "dnat": 32,
        "dying": 512,
    },
    flags=True,
)
DIRECTION = Kind(names={"original": 0, "reply": 1})
FLAGS = Kind(names=TCP_FLAGS, flags=True)
SERVICE_CLASS = Kind(names=DSCP)
ICMP_TYPE = Kind(names=ICMP_TYPES)
ICMPV6_TYPE = Kind(names=ICMPV6_TYPES)
ARP_OPERATION = Kind(
    names={"request": 1, "reply": 2, "rrequest": 3, "rreply": 4, "inrequest": 8, "inreply": 9}
)
ICMP_CODE = Kind(
    names={
        "net-unreachable": 0,
        "host-unreachable": 1,
        "prot-unreachable": 2,
        "port-unreachable": 3,
        "frag-needed": 4,
        "net-prohibited": 9,
        "host-prohibited": 10,
        "admin-prohibited": 13,
    }
)
ICMPV6_CODE = Kind(
    names={
        "no-route": 0,
        "admin-prohibited": 1,
        "addr-unreachable": 3,
        "port-unreachable": 4,
        "policy-fail": 5,
        "reject-route": 6,
    }
)
# ARPHRD_ETHER, ARPHRD_LOOPBACK, ARPHRD_NONE and others of include/uapi/linux/if_arp.h
LINK_TYPE = Kind(
    names={"ether": 1, "ppp": 512, "ipip": 768, "loopback": 772, "ipgre": 778, "none": 65534}
)
# PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST of include/uapi/linux/if_packet.h
PACKET_TYPE = Kind(names={"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3})
# RTN_UNSPEC and following of include/uapi/linux/rtnetlink.h
ROUTE_TYPES = {
    "unspec": 0,
    "unicast": 1,
    "local": 2,
    "broadcast": 3,
    "anycast": 4,
    "multicast": 5,
    "blackhole": 6,
    "unreachable": 7,
    "prohibit": 8,
}
ROUTE_TYPE = Kind(names=ROUTE_TYPES)
