"""Real packets: an ICMP echo or a TCP connect from a place to each target, all at once."""

import errno
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from homelab.model.trace import Target
from homelab.system.doors import Door
from homelab.system.entering import inside

ANSWERED, REFUSED, UNREACHABLE, TIMEOUT = "answered", "refused", "unreachable", "timeout"
NOT_POSSIBLE = "error: a probe is not possible over ssh"

_AT_ONCE = 256
# EACCES: a prohibit route; EINVAL: a blackhole route (fib_props in net/ipv4/fib_semantics.c).
_UNREACHABLE = (
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.EACCES,
)
# EPERM: a rule in OUTPUT or POSTROUTING has dropped it (NF_DROP_GETERR in nf_hook_slow).
_SILENT = (errno.ETIMEDOUT, errno.EPERM)
# linux/in.h and linux/in6.h; socket has no names for them.
_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
# linux/errqueue.h: struct sock_extended_err begins with ee_errno (u32) and ee_origin (u8).
_EXTENDED = struct.Struct("=IB")
_FROM_ICMP = (2, 3)
_ECHO = struct.Struct("!BBHHH")
_REQUEST, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}


def probe(
    door: Door, targets: Sequence[Target], timeout: float = 1.0, own: int | None = None
) -> tuple[str, ...]:
    """For each target ``answered``, ``refused``, ``unreachable``, ``timeout`` or ``error: …``.

    With ``own``, that is the source port or ICMP identifier of the first, and the next one that of the
    next. ``OperationError`` when the place cannot be entered.
    """
    if door.ssh is not None:
        return (NOT_POSSIBLE,) * len(targets)
    parts = (targets[at : at + _AT_ONCE] for at in range(0, len(targets), _AT_ONCE))
    return tuple(said for part in parts for said in _probe(door, part, timeout, own))


def _probe(door: Door, targets: Sequence[Target], timeout: float, own: int | None) -> list[str]:
    return inside(door, lambda: _ask(targets, timeout, own))


@dataclass(slots=True)
class _Asked:
    """One probe on its way; ``said`` is empty until its fate is known."""

    target: Target
    number: int
    round: int
    stream: socket.socket | None = None
    said: str = ""
    packet: bytes = field(default=b"")
    bound: bool = False


def _ask(targets: Sequence[Target], timeout: float, own: int | None) -> list[str]:
    # Connection tracking knows an echo by its identifier for 30 s (nf_conntrack_icmp_timeout): one that
    # was used before would pass as established where a new one is dropped.
    first = secrets.randbelow(1 << 16) if own is None else own
    asked = [
        _start(_Asked(target, number, (first + number) & 0xFFFF, bound=own is not None))
        for number, target in enumerate(targets)
    ]
    try:
        _wait(asked, time.monotonic() + timeout)
    finally:
        for each in asked:
            if each.stream:
                each.stream.close()
    return [each.said or silence(each.target) for each in asked]


def silence(target: Target) -> str:
    # Nothing obliges a service of UDP to answer: silence tells nothing.
    return "error: nothing came back, as is usual over udp" if _is_udp(target) else TIMEOUT


def _is_udp(target: Target) -> bool:
    return target.protocol == "udp"


def _start(asked: _Asked) -> _Asked:
    target = asked.target
    family = socket.AF_INET if target.address.version == 4 else socket.AF_INET6
    try:
        asked.stream = _socket(family, target)
    except PermissionError:
        asked.said = "error: only root may send an ICMP echo"
        return asked
    except OSError as error:
        asked.said = f"error: {error.strerror}"
        return asked
    try:
        asked.stream.settimeout(0)
        asked.stream.setsockopt(*_RECVERR[target.address.version], 1)
        _send(asked)
    except OSError as error:
        asked.said = _failed(error)
    return asked


def _socket(family: socket.AddressFamily, target: Target) -> socket.socket:
    match target.protocol:
        case "tcp":
            return socket.socket(family, socket.SOCK_STREAM)
        case "udp":
            return socket.socket(family, socket.SOCK_DGRAM)
        case "icmp" | "icmp6":
            number = 1 if family == socket.AF_INET else 58
            return socket.socket(family, socket.SOCK_RAW, number)
        case _:
            raise OSError(errno.EPROTONOSUPPORT, f"no probe speaks {target.protocol}")


