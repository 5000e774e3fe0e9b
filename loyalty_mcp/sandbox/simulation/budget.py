"""The hourly rate limit, and its response headers."""

from datetime import datetime, timedelta
from typing import Final

from loyalty_mcp.sandbox.errors import TooManyRequests

WINDOW: Final = timedelta(hours=1)
CONTACT_CALLS: Final = 36_000


class Budget:
    """A number of calls per hour; the hour starts with its first call.

    Args:
        limit: Calls per hour; 0 for no limit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._ends: datetime | None = None

    def refill(self) -> None:
        """Restore the full budget."""
        self._used, self._ends = 0, None

    def spend(self, now: datetime) -> None:
        """Count one call.

        Raises:
            TooManyRequests: The hourly budget is used up.
        """
        if self.limit == 0:
            return
        self._turn(now)
        if self._ends is None:
            self._ends = now + WINDOW
        if self._used >= self.limit:
            raise TooManyRequests("The hourly budget of calls is used up.")
        self._used += 1

    def headers(self, now: datetime) -> list[tuple[bytes, bytes]]:
        """Return the headers with the limit, the calls left and the seconds until the reset."""
        if self.limit == 0:
            return []
        self._turn(now)
        left = WINDOW if self._ends is None else self._ends - now
        seconds = -(-left // timedelta(seconds=1))
        return [
            (b"x-sib-ratelimit-limit", b"%d" % self.limit),
            (b"x-sib-ratelimit-remaining", b"%d" % max(self.limit - self._used, 0)),
            (b"x-sib-ratelimit-reset", b"%d" % seconds),
        ]

    def _turn(self, now: datetime) -> None:
        if self._ends is not None and now >= self._ends:
            self.refill()
