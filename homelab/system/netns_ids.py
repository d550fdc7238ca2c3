"""Network namespaces by identity: their inodes, and the ids under which they know one another."""

import ctypes
import os
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# linux/rtnetlink.h and linux/net_namespace.h
_RTM_NEWNSID = 88
_RTM_GETNSID = 90
_NLM_F_REQUEST = 1
_NETNSA_NSID = 1
_NETNSA_FD = 3
_CLONE_NEWNET = 0x40000000
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_RTGENMSG = 4

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Question:
    """Which of ``candidates`` (nsfs files) are meant by the ``ids`` that count behind ``netns``?"""

    netns: str
    ids: frozenset[int]
    candidates: Sequence[str]


def inode(netns: str) -> int:
    """Identity of a namespace on this machine; ``OSError`` when it cannot be seen."""
    return Path(netns).stat().st_ino


def is_nsfs(path: str) -> bool:
    """Whether a file in /run/netns is a namespace: `ip netns` leaves a plain file when it is killed."""
    return Path(path).stat().st_dev == Path("/proc/self/ns/net").stat().st_dev


def netns_ids(questions: Sequence[Question]) -> list[dict[int, int]]:
    """For each question the ids with the inode of their namespace, as far as they can be told.

    Entering a namespace binds a thread to it: all is done in one thread that ends here.
    """
    with ThreadPoolExecutor(1) as thread:
        return list(thread.map(_answer, questions))


def _answer(question: Question) -> dict[int, int]:
    try:
        with _netlink(question.netns) as netlink:
            return _match(netlink, question.ids, question.candidates)
    except OSError:
        return {}


def _match(netlink: socket.socket, ids: Iterable[int], candidates: Iterable[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    missing = set(ids)
    for candidate in candidates:
        if not missing:
            break
        known = _ask(netlink, candidate)
        if known in missing:
            found[known] = inode(candidate)
            missing.remove(known)
    return found


def _netlink(netns: str) -> socket.socket:
    """A route socket that belongs to the namespace; Python has os.setns from 3.12 on."""
    handle = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), netns)
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    finally:
        os.close(handle)


def _ask(netlink: socket.socket, candidate: str) -> int | None:
    try:
        handle = os.open(candidate, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        netlink.send(request(handle))
        return parse_reply(netlink.recv(4096))
    finally:
        os.close(handle)


def request(handle: int) -> bytes:
    """RTM_GETNSID for the namespace behind an open file."""
    body = bytes(_RTGENMSG) + _ATTRIBUTE.pack(8, _NETNSA_FD) + struct.pack("=i", handle)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETNSID, _NLM_F_REQUEST, 1, 0) + body


def parse_reply(message: bytes) -> int | None:
    """The id in an answer; None when the namespace has none here (-1), or when it is an error."""
    _, kind, _, _, _ = _HEADER.unpack_from(message)
    if kind != _RTM_NEWNSID:
        return None
    for name, value in _attributes(message[_HEADER.size + _RTGENMSG :]).items():
        if name == _NETNSA_NSID:
            number = int(struct.unpack("=i", value[:4])[0])
            return number if number >= 0 else None
    return None


def _attributes(rest: bytes) -> Mapping[int, bytes]:
    found = {}
    while len(rest) >= _ATTRIBUTE.size:
        length, name = _ATTRIBUTE.unpack_from(rest)
        if length < _ATTRIBUTE.size:
            break
        found[name] = rest[_ATTRIBUTE.size : length]
        rest = rest[(length + 3) & ~3 :]
    return found
