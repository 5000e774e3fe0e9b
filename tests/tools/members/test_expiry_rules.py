"""When credits expire, and that the engine, which shares no code with this, agrees."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.sandbox.rules import ledger, periods
from loyalty_mcp.tools.members.expiry_rules import expiry_of_credit

moments = st.integers(1_577_836_800, 1_924_991_999).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
snaps = st.sampled_from(["noModification", "startOfPeriod", "endOfPeriod"])


@given(moments, st.integers(1, 40), st.sampled_from(["day", "week", "month", "year"]), snaps)
def test_a_duration_ends_as_on_the_engine(
    credited_at: datetime, value: int, unit: periods.PeriodUnit, snap: ledger.Snap
) -> None:
    """A duration in any unit, snapped or not, ends at the moment that the engine takes."""
    definition = BalanceDefinition(
        id="points",
        balance_availability_duration_value=value,
        balance_availability_duration_unit=unit,
        balance_availability_duration_modifier=snap,
    )
    rules = ledger.BalanceRules(life=ledger.Span(value, unit, snap))

    assert expiry_of_credit(definition, credited_at) == ledger.lot_expiry(rules, credited_at)


@given(moments, st.integers(1, 12), st.integers(1, 28))
def test_a_fixed_day_ends_as_on_the_engine(credited_at: datetime, month: int, day: int) -> None:
    """A fixed day of the year lasts until its end."""
    written = f"{day:02}/{month:02}"
    definition = BalanceDefinition(id="points", balance_expiration_date=written)
    rules = ledger.BalanceRules(life=periods.DayOfYear(day, month))

    assert expiry_of_credit(definition, credited_at) == ledger.lot_expiry(rules, credited_at)


@pytest.mark.parametrize(
    ("written", "credited_at", "expires_at"),
    [
        ("29/02", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("29/02", datetime(2028, 2, 29, 23, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("01/13", datetime(2026, 2, 1, tzinfo=UTC), None),
        ("soon", datetime(2026, 2, 1, tzinfo=UTC), None),
        ("", datetime(2026, 2, 1, tzinfo=UTC), None),
        (
            "31/12",
            datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5))),
            datetime(2028, 1, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_fixed_day(written: str, credited_at: datetime, expires_at: datetime | None) -> None:
    """Days are those of UTC; a day that no month has means no expiry."""
    definition = BalanceDefinition(id="points", balance_expiration_date=written)

    assert expiry_of_credit(definition, credited_at) == expires_at


def test_a_unit_that_we_do_not_know_means_no_expiry() -> None:
    """A unit that the API may add one day is not guessed at."""
    definition = BalanceDefinition(
        id="points",
        balance_availability_duration_value=3,
        balance_availability_duration_unit="decade",
    )

    assert expiry_of_credit(definition, datetime(2026, 1, 1, tzinfo=UTC)) is None
