"""The hourly request budget, read from the API's headers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from loyalty_mcp.errors import RateLimited, nothing_changed

WINDOW_SECONDS: Final = 3600.0
"""The budget is hourly, so a longer reset is in other units: milliseconds, or an epoch."""


def clock_time(moment: datetime, now: datetime) -> str:
    """A datetime in UTC, with its date unless it is today: `12:30 UTC`."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Budget:
    """The state of the current hour's budget.

    Args:
        limit: requests per window.
        remaining: requests left in the current window.
        resets_at: when the next window starts.
    """

    limit: int
    remaining: int
    resets_at: datetime

    def require(self, requests: int, now: datetime) -> None:
        """Refuse work that needs more requests than are left.

        Args:
            requests: the number of requests that the work takes.
            now: the current time.

        Raises:
            RateLimited: fewer are left; says when to try again.
        """
        if self.remaining >= requests or now >= self.resets_at:
            return
        raise nothing_changed(
            RateLimited,
            f"This takes {requests} requests to Brevo and {self.remaining} are left this hour",
            f"Come back after {clock_time(self.resets_at, now)}.",
            retry_at=self.resets_at,
        )


def budget_in(headers: Mapping[str, str], now: datetime) -> Budget | None:
    """Read the budget from the headers of an answer.

    Args:
        headers: of the answer.
        now: when the answer arrived.

    Returns:
        The budget; None unless all three headers are present and valid.
    """
    try:
        limit, remaining = (
            int(headers[f"x-sib-ratelimit-{name}"]) for name in ("limit", "remaining")
        )
        return Budget(limit, remaining, _after(headers["x-sib-ratelimit-reset"], now))
    except (KeyError, ValueError):
        return None


def retry_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When a refused request may be sent again, according to the refusal's headers.

    Brevo sends `x-sib-ratelimit-reset`; proxies in front of it send `Retry-After`.
    """
    for name in ("x-sib-ratelimit-reset", "retry-after"):
        try:
            return _after(headers[name], now)
        except (KeyError, ValueError):
            continue
    return None


def _after(seconds: str, now: datetime) -> datetime:
    """The time that many seconds from now, at most an hour ahead.

    Raises:
        ValueError: not a number.
    """
    count = float(seconds)
    if math.isnan(count):
        raise ValueError(seconds)
    return now + timedelta(seconds=min(max(count, 0.0), WINDOW_SECONDS))
