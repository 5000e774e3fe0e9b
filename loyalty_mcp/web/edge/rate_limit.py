"""Limits the requests of each caller."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

import anyio

from loyalty_mcp.intents.principal import LOCAL, Principal
from loyalty_mcp.web.edge.http_errors import HttpError

MAX_CALLERS: Final = 10_000


def is_bounded(principal: Principal) -> bool:
    """Whether limits apply: not to operators, and not to the local user."""
    return not principal.operator and principal.name != LOCAL


class RateLimit:
    """A token bucket for each caller.

    A caller may use a minute's requests at once; they are replenished evenly.

    Args:
        per_minute: requests per minute.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = anyio.current_time) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.refused = 0

    def check(self, principal: Principal) -> None:
        """Count one request.

        Raises:
            HttpError: the caller has used up its requests (429, with Retry-After).
        """
        if not is_bounded(principal):
            return
        now = self._clock()
        left, at = self._buckets.pop(principal.name, (self._capacity, now))
        left = min(self._capacity, left + (now - at) * self._per_second)
        self._buckets[principal.name] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            self.refused += 1
            seconds = ceil((1 - left) / self._per_second)
            raise HttpError(
                429,
                f"More than {self._capacity:.0f} requests in a minute; "
                "LOYALTY_MCP_MAX_CALLS_PER_MINUTE sets the limit.",
                {"Retry-After": str(seconds)},
            )
