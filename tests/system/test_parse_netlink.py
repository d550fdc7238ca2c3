"""The headers of netlink datagrams, whole and cut short."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from homelab.system.parse_netlink import Notice, parse_notices

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
NFT_MSG_DELRULE = 10 << 8 | 8


def message(kind: int, port: int, body: bytes = b"") -> bytes:
    length = 16 + len(body)
    return struct.pack("=IHHII", length, kind, 0, 0, port) + body + b"\0" * (-length % 4)


def test_each_message_of_a_datagram_tells_its_sender_and_whether_something_went() -> None:
    data = (
        message(RTM_NEWROUTE, 7, b"abc")
        + message(RTM_DELROUTE, 8)
        + message(NFT_MSG_DELRULE, 9)
        + message(RTM_DELROUTE, 0)
    )

    assert [*parse_notices(data)] == [
        Notice(7, takes=False),
        Notice(8, takes=True),
        Notice(9, takes=True),
        Notice(0, takes=True),
    ]


def test_the_second_socket_of_a_process_is_that_process() -> None:
    assert [*parse_notices(message(RTM_DELROUTE, 5 << 22 | 4711))] == [Notice(4711, takes=True)]


@given(st.binary(max_size=200))
def test_any_bytes_come_to_an_end(data: bytes) -> None:
    assert len([*parse_notices(data)]) <= len(data) // 16
