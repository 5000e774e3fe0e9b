"""Delay failed sign-ins: each failure from an address makes the next one wait longer."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from loyalty_mcp.web.edge.http_errors import HttpError

FREE_FAILURES: Final = 3
FIRST_DELAY_SECONDS: Final = 0.25
MAX_DELAY_SECONDS: Final = 8.0
RESET_SECONDS: Final = 300.0
MAX_ADDRESSES: Final = 10_000
MAX_DELAYED: Final = 200
"""Failures that may be delayed at once: each of them holds a connection."""


class Throttle:
    """Delays failed sign-ins by address.

    No address is locked out, because all callers behind a load balancer share one: only a failed
    sign-in waits.

    Args:
        sleep: waits for a number of seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._delayed = 0

    async def delay_failure(self, address: str) -> None:
        """Record a failed sign-in, and return when it may be answered.

        Raises:
            HttpError: too many failures are being delayed already (429).
        """
        count, last = self._failures.pop(address, (0, 0.0))
        if self._clock() - last > RESET_SECONDS:
            count = 0
        self._failures[address] = (count + 1, self._clock())
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        if count < FREE_FAILURES:
            return
        if self._delayed >= MAX_DELAYED:
            raise HttpError(429, "Too many failed attempts; wait a moment.", {"Retry-After": "10"})
        self._delayed += 1
        doublings = min(count - FREE_FAILURES, 16)
        try:
            await self._sleep(min(FIRST_DELAY_SECONDS * 2.0**doublings, MAX_DELAY_SECONDS))
        finally:
            self._delayed -= 1
