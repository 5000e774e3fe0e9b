"""The hourly request budget, as the API's own headers tell it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from loyalty_mcp.errors import RateLimited


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the current hour.

    Args:
        limit: requests in a window.
        remaining: requests left in the current window.
        resets_at: when the next window begins.
    """

    limit: int
    remaining: int
    resets_at: datetime

    def require(self, requests: int, now: datetime) -> None:
        """Refuse work that needs more requests than are left.

        Args:
            requests: how many requests the work takes.
            now: the current time.

        Raises:
            RateLimited: fewer are left; says when to come back.
        """
        if self.remaining >= requests or now >= self.resets_at:
            return
        raise RateLimited(
            f"This takes {requests} requests to Brevo and {self.remaining} are left this hour; "
            f"nothing was changed. Come back after {self.resets_at:%H:%M} UTC.",
            self.resets_at,
        )


def budget_in(headers: Mapping[str, str], now: datetime) -> Budget | None:
    """Read the budget from the headers of an answer.

    Args:
        headers: of the answer.
        now: when it arrived.

    Returns:
        The budget; None unless all three headers are there and readable.
    """
    try:
        limit, remaining, reset = (
            int(headers[f"x-sib-ratelimit-{name}"]) for name in ("limit", "remaining", "reset")
        )
        return Budget(limit, remaining, now + timedelta(seconds=reset))
    except (KeyError, ValueError, OverflowError):
        return None
