"""Packets that are written by hand onto a wire, as from a machine there that is only imagined."""

import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from homelab.errors import OperationError
from homelab.model.place import Address
from homelab.model.proof import Sender
from homelab.model.trace import Target
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.frames import (
    ANSWERED,
    Crafted,
    answer,
    frame,
    mac_bytes,
    neighbour_answer,
    reset,
)
from homelab.system.probe import silence

# linux/if_ether.h, linux/if_packet.h: frames that this machine itself sends come back as outgoing.
_EVERY_PROTOCOL = 0x0003
_OUTGOING = 4
_LONGEST = 65535


def craft(
    door: Door, sender: Sender, targets: Sequence[Target], timeout: float, own: int | None = None
) -> tuple[str, ...]:
    """What each packet met; the link's other end hears it as if it had come from there.

    ``OperationError`` when the place cannot be entered, or its link is not there.
    """
    source, mac, link = sender.source, sender.mac, sender.link
    if source is None or mac is None or link is None or door.ssh is not None:
        raise OperationError(f"{door.place}: no packet can be written onto a wire there")
    first = 1 + secrets.randbelow(0x7FFF) if own is None else own
    packets = [Crafted(source, each, first + at & 0xFFFF) for at, each in enumerate(targets)]
    # A locally administered address that is nobody's (IEEE 802, 8.4).
    client = b"\x02" + secrets.token_bytes(5)
    try:
        return inside(door, lambda: _Wire(link, mac_bytes(mac), client).ask(packets, timeout))
    except OSError as error:
        raise OperationError(f"{door.place}: {link}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Wire:
    link: str
    mac: bytes
    client: bytes

    def ask(self, packets: Sequence[Crafted], timeout: float) -> tuple[str, ...]:
        kind = socket.htons(_EVERY_PROTOCOL)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, kind) as wire:
            wire.bind((self.link, _EVERY_PROTOCOL))
            for each in packets:
                if each.protocol:
                    wire.send(frame(each, self.mac, self.client))
            said = self._listen(wire, packets, time.monotonic() + timeout)
        return tuple(said.get(each) or _nothing(each) for each in packets)

    def _listen(
        self, wire: socket.socket, packets: Sequence[Crafted], deadline: float
    ) -> dict[Crafted, str]:
        said: dict[Crafted, str] = {}
        waiting = {each for each in packets if each.protocol}
        while waiting and (left := deadline - time.monotonic()) > 0:
            wire.settimeout(left)
            try:
                heard, where = wire.recvfrom(_LONGEST)
            except TimeoutError:
                break
            if where[2] == _OUTGOING:
                continue
            self._introduce(wire, heard, packets[0].source)
            told = {each: word for each in waiting if (word := answer(each, heard))}
            for each, word in told.items():
                if word == ANSWERED and each.target.protocol == "tcp":
                    wire.send(reset(each, self.mac, self.client, heard))
            said |= told
            waiting -= told.keys()
        return said

    def _introduce(self, wire: socket.socket, heard: bytes, source: Address) -> None:
        """Who asks for the imagined machine's hardware address is told it."""
        reply = neighbour_answer(heard, source, self.client)
        if reply is not None:
            wire.send(reply)


def _nothing(packet: Crafted) -> str:
    if not packet.protocol:
        return f"error: no probe speaks {packet.target.protocol}"
    return silence(packet.target)
