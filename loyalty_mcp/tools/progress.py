"""Reports the progress of long work to a listener, if there is one."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Final

Listener = Callable[[int, int, str], Awaitable[None]]
"""Called with the steps done, the total, and the current step."""

_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("listener", default=None)


@contextlib.contextmanager
def reporting_to(listener: Listener) -> Iterator[None]:
    """Report the progress of the work in this context to `listener`."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


async def report(done: int, total: int, now: str) -> None:
    """Report the progress of some work; a failure to report does not stop the work.

    Args:
        done: completed steps.
        total: all steps, as far as known.
        now: the current step, in our own words.
    """
    listener = _LISTENER.get()
    if listener is not None:
        with contextlib.suppress(Exception):
            await listener(done, total, now)
