"""From the datagrams of a kernel's multicast groups to who did what: the headers alone, no attributes."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# struct nlmsghdr of linux/netlink.h: length, type, flags, sequence, port of the sender.
_HEADER = struct.Struct("=IHHII")
_ALIGNED = 4
# pyroute2 and others use the bits above for the second socket of a process; pid_max is 2^22.
_PID = (1 << 22) - 1

# linux/rtnetlink.h: RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE, RTM_DELRULE, RTM_NEWNETCONF.
_TAKES = {17, 21, 25, 33, 80}
# linux/netfilter/nf_tables.h below NFNL_SUBSYS_NFTABLES: NFT_MSG_DELTABLE, _DELCHAIN, _DELRULE.
_TAKES_RULES = {10 << 8 | each for each in (2, 5, 8)}


@dataclass(frozen=True, slots=True)
class Notice:
    """``sender`` is the process that asked for it, 0 the kernel itself; ``takes``: something went."""

    sender: int
    takes: bool


def parse_notices(data: bytes) -> Iterator[Notice]:
    """The notices in one datagram; what is cut short is passed over."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, port = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield Notice(port & _PID, kind in _TAKES or kind in _TAKES_RULES)
        at += (length + _ALIGNED - 1) & -_ALIGNED
