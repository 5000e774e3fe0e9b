"""Slowing down whoever guesses: each failure of an address makes its next one wait longer."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from loyalty_mcp.web.edge.http_errors import Refusal

FREE: Final = 3
FIRST_SECONDS: Final = 0.25
LONGEST_SECONDS: Final = 8.0
FORGOTTEN_SECONDS: Final = 300.0
REMEMBERED: Final = 10_000
WAITING: Final = 200
"""Failures that may wait at once; one more is turned away, for each holds a connection."""


class Slowdown:
    """Counts the failures of each address.

    Nobody is locked out: behind a load balancer all callers share an address, and only a failed
    attempt waits.

    Args:
        sleep: waits for some seconds.
        clock: seconds that only go forwards.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting = 0

    async def failed(self, address: str) -> None:
        """An attempt from that address has failed; returns when it may be answered.

        Raises:
            Refusal: too many wait already (429).
        """
        count, last = self._failures.pop(address, (0, 0.0))
        if self._clock() - last > FORGOTTEN_SECONDS:
            count = 0
        self._failures[address] = (count + 1, self._clock())
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        if count < FREE:
            return
        if self._waiting >= WAITING:
            raise Refusal(429, "Too many failed attempts; wait a moment.", {"Retry-After": "10"})
        self._waiting += 1
        try:
            await self._sleep(min(FIRST_SECONDS * 2.0 ** min(count - FREE, 16), LONGEST_SECONDS))
        finally:
            self._waiting -= 1
