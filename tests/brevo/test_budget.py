"""The budget: read from the headers of loyalty answers, and never longer than an hour."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from loyalty_mcp.brevo.budget import Budget, budget_in, clock_time
from loyalty_mcp.errors import RateLimited
from tests.brevo.conftest import START
from tests.brevo.upstream import CHANGE, READ, Open, Upstream, answer, error_of, limited
from tests.hasty import HASTY

HOUR = timedelta(hours=1)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A loop with a simulated clock, so that tests do not wait."""
    return HASTY


async def test_budget_is_learned(open_brevo: Open) -> None:
    """The headers of any loyalty answer contain the remaining budget of the hour."""
    headers = {
        "x_sib_ratelimit_limit": "600",
        "x_sib_ratelimit_remaining": "42",
        "x_sib_ratelimit_reset": "90",
    }
    brevo = open_brevo(Upstream(answer(422, b"", **headers)))
    await error_of(brevo, CHANGE)

    assert brevo.budget is not None
    assert (brevo.budget.limit, brevo.budget.remaining) == (600, 42)
    assert brevo.budget.resets_at - START == pytest.approx(
        timedelta(seconds=90), abs=timedelta(seconds=1)
    )


@pytest.mark.parametrize("reset", ["", "soon", "NaN", "12:30"])
async def test_unreadable_budget_is_ignored(open_brevo: Open, reset: str) -> None:
    """Invalid headers change nothing."""
    headers = {
        "x_sib_ratelimit_limit": "600",
        "x_sib_ratelimit_remaining": "1",
        "x_sib_ratelimit_reset": reset,
    }
    brevo = open_brevo(Upstream(answer(200, b'{"items": []}', **headers)))
    await brevo.send(READ)

    assert brevo.budget is None


@pytest.mark.parametrize("reset", ["1800000", "1772370000", "1e9999", "9" * 20, "3601"])
async def test_a_reset_further_than_an_hour_is_taken_as_an_hour(
    open_brevo: Open, reset: str
) -> None:
    """Milliseconds and epochs are not seconds: an hourly budget is full again within an hour."""
    headers = {
        "x_sib_ratelimit_limit": "600",
        "x_sib_ratelimit_remaining": "0",
        "x_sib_ratelimit_reset": reset,
    }
    brevo = open_brevo(Upstream(answer(200, b'{"items": []}', **headers)))
    await brevo.send(READ)

    assert brevo.budget is not None
    assert brevo.budget.resets_at - START == pytest.approx(HOUR, abs=timedelta(seconds=1))
    with pytest.raises(RateLimited) as caught:
        brevo.require(1)
    assert caught.value.retry_at == brevo.budget.resets_at


@pytest.mark.parametrize(("reset", "seconds"), [("12.5", 12.5), ("-30", 0), ("0", 0)])
def test_a_reset_that_is_odd_but_readable(reset: str, seconds: float) -> None:
    """Fractions are kept, and a reset in the past is now."""
    headers = {
        "x-sib-ratelimit-limit": "600",
        "x-sib-ratelimit-remaining": "0",
        "x-sib-ratelimit-reset": reset,
    }

    assert budget_in(headers, START) == Budget(600, 0, START + timedelta(seconds=seconds))


async def test_a_refusal_by_milliseconds_is_back_within_the_hour(open_brevo: Open) -> None:
    """A 429 with a reset in milliseconds does not delay callers for weeks."""
    error = await error_of(open_brevo(Upstream(limited(1_800_000))), CHANGE)

    assert error.retry_at is not None
    assert error.retry_at - START < HOUR + timedelta(seconds=1)
    assert "Come back after 13:00 UTC" in str(error)


async def test_a_proxy_says_when_to_come_back(open_brevo: Open) -> None:
    """A proxy's `Retry-After` is used if Brevo's own header is missing."""
    error = await error_of(open_brevo(Upstream(answer(429, b"", retry_after="600"))), CHANGE)

    assert "Come back after 12:10 UTC" in str(error)


async def test_a_refusal_without_a_time(open_brevo: Open) -> None:
    """If no time is given, none is invented."""
    error = await error_of(open_brevo(Upstream(answer(429))), CHANGE)

    assert error.retry_at is None
    assert str(error).endswith("Come back later.")


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "12:40 UTC"),
        (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "2026-03-02 00:10 UTC"),
        (datetime(2026, 12, 31, 23, 45, tzinfo=UTC), "2027-01-01 00:25 UTC"),
        (datetime(2026, 3, 2, 1, 0, tzinfo=timezone(timedelta(hours=2))), "23:40 UTC"),
    ],
)
def test_a_moment_has_its_date_unless_it_is_today(now: datetime, text: str) -> None:
    """Today is the current day in UTC, whatever our time zone is."""
    assert clock_time(now + timedelta(minutes=40), now) == text
