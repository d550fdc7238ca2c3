"""The events of the kernels of several places: routes, links, addresses, policy rules, sysctls, nftables."""

import os
import selectors
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from homelab.errors import OperationError
from homelab.model.place import HOST, Place
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.netns_ids import inode
from homelab.system.parse_netlink import parse_notices
from homelab.system.reasons import printable

# linux/netlink.h: NETLINK_ROUTE and NETLINK_NETFILTER.
_ROUTE, _NETFILTER = 0, 12
# linux/rtnetlink.h: RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE,
# _IPV6_RULE, _IPV4_NETCONF, _IPV6_NETCONF; the last two tell of forwarding, rp_filter and proxy_neigh.
_GROUPS = sum(1 << (each - 1) for each in (1, 5, 7, 8, 9, 11, 19, 24, 25))
# linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES. Changes of iptables-nft are told there too.
_NFT_GROUP = 1 << (7 - 1)
_ROOM = 1 << 20
_LONGEST = 1 << 18

Heard = Callable[[Place, str], None]
"""Hears that something happened in a place, and who took something away there ("" nobody known)."""


@dataclass(frozen=True, slots=True)
class _Ears:
    """The open sockets of one place; ``netns`` is the inode of its namespace."""

    netns: int
    sockets: tuple[socket.socket, ...]


class KernelEvents:
    """Sockets in every place that is followed, read by one thread of its own."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._ears: dict[Place, _Ears] = {}
        self._selector = selectors.DefaultSelector()
        Thread(target=self._listen, name="kernel events", daemon=True).start()

    def follow(self, doors: Mapping[Place, Door]) -> Mapping[Place, str]:
        """Listen in these places and in no other; those that cannot be listened to, and why."""
        unheard: dict[Place, str] = {}
        for place in [each for each in self._ears if each not in doors]:
            self._close(place)
        for place, door in doors.items():
            try:
                self._open(place, door)
            except (OSError, OperationError) as error:
                unheard[place] = str(error)
        return unheard

    def _open(self, place: Place, door: Door) -> None:
        netns, known = inode(door.netns), self._ears.get(place)
        if known is not None and known.netns == netns:
            return
        self._close(place)
        # A socket of a namespace keeps that alive: those of a guest that is gone are closed above.
        sockets = inside(door, _sockets)
        self._ears[place] = _Ears(netns, sockets)
        for each in sockets:
            self._selector.register(each, selectors.EVENT_READ, place)

    def _close(self, place: Place) -> None:
        known = self._ears.pop(place, None)
        for each in known.sockets if known else ():
            self._selector.unregister(each)
            each.close()

    def _listen(self) -> None:
        while True:
            for key, _ in self._selector.select():
                with suppress(OSError, ValueError):
                    self._receive(key.fileobj, key.data)  # type: ignore[arg-type] # only sockets are registered

    def _receive(self, ear: socket.socket, place: Place) -> None:
        try:
            data = ear.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            # ENOBUFS: the kernel had more to say than there was room for (netlink(7)).
            self._heard(place, "")
            return
        takers = {each.sender for each in parse_notices(data) if each.takes} - {os.getpid()}
        self._heard(place, ", ".join(_named(place, each) for each in sorted(takers)))


def _sockets() -> tuple[socket.socket, ...]:
    return _bound(_ROUTE, _GROUPS), _bound(_NETFILTER, _NFT_GROUP)


def _bound(protocol: int, groups: int) -> socket.socket:
    ear = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    try:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        ear.bind((0, groups))
    except OSError:
        ear.close()
        raise
    return ear


def _named(place: Place, pid: int) -> str:
    """A process by its name, while it lives; numbers of a guest's processes mean nothing here."""
    if pid == 0:
        return "the kernel (a link or an address went)"
    if place != HOST:
        return f"a process of {place}"
    try:
        return f"{printable(Path(f'/proc/{pid}/comm').read_text(errors='replace').strip())} (pid {pid})"
    except OSError:
        return f"a process that has ended (pid {pid})"
