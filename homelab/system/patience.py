"""Asking what may never answer: a file or a socket that is in a guest's hands."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T]) -> T:
    """What the function returns; ``TimeoutError`` when it takes longer, and its thread is left behind."""
    from multiprocessing import TimeoutError as LateError  # noqa: PLC0415 - costs 10 ms, rarely needed
    from multiprocessing.pool import ThreadPool  # noqa: PLC0415 - as above

    with ThreadPool(1) as thread:
        try:
            return thread.apply_async(ask).get(seconds)
        except LateError as error:
            raise TimeoutError(f"does not answer within {seconds:g} s") from error
