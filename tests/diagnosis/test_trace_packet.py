"""Which packets are one: those that differ in nothing but the MSS."""

from ipaddress import ip_address
from typing import Any

import pytest

from homelab.diagnosis.packet import Packet

SYN = Packet(ip_address("192.0.2.1"), ip_address("10.90.1.10"), "tcp", 40000, 80, mss=1460)
OTHERWISE = {each: object() for each in Packet._fields if each != "mss"}


def test_the_mss_makes_no_other_packet() -> None:
    clamped = SYN._replace(mss=1400)

    assert clamped == SYN
    assert not clamped != SYN  # noqa: SIM202 - a tuple brings a != of its own
    assert hash(clamped) == hash(SYN)


@pytest.mark.parametrize("field", OTHERWISE)
def test_every_other_field_does(field: str) -> None:
    fields: dict[str, Any] = {**SYN._asdict(), field: OTHERWISE[field]}
    other = Packet(**fields)

    assert other != SYN
    assert not other == SYN  # noqa: SIM201 - as above


def test_a_packet_is_no_tuple() -> None:
    assert tuple(SYN) != SYN
