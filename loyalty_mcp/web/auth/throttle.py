"""Delay failed sign-ins: each failure makes the next one from that address wait longer."""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

FREE_FAILURES: Final = 3
FIRST_DELAY_SECONDS: Final = 0.25
MAX_DELAY_SECONDS: Final = 8.0
RESET_SECONDS: Final = 300.0
MAX_REMEMBERED: Final = 10_000
MAX_DELAYED: Final = 200
"""Failures that may be delayed at the same time; each holds a connection."""

MAX_DELAYED_PER_ADDRESS: Final = 20


class Throttle:
    """Delays failed sign-ins by address and by credential.

    Only a failed sign-in is delayed. No address is locked out, because all callers behind a load
    balancer share one. If no more failures can be delayed, they are answered immediately, because
    clients learn from the answer how to get a new token.

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
        self._delayed: Counter[str] = Counter()

    async def delay_failure(self, address: str, credential: str) -> None:
        """Record a failed sign-in, and return when it may be answered.

        Args:
            address: where the sign-in comes from.
            credential: the presented credential; only its digest is stored.
        """
        digest = hashlib.sha256(credential.encode("utf-8", "replace")).hexdigest()
        count = max(self._record(f"address {address}"), self._record(f"credential {digest}"))
        if count < FREE_FAILURES or self._is_full(address):
            return
        doublings = min(count - FREE_FAILURES, 16)
        self._delayed[address] += 1
        try:
            await self._sleep(min(FIRST_DELAY_SECONDS * 2.0**doublings, MAX_DELAY_SECONDS))
        finally:
            self._delayed[address] -= 1
            if not self._delayed[address]:
                del self._delayed[address]

    def _record(self, key: str) -> int:
        """Count one failure; return how many came before it."""
        count, last = self._failures.pop(key, (0, 0.0))
        if self._clock() - last > RESET_SECONDS:
            count = 0
        self._failures[key] = (count + 1, self._clock())
        if len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)
        return count

    def _is_full(self, address: str) -> bool:
        of_address = self._delayed.get(address, 0)
        return of_address >= MAX_DELAYED_PER_ADDRESS or self._delayed.total() >= MAX_DELAYED
