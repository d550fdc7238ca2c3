"""Running a function of ours inside the network namespace of a place."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from homelab.errors import OperationError
from homelab.system.doors import SELF, Door

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def inside(door: Door, function: Callable[[], T]) -> T:
    """What the function returns when a thread that has entered the place calls it.

    setns(2) binds only the calling thread, which ends here; a socket that the function leaves open
    stays in the place. ``OperationError`` when the place cannot be entered.
    """
    with ThreadPoolExecutor(1, "inside") as thread:
        return thread.submit(_enter_and_call, door, function).result()


def _enter_and_call(door: Door, function: Callable[[], T]) -> T:
    if door.netns != SELF:
        _enter(door)
    return function()


def _enter(door: Door) -> None:
    try:
        handle = os.open(door.netns, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise OperationError(f"{door.place}: {door.netns}: {error.strerror}") from error
    try:
        if _libc.setns(handle, _CLONE_NEWNET) != 0:
            said = os.strerror(ctypes.get_errno())
            raise OperationError(f"{door.place}: setns {door.netns}: {said}; run as root")
    finally:
        os.close(handle)
