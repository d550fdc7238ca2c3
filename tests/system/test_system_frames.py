"""Packets written by hand, and what frames say of them: laws, and whatever bytes may come."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.model.place import Address
from homelab.model.trace import Target
from homelab.system.frames import (
    Crafted,
    answer,
    checksum,
    frame,
    mac_bytes,
    neighbour_answer,
    reset,
)

OWN, MAC = mac_bytes("02:00:00:00:00:01"), mac_bytes("02:00:00:00:00:02")
ENDS = {4: ("10.2.0.77", "10.4.0.10"), 6: ("fd02::77", "fd04::10")}
KINDS = [("icmp", None), ("tcp", 80), ("udp", 53)]
HEAD = {4: 34, 6: 54}


def crafted(version: int, protocol: str, port: int | None, *, turned: bool = False) -> Crafted:
    source, target = ENDS[version][::-1] if turned else ENDS[version]
    return Crafted(ip_address(source), Target(ip_address(target), protocol, port), 4242)


EVERY = [crafted(version, *kind) for version in (4, 6) for kind in KINDS]


def names(packet: Crafted) -> str:
    return str(packet.target)


@pytest.mark.parametrize("packet", EVERY, ids=names)
def test_checksums_add_up(packet: Crafted) -> None:
    """RFC 1071: what carries its own checksum sums up to nothing."""
    written = frame(packet, MAC, OWN)
    body = written[HEAD[packet.version] :]
    ends = packet.source.packed + packet.target.address.packed
    pseudo = ends + struct.pack("!II", len(body), packet.protocol)

    assert written[:12] == MAC + OWN
    assert checksum((b"" if packet.protocol == 1 else pseudo) + body) == 0
    assert packet.version == 6 or checksum(written[14:34]) == 0


def back(packet: Crafted, body: bytes, protocol: int, source: Address | None = None) -> bytes:
    """A frame that comes back to the packet's sender."""
    here = (source or packet.target.address).packed
    there = packet.source.packed
    if packet.version == 6:
        head = struct.pack("!IHBB16s16s", 6 << 28, len(body), protocol, 64, here, there)
        return OWN + MAC + b"\x86\xdd" + head + body
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, here, there)
    return OWN + MAC + b"\x08\x00" + head + body


def segment(packet: Crafted, flags: int) -> bytes:
    ports = packet.target.port or 0, packet.number
    return struct.pack("!HHIIBBHHH", *ports, 9, 2, 5 << 4, flags, 0, 0, 0)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    ("flags", "said"), [(0x12, "answered"), (0x14, "refused"), (0x04, "refused"), (0x10, "")]
)
def test_what_a_segment_says(version: int, flags: int, said: str) -> None:
    packet = crafted(version, "tcp", 80)

    assert answer(packet, back(packet, segment(packet, flags), 6)) == said
    stranger = ip_address(ENDS[version][1]) + 1
    assert answer(packet, back(packet, segment(packet, flags), 6, stranger)) == ""


@pytest.mark.parametrize("version", [4, 6])
def test_an_echo_is_answered_by_its_reply_alone(version: int) -> None:
    packet = crafted(version, "icmp", None)
    request, reply = {4: (8, 0), 6: (128, 129)}[version]

    def echo(kind: int, number: int) -> bytes:
        body = struct.pack("!BBHHH", kind, 0, 0, number, 1)
        return back(packet, body, packet.protocol)

    assert answer(packet, echo(reply, 4242)) == "answered"
    assert answer(packet, echo(reply, 4243)) == ""
    assert answer(packet, echo(request, 4242)) == ""


@pytest.mark.parametrize("packet", EVERY, ids=names)
@pytest.mark.parametrize("by", ["the target", "a router"])
def test_an_error_is_about_what_it_quotes(packet: Crafted, by: str) -> None:
    kind, code = {4: (3, 3), 6: (1, 4)}[packet.version]
    protocol = 1 if packet.version == 4 else 58
    body = struct.pack("!BBHI", kind, code, 0, 0) + frame(packet, MAC, OWN)[14:]
    other = struct.pack("!BBHI", kind, code, 0, 0) + frame(
        crafted(packet.version, "udp", 9), MAC, OWN
    )[14:].replace(struct.pack("!H", 4242), b"\0\1")
    source = None if by == "the target" else packet.source
    refused = by == "the target" and packet.target.protocol == "udp"

    said = answer(packet, back(packet, body, protocol, source))

    assert said == ("refused" if refused else "unreachable")
    assert answer(packet, back(packet, other, protocol, source)) == ""


def test_a_datagram_that_comes_back_is_an_answer() -> None:
    packet = crafted(4, "udp", 53)

    assert answer(packet, back(packet, struct.pack("!HHHH", 53, 4242, 8, 0), 17)) == "answered"
    assert answer(packet, back(packet, struct.pack("!HHHH", 54, 4242, 8, 0), 17)) == ""


def test_a_connection_that_was_answered_is_reset() -> None:
    packet = crafted(4, "tcp", 80)
    heard = back(packet, segment(packet, 0x12), 6)

    written = reset(packet, MAC, OWN, heard)

    assert struct.unpack_from("!I", written, 34 + 4) == (2,)
    assert written[34 + 13] == 0x04


def test_who_asks_for_the_hardware_address_by_arp_is_told() -> None:
    ask = struct.pack(
        "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, MAC, b"\x0a\2\0\1", b"\0" * 6, b"\x0a\2\0\x4d"
    )
    heard = b"\xff" * 6 + MAC + b"\x08\x06" + ask

    told = neighbour_answer(heard, ip_address("10.2.0.77"), OWN)

    assert told is not None
    assert told[:14] == MAC + OWN + b"\x08\x06"
    assert told[20:32] == b"\0\2" + OWN + b"\x0a\2\0\x4d"
    assert neighbour_answer(heard, ip_address("10.2.0.78"), OWN) is None
    assert neighbour_answer(told, ip_address("10.2.0.77"), OWN) is None


@pytest.mark.parametrize(("asker", "to"), [("fd02::1", "fd02::1"), ("::", "ff02::1")])
def test_and_by_neighbour_discovery(asker: str, to: str) -> None:
    wanted = ip_address("fd02::77")
    body = struct.pack("!BBHI16s", 135, 0, 0, 0, wanted.packed)
    group = ip_address("ff02::1:ff00:77")
    head = struct.pack(
        "!IHBB16s16s", 6 << 28, len(body), 58, 255, ip_address(asker).packed, group.packed
    )
    heard = b"\x33\x33\xff\0\0\x77" + MAC + b"\x86\xdd" + head + body

    told = neighbour_answer(heard, wanted, OWN)

    assert told is not None
    assert (told[21], told[54]) == (255, 136)
    assert told[38:54] == ip_address(to).packed
    pseudo = told[22:54] + struct.pack("!II", len(told) - 54, 58)
    assert checksum(pseudo + told[54:]) == 0
    assert neighbour_answer(heard, ip_address("fd02::78"), OWN) is None


@given(st.binary(max_size=120))
def test_whatever_comes_is_no_traceback(heard: bytes) -> None:
    for packet in EVERY:
        whole = OWN + MAC + (b"\x08\x00" if packet.version == 4 else b"\x86\xdd")
        for each in (heard, whole + heard, back(packet, heard, 1), back(packet, heard, 58)):
            assert answer(packet, each) in ("", "answered", "refused", "unreachable")
            neighbour_answer(each, packet.source, OWN)


def test_what_is_no_port_and_no_echo_is_not_spoken() -> None:
    assert crafted(4, "sctp", 9).protocol == 0
