"""Connections that a kernel tracks: those of an address that went away are forgotten, over netlink.

A flow that was translated or accepted before keeps its entry as long as packets come (120 s for UDP, five
days for TCP: nf_conntrack-sysctl in the kernel's documentation), and no rule is asked again for it.
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from homelab.errors import OperationError
from homelab.model.operation import ForgetConnections
from homelab.system.doors import Door
from homelab.system.entering import inside

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ENDS = ("CTA_IP_V4_SRC", "CTA_IP_V4_DST", "CTA_IP_V6_SRC", "CTA_IP_V6_DST")
_TUPLES = ("CTA_TUPLE_ORIG", "CTA_TUPLE_REPLY")

# A kernel without nf_conntrack_netlink.
_NO_TABLE = (errno.EOPNOTSUPP, errno.EINVAL)
# It ended by itself meanwhile; or it is of a protocol whose ports pyroute2 does not name (SCTP, DCCP).
_PASSED_OVER = (errno.ENOENT, errno.EINVAL)


def forget(door: Door, operation: ForgetConnections) -> None:
    """Delete the entries of these addresses in the place; ``OperationError`` when the kernel refuses."""
    if door.ssh is not None:
        _by_ssh(door, operation)
        return
    inside(door, lambda: _by_netlink(operation))


def _by_netlink(operation: ForgetConnections) -> None:
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415 - costs 150 ms

    wanted = {str(each) for each in operation.addresses}
    for version in sorted({each.version for each in operation.addresses}):
        try:
            _forget(wanted, _FAMILIES[version])
        except NetlinkError as error:
            if error.code not in _NO_TABLE:
                raise OperationError(
                    f"{operation.place}: conntrack -D {', '.join(sorted(wanted))}: {error}"
                ) from error


def _forget(wanted: set[str], family: int) -> None:
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415 - as above
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket  # noqa: PLC0415 - as above

    with NFCTSocket(nfgen_family=family) as netlink:
        for entry in [each for each in netlink.dump() if wanted & set(_addresses(each))]:
            try:
                netlink.entry("del", **_identity(entry, family))
            except NetlinkError as error:
                if error.code not in _PASSED_OVER:
                    raise


def _addresses(entry: Any) -> Iterator[str]:
    """Both ends as the packet named them, and as the answer does: they differ where it is translated."""
    for name in _TUPLES:
        ends = entry.get_attr(name).get_attr("CTA_TUPLE_IP")
        yield from (str(ends.get_attr(each)) for each in _ENDS if ends.get_attr(each))


def _identity(entry: Any, family: int) -> dict[str, Any]:
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple  # noqa: PLC0415 - as above

    zone = entry.get_attr("CTA_ZONE")
    found = NFCTAttrTuple.from_netlink(family, entry.get_attr("CTA_TUPLE_ORIG"))
    return {"tuple_orig": found, **({"zone": zone} if zone else {})}


def _by_ssh(door: Door, operation: ForgetConnections) -> None:
    """As far as the router has conntrack(8), which fails when there is no such entry."""
    for address in operation.addresses:
        for end in ("--orig-src", "--orig-dst", "--reply-src", "--reply-dst"):
            with suppress(OperationError):
                door.run(["conntrack", "-D", "-f", f"ipv{address.version}", end, str(address)])