def _send(asked: _Asked) -> None:
    stream, target = asked.stream, asked.target
    if stream is None:
        return
    if asked.bound and target.port is not None:
        stream.bind(("", asked.round))
    code = stream.connect_ex((str(target.address), target.port or 0))
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))
    if target.protocol == "tcp":
        return
    asked.packet = (
        b"" if _is_udp(target) else echo(target.address.version, asked.round, asked.number)
    )
    stream.send(asked.packet)


PAYLOAD = 56
"""As much as ping(8) sends: rules may look at the length. All zero, it adds nothing to the checksum."""


def echo(version: int, own: int, number: int, kind: int | None = None) -> bytes:
    """An ICMP echo request with its identifier and number; the kernel writes the checksum of ICMPv6 itself."""
    kind = _REQUEST[version] if kind is None else kind
    empty = _ECHO.pack(kind, 0, 0, own, number)
    head = empty if version == 6 else _ECHO.pack(kind, 0, _checksum(empty), own, number)
    return head + bytes(PAYLOAD)


def _checksum(message: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)


def _wait(asked: Sequence[_Asked], deadline: float) -> None:
    poll = select.poll()
    waiting = {each.stream.fileno(): each for each in asked if each.stream and not each.said}
    for handle, each in waiting.items():
        poll.register(handle, select.POLLOUT if each.target.protocol == "tcp" else select.POLLIN)
    while waiting and (left := deadline - time.monotonic()) > 0:
        for handle, _ in poll.poll(left * 1000):
            waiting[handle].said = _outcome(waiting[handle])
            if waiting[handle].said:
                poll.unregister(handle)
                del waiting[handle]


def _outcome(asked: _Asked) -> str:
    """What became of a probe whose socket has something to tell; empty when it was not for us."""
    stream = asked.stream
    if stream is None:
        return ""
    try:
        if asked.target.protocol == "tcp":
            code = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return _tcp(stream, code) if code and not _is_established(stream) else ANSWERED
        message = stream.recv(2048)
    except BlockingIOError:
        return ""
    except OSError as error:
        return (
            REFUSED if _is_udp(asked.target) and error.errno == errno.ECONNREFUSED else _icmp(error)
        )
    return ANSWERED if _is_udp(asked.target) or _is_reply(asked, message) else ""


def _is_reply(asked: _Asked, message: bytes) -> bool:
    """A raw socket of IPv4 shows the IP header too, and every ICMP message of that sender."""
    version = asked.target.address.version
    body = message[(message[0] & 0x0F) * 4 :] if version == 4 and message else message
    wanted = echo(version, asked.round, asked.number, _REPLY[version])
    return (body[:1], body[4:8]) == (wanted[:1], wanted[4:8])


def _is_established(stream: socket.socket) -> bool:
    """The handshake was done; an ICMP error about a later packet changes nothing of that (tcp(7), TCP_INFO)."""
    return stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x01"


def _tcp(stream: socket.socket, code: int) -> str:
    """A port that is closed answers with RST; an ICMP error may say "refused" of a whole path."""
    if code == errno.ECONNREFUSED:
        return UNREACHABLE if any(origin in _FROM_ICMP for origin in _origins(stream)) else REFUSED
    return _failed(OSError(code, os.strerror(code)))


def _origins(stream: socket.socket) -> Iterator[int]:
    try:
        _, extras, _, _ = stream.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return
    for _, _, content in extras:
        if len(content) >= _EXTENDED.size:
            _, origin = _EXTENDED.unpack_from(content)
            yield int(origin)


def _icmp(error: OSError) -> str:
    """Whatever an ICMP error says of an echo, it did not arrive, and somebody said so."""
    refused = (errno.ECONNREFUSED, errno.ENOPROTOOPT)
    return UNREACHABLE if error.errno in refused else _failed(error)


def _failed(error: OSError) -> str:
    if error.errno in _UNREACHABLE:
        return UNREACHABLE
    return TIMEOUT if error.errno in _SILENT else f"error: {error.strerror or error}"
