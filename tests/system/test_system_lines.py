"""Lines from a pipe: whole ones, torn ones, long ones, and none."""

import os

import pytest

from homelab.errors import UnreadableError
from homelab.system.lines import Lines


def reading(content: bytes, most: int = 1000) -> Lines:
    out, into = os.pipe()
    os.write(into, content)
    os.close(into)
    return Lines(out, most)


def test_lines_come_in_order_and_the_last_one_needs_no_end() -> None:
    lines = reading(b"one\n\ntwo")

    assert [lines.next() for _ in range(4)] == [b"one", b"", b"two", None]
    assert lines.next() is None


def test_a_line_that_is_too_long_is_told() -> None:
    with pytest.raises(UnreadableError, match="a line of more than"):
        reading(b"x" * 5000).next()


def test_silence_has_an_end() -> None:
    out, into = os.pipe()

    with pytest.raises(TimeoutError):
        Lines(out, 10).next(0.01)
    os.close(into)
    os.close(out)


def test_what_cannot_be_read_is_told() -> None:
    out, into = os.pipe()
    os.close(into)
    os.close(out)

    with pytest.raises(UnreadableError, match="Bad file descriptor"):
        Lines(out, 10).next()
