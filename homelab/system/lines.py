"""Lines from a pipe, each with a bound on its length and on how long it is waited for."""

import os
import select

from homelab.errors import UnreadableError

_PIECE = 1 << 16


class Lines:
    """Reads a file descriptor, and nobody else may."""

    def __init__(self, handle: int, most: int) -> None:
        self._handle = handle
        self._most = most
        self._rest = bytearray()
        self._ended = False

    def next(self, patience: float | None = None) -> bytes | None:
        """The next line without its end; None when there is none any more.

        Raises ``TimeoutError`` when nothing at all came for ``patience`` seconds, and ``UnreadableError``
        for a line that is too long: what comes after it cannot be told from it.
        """
        looked = 0
        while (end := self._rest.find(b"\n", looked)) < 0:
            looked = len(self._rest)
            if looked > self._most:
                raise UnreadableError(f"a line of more than {self._most // 1024 // 1024} MiB")
            if self._ended:
                return self._last()
            self._take(patience)
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return line

    def _last(self) -> bytes | None:
        line = bytes(self._rest)
        self._rest.clear()
        return line or None

    def _take(self, patience: float | None) -> None:
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        if not poll.poll(None if patience is None else patience * 1000):
            raise TimeoutError
        try:
            piece = os.read(self._handle, _PIECE)
        except OSError as error:
            raise UnreadableError(f"not readable: {error.strerror}") from error
        self._ended = not piece
        self._rest += piece
