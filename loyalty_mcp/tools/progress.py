"""Progress of long work, told to whoever waits for it; nobody has to listen."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Final

Listener = Callable[[int, int, str], Awaitable[None]]
"""Told what is done, of how much, and what comes next."""

_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("listener", default=None)


@contextlib.contextmanager
def reporting_to(listener: Listener) -> Iterator[None]:
    """Tell the progress of what happens inside to `listener`."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


async def report(done: int, total: int, now: str) -> None:
    """Tell how far some work is; that nobody could be told does not stop it.

    Args:
        done: steps that are over.
        total: steps in all, as far as is known.
        now: what is being done, in our own words.
    """
    listener = _LISTENER.get()
    if listener is not None:
        with contextlib.suppress(Exception):
            await listener(done, total, now)
