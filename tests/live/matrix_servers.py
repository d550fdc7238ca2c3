"""Servers of TCP and UDP inside places of the lab, held by one process."""

import contextlib
import errno
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from homelab.model.trace import Target
from homelab.system.doors import Door
from homelab.system.entering import inside

# linux/in.h, linux/in6.h: a datagram's own address, so that the answer comes from where it was asked.
_IPV6_RECVPKTINFO, _IPV6_PKTINFO = 49, 50
_IP_PKTINFO = 8


def _tcp(port: int, family: int) -> socket.socket:
    wide = "::" if family == socket.AF_INET6 else "0.0.0.0"
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((wide, port))
    listener.listen(1024)
    return listener


def _udp(port: int, family: int) -> socket.socket:
    wide = "::" if family == socket.AF_INET6 else "0.0.0.0"
    bound = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        bound.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    bound.bind((wide, port))
    bound.settimeout(0)
    return bound


def _open(tcp: int, udp: int) -> list[socket.socket]:
    families = (socket.AF_INET, socket.AF_INET6)
    made = []
    for family in families:
        for make, port in ((_tcp, tcp), (_udp, udp)):
            with contextlib.suppress(OSError):
                made.append(make(port, family))
    return made


@contextlib.contextmanager
def servers(places: Iterable[tuple[Door, int, int]]) -> Iterator[None]:
    """In each place a TCP port that is open, and a UDP port that answers, in both families."""
    held = [each for door, tcp, udp in places for each in inside(door, lambda: _open(tcp, udp))]  # noqa: B023
    done = threading.Event()
    thread = threading.Thread(target=_answer, args=(held, done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for each in held:
            each.close()


def _answer(held: list[socket.socket], done: threading.Event) -> None:
    datagrams = [each for each in held if each.type == socket.SOCK_DGRAM]
    while not done.is_set():
        ready, _, _ = select.select(datagrams, [], [], 0.2)
        for each in ready:
            with contextlib.suppress(OSError):
                _echo(each)


def _echo(bound: socket.socket) -> None:
    _, extras, _, sender = bound.recvmsg(2048, 256)
    for level, kind, content in extras:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            # struct in_pktinfo: index, local address, address of the header.
            _, own, _ = struct.unpack("=I4s4s", content[:12])
            content = struct.pack("=I4s4s", 0, own, own)  # noqa: PLW2901
        elif (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            # struct in6_pktinfo: address, index.
            content = content[:16] + bytes(4)  # noqa: PLW2901
        bound.sendmsg([b"yes"], [(level, kind, content)], 0, sender)
        return


def datagrams(door: Door, targets: Sequence[Target], timeout: float) -> list[str]:
    """What a datagram met at each target, in the words of a probe; silence is a timeout."""
    made = inside(door, lambda: [_sent(each) for each in targets])
    waiting = {each: at for at, each in enumerate(made) if isinstance(each, socket.socket)}
    said = [each if isinstance(each, str) else "timeout" for each in made]
    deadline = time.monotonic() + timeout
    while waiting and (left := deadline - time.monotonic()) > 0:
        for each in select.select([*waiting], [], [], left)[0]:
            said[waiting.pop(each)] = _heard(each)
            each.close()
    for each in waiting:
        each.close()
    return said


# A rule has dropped it (nf_hook_slow); a blackhole route (fib_props in net/ipv4/fib_semantics.c).
_SILENT = (errno.EPERM, errno.EINVAL)


def _sent(target: Target) -> socket.socket | str:
    family = socket.AF_INET if target.address.version == 4 else socket.AF_INET6
    sender = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sender.connect((str(target.address), target.port or 0))
        sender.send(b"?")
    except OSError as error:
        sender.close()
        return "timeout" if error.errno in _SILENT else "unreachable"
    return sender


def _heard(sender: socket.socket) -> str:
    try:
        sender.recv(64)
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "unreachable"
    return "answered"
