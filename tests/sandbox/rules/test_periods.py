from datetime import UTC, datetime

import pytest

from loyalty_mcp.sandbox.rules import periods
from loyalty_mcp.sandbox.rules.periods import DayOfYear


def at(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "value", "unit", "expected"),
    [
        ("2026-01-31T10:00", 1, "month", "2026-02-28T10:00"),
        ("2024-02-29T10:00", 1, "year", "2025-02-28T10:00"),
        ("2024-02-29T10:00", 4, "year", "2028-02-29T10:00"),
        ("2026-12-31T10:00", 2, "month", "2027-02-28T10:00"),
        ("2026-03-31T10:00", -1, "month", "2026-02-28T10:00"),
        ("2026-03-10T10:00", 2, "week", "2026-03-24T10:00"),
        ("2026-02-28T10:00", 1, "day", "2026-03-01T10:00"),
    ],
)
def test_a_span_keeps_the_time_of_day_and_fits_the_month(
    start: str, value: int, unit: periods.PeriodUnit, expected: str
) -> None:
    """A day that a month does not have falls to the month's last day."""
    assert periods.add_span(at(start), value, unit) == at(expected)


@pytest.mark.parametrize(
    ("unit", "first", "after"),
    [
        ("day", "2026-03-11T00:00", "2026-03-12T00:00"),
        ("week", "2026-03-09T00:00", "2026-03-16T00:00"),
        ("month", "2026-03-01T00:00", "2026-04-01T00:00"),
        ("year", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_a_period_ends_where_the_next_begins(
    unit: periods.PeriodUnit, first: str, after: str
) -> None:
    """A week begins on Monday; an end is the first instant after the period."""
    moment = at("2026-03-11T15:30")

    assert periods.start_of_period(moment, unit) == at(first)
    assert periods.end_of_period(moment, unit) == at(after)
    assert periods.start_of_period(at(first), unit) == at(first)


def test_a_fixed_day_lasts_to_its_end() -> None:
    """The day itself still counts until midnight."""
    day = DayOfYear.parse("31/12")

    assert periods.end_of_next(day, at("2026-12-31T23:59")) == at("2027-01-01T00:00")
    assert periods.end_of_next(day, at("2027-01-01T00:00")) == at("2028-01-01T00:00")
    assert periods.start_of_next(day, at("2026-12-31T00:00")) == at("2027-12-31T00:00")


def test_the_29_february_falls_to_the_28th() -> None:
    """In years without the day, the month's last day takes its place."""
    day = DayOfYear.parse("29/02")

    assert periods.end_of_next(day, at("2026-01-10T00:00")) == at("2026-03-01T00:00")
    assert periods.end_of_next(day, at("2028-02-29T12:00")) == at("2028-03-01T00:00")


@pytest.mark.parametrize("text", ["", "1/1", "32/01", "31/02", "00/01", "01/13", "2026-01-01"])
def test_no_other_text_is_a_day(text: str) -> None:
    """A day is two digits, a slash and two digits, and exists in some year."""
    with pytest.raises(ValueError, match="day"):
        DayOfYear.parse(text)
