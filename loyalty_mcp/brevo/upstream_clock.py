"""The upstream's time, which deadlines are judged by."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_INCLUDING_SLEEP: Final = getattr(time, "CLOCK_BOOTTIME", None) or getattr(
    time, "CLOCK_MONOTONIC", None
)
"""Linux's monotonic clock stands still while the machine sleeps, and so does Python's on macOS."""


def elapsed_seconds() -> float:
    """Seconds since a fixed moment: no jump of the wall clock shows, and sleep counts."""
    if _INCLUDING_SLEEP is None:
        return time.monotonic()
    return time.clock_gettime(_INCLUDING_SLEEP)


class UpstreamClock:
    """The upstream's time: the last `Date` it sent, plus the time that has passed since.

    `Date` has whole seconds and is written before the answer travels, so the estimate can be late
    by a second and the time an answer takes; it is never early.

    Args:
        now: our own clock, used until an answer has told the upstream's time.
        elapsed: seconds that have passed since any fixed moment.
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

        The first answer of a second is the closest to its beginning, so later ones add nothing.
        What cannot be read as a date is ignored.
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
