"""What went wrong with a daemon behind a socket, in the words of a reason."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from homelab.errors import UnreadableError

_DENIED = "permission denied; run as root"
_WORDS = {errno.EACCES: _DENIED, errno.EPERM: _DENIED, errno.ECONNREFUSED: "daemon down"}


@contextmanager
def reasons(timeout: float, *own: type[Exception]) -> Iterator[None]:
    """All that requests and a daemon can do wrong becomes ``UnreadableError``.

    ``own`` are the exceptions of the library that asks.
    """
    import requests.exceptions  # noqa: PLC0415 - costs 100 ms, and not every command asks a daemon
    import urllib3.exceptions  # noqa: PLC0415 - as above

    slow = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    wrong: tuple[type[Exception], ...] = (urllib3.exceptions.HTTPError, OSError, ValueError)
    wrong += (RecursionError, *own)
    try:
        yield
    except slow as error:
        raise UnreadableError(f"does not answer within {timeout:g} s") from error
    except wrong as error:
        raise UnreadableError(reason(error)) from error


def reason(error: BaseException) -> str:
    """The error of the system below those of the libraries, if there is one."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return _WORDS.get(below.errno or 0, printable(below.strerror.lower()))
        below = below.__cause__ or below.__context__
    return printable(str(error)) or type(error).__name__


def printable(said: str) -> str:
    """One line of what a program said, fit for a terminal: a guest may have put its own words there."""
    line = " ".join(said.split())[:200]
    return "".join(each if each.isprintable() else "?" for each in line)
