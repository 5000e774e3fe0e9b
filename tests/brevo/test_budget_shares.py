"""A share of the hourly budget for each caller, and a reserve for changes."""

import contextvars
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from loyalty_mcp.brevo.budget import Budget
from loyalty_mcp.brevo.budget_shares import BudgetShares, ShareUse, change_under_way, charge_to
from loyalty_mcp.errors import RateLimited

NOW = datetime(2026, 5, 4, 12, 10, tzinfo=UTC)
END = datetime(2026, 5, 4, 13, 0, tzinfo=UTC)
FULL = Budget(600, 600, END)


def as_caller(name: str | None, work: Callable[[], None]) -> None:
    """Do some work as a caller."""

    def run() -> None:
        charge_to(name)
        work()

    contextvars.copy_context().run(run)


def spend(shares: BudgetShares, requests: int, now: datetime = NOW) -> None:
    """Send requests as the current caller, each checked first."""
    for _ in range(requests):
        shares.check(FULL, now)
        with shares.charged_request(FULL, now):
            pass


def test_a_caller_is_refused_beyond_its_share() -> None:
    """The message names the used requests and when to try again; other callers are not affected."""
    shares = BudgetShares(share=50, reserve=10)
    as_caller("token:greedy", lambda: spend(shares, 300))

    with pytest.raises(RateLimited) as refused:
        as_caller("token:greedy", lambda: spend(shares, 1))

    assert refused.value.retry_at == END
    assert "300 of the 300 requests" in str(refused.value)
    assert "13:00 UTC" in str(refused.value)
    as_caller("token:modest", lambda: spend(shares, 10))


def test_a_caller_without_bounds_is_never_refused() -> None:
    """Operators and local callers have no share."""
    shares = BudgetShares(share=1, reserve=90)

    as_caller(None, lambda: spend(shares, 100))


def test_a_new_hour_begins_with_nothing_used() -> None:
    """When the budget is full again, earlier counts are ignored."""
    shares = BudgetShares(share=50)
    as_caller("token:kim", lambda: spend(shares, 300))

    as_caller("token:kim", lambda: spend(shares, 300, END + timedelta(seconds=1)))


def test_the_reserve_is_kept() -> None:
    """Requests below the reserve are refused, except for a change that is being carried out."""
    shares = BudgetShares(share=100, reserve=10)
    low = Budget(600, 60, END)

    def check() -> None:
        with pytest.raises(RateLimited, match="operators and for changes already agreed to"):
            shares.check(low, NOW)
        with change_under_way():
            shares.check(low, NOW)
        shares.check(Budget(600, 61, END), NOW)

    as_caller("token:kim", check)
    as_caller(None, lambda: shares.check(low, NOW))


def test_requests_in_flight_count_for_the_reserve() -> None:
    """Brevo has not counted them yet, so they are subtracted from its last figure."""
    shares = BudgetShares(share=100, reserve=10)
    left = Budget(600, 63, END)

    def check() -> None:
        with shares.charged_request(left, NOW), shares.charged_request(left, NOW):
            shares.check(left, NOW)
            with shares.charged_request(left, NOW), pytest.raises(RateLimited):
                shares.check(left, NOW)

    as_caller("token:kim", check)


def test_work_of_many_requests_is_checked_as_a_whole() -> None:
    """A change that needs more than the rest of the share is refused before it starts."""
    shares = BudgetShares(share=50)

    def check() -> None:
        spend(shares, 290)
        shares.check(FULL, NOW, 10)
        with pytest.raises(RateLimited):
            shares.check(FULL, NOW, 11)
        assert shares.use_of_caller(FULL, NOW) == ShareUse(used=290, allowed=300)

    as_caller("token:kim", check)


def test_an_unknown_budget_bounds_nobody() -> None:
    """Before Brevo's first answer, and without its headers, nothing is refused."""
    shares = BudgetShares(share=1, reserve=90)

    as_caller("token:kim", lambda: shares.check(None, NOW, 100))
