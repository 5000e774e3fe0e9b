"""The upstream's time, which deadlines are based on."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_INCLUDING_SLEEP: Final = getattr(time, "CLOCK_BOOTTIME", None) or getattr(
    time, "CLOCK_MONOTONIC", None
)
"""Linux's monotonic clock stops while the machine sleeps, and so does Python's on macOS."""


def elapsed_seconds() -> float:
    """Seconds since a fixed time, unaffected by changes of the wall clock, and including sleep."""
    if _INCLUDING_SLEEP is None:
        return time.monotonic()
    return time.clock_gettime(_INCLUDING_SLEEP)


class UpstreamClock:
    """The upstream's time: its last `Date`, plus the time elapsed since.

    `Date` has whole seconds and is written before the answer is sent, so the estimate can be late
    by a second plus the duration of an answer; it is never early.

    Args:
        now: our own clock, used before the first answer.
        elapsed: seconds since any fixed time.
    """

    def __init__(
        self, now: Callable[[], datetime], elapsed: Callable[[], float] = elapsed_seconds
    ) -> None:
        self._own_now = now
        self._elapsed = elapsed
        self._date_header = ""
        self._date: datetime | None = None
        self._seen_at = 0.0

    def observe(self, date_header: str) -> None:
        """Take the upstream's time from the `Date` header of an answer that has just arrived.

        The first answer in a second is the most precise, so later ones are ignored. Invalid dates
        are ignored too.
        """
        if date_header == self._date_header:
            return
        try:
            date = parsedate_to_datetime(date_header)
        except (ValueError, OverflowError):
            return
        self._date_header = date_header
        self._date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        self._seen_at = self._elapsed()

    def now(self) -> datetime:
        """The best estimate of the upstream's time; our own clock before its first answer."""
        if self._date is None:
            return self._own_now()
        return self._date + timedelta(seconds=self._elapsed() - self._seen_at)

    @property
    def skew(self) -> timedelta | None:
        """How far our clock is ahead of the upstream's; None before its first answer."""
        return None if self._date is None else self._own_now() - self.now()
