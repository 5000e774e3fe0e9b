"""Divides the hourly request budget: a share for each caller, and a reserve for changes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from loyalty_mcp.brevo.budget import Budget, clock_time
from loyalty_mcp.errors import RateLimited, nothing_changed

_CALLER: ContextVar[str | None] = ContextVar("budget_caller", default=None)
_UNDER_WAY: ContextVar[bool] = ContextVar("change_under_way", default=False)


def charge_to(caller: str | None) -> None:
    """Charge the requests of this task, and of the tasks that it starts, to a caller.

    Args:
        caller: name of the principal; None for a caller without limits.
    """
    _CALLER.set(caller)


def start_change() -> None:
    """Let the rest of this task use the reserve, because it is sending a change."""
    _UNDER_WAY.set(True)


@contextmanager
def change_under_way() -> Iterator[None]:
    """A block in which requests may use the reserve, because somebody has agreed to a change."""
    token = _UNDER_WAY.set(True)
    try:
        yield
    finally:
        _UNDER_WAY.reset(token)


@dataclass(frozen=True, slots=True)
class ShareUse:
    """A caller's use of the current hour.

    Args:
        used: requests sent for the caller.
        allowed: requests that the caller may use.
    """

    used: int
    allowed: int


class BudgetShares:
    """Counts the requests of each caller in the current hour.

    Only requests of this process are counted, so each replica gives a caller a separate share. The
    reserve is compared with the budget that Brevo reports, so it applies across replicas.

    Args:
        share: percentage of the hour's requests that one caller may use.
        reserve: percentage reserved for operators and for changes that somebody has agreed to.
    """

    def __init__(self, *, share: int = 100, reserve: int = 0) -> None:
        self._share = share
        self._reserve = reserve
        self._used: Counter[str] = Counter()
        self._in_flight = 0
        self._ends: datetime | None = None

    def reserve_of(self, budget: Budget) -> int:
        """The number of requests per hour in the reserve."""
        return budget.limit * self._reserve // 100

    def use_of_caller(self, budget: Budget | None, now: datetime) -> ShareUse | None:
        """The use of the current caller; None without limits, or if the budget is unknown."""
        caller = _CALLER.get()
        if caller is None or budget is None:
            return None
        self._start_new_hour(now)
        return ShareUse(self._used[caller], budget.limit * self._share // 100)

    def check(self, budget: Budget | None, now: datetime, requests: int = 1) -> None:
        """Refuse requests that the current caller may not send.

        Args:
            budget: as last reported by Brevo.
            now: the current time.
            requests: the number of needed requests.

        Raises:
            RateLimited: the caller's share is used up, or only the reserve is left.
        """
        use = self.use_of_caller(budget, now)
        if use is None or budget is None or _UNDER_WAY.get() or now >= budget.resets_at:
            return
        back = f"Come back after {clock_time(budget.resets_at, now)}."
        if use.used + requests > use.allowed:
            raise nothing_changed(
                RateLimited,
                f"This caller has used {use.used} of the {use.allowed} requests to Brevo that one "
                "caller may use in an hour",
                back,
                retry_at=budget.resets_at,
            )
        if budget.remaining - self._in_flight - requests < self.reserve_of(budget):
            raise nothing_changed(
                RateLimited,
                "The requests to Brevo that are left this hour are kept for operators and for "
                "changes already agreed to",
                back,
                retry_at=budget.resets_at,
            )

    @contextmanager
    def charged_request(self, budget: Budget | None, now: datetime) -> Iterator[None]:
        """A block that sends one request, charged to the current caller."""
        caller = _CALLER.get()
        self._start_new_hour(now)
        if self._ends is None and budget is not None:
            self._ends = budget.resets_at
        if caller is not None:
            self._used[caller] += 1
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _start_new_hour(self, now: datetime) -> None:
        if self._ends is not None and now >= self._ends:
            self._used.clear()
            self._ends = None
